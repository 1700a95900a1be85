"""Lists: what they find, and that they cost the same whatever their length."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, Organization, Role, User
from bookings.models import Booking, Guest, Slot
from bookings.services.bookings import create_booking
from reserve.core import bounded_paginator
from reserve.outbox.models import Event
from tests.admin.tenants import TENANT_MODELS, make_rows, page_of
from tests.factories import make_customer, make_member, make_slot, make_venue, seats_on
from venues.models import Closure, Resource, Venue


def found(browser, model, query: str) -> list:
    response = browser.get(f"{page_of(model, 'changelist')}?{query}")
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


@pytest.mark.parametrize("model", [*TENANT_MODELS, User])
def test_a_list_costs_the_same_for_2_rows_as_for_20(model, ours, superuser, admin_of) -> None:
    def grow(number: int) -> None:
        for _ in range(number):
            make_rows(ours.organization, "more")
            make_member(ours.organization, Role.STAFF)

    people = [superuser, ours.owner] if model is not User else [superuser]
    grow(1)
    few = [_cost(admin_of(person), model) for person in people]
    grow(18)
    assert [_cost(admin_of(person), model) for person in people] == few


def _cost(browser, model) -> int:
    address = page_of(model, "changelist")
    browser.get(address)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert browser.get(address).status_code == 200
    return len(queries)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Venue, "City ours"),
        (Resource, "Room ours"),
        (Closure, "Closed for"),
        (Slot, "Room ours"),
        (Guest, "@ours.example"),
        (Membership, "staff@ours.example"),
        (Organization, "Group"),
        (Event, "booking.ours"),
    ],
)
def test_rows_are_found_by_words(model, words, ours, theirs, admin_of) -> None:
    assert ours.row_of(model) in found(admin_of(ours.owner), model, f"q={words}")
    assert found(admin_of(ours.owner), model, "q=nothing-like-it") == []


@pytest.mark.parametrize("model", TENANT_MODELS)
def test_rows_are_found_by_public_id(model, ours, theirs, admin_of) -> None:
    row = ours.row_of(model)
    assert found(admin_of(ours.owner), model, f"q={row.public_id}") == [row]
    assert found(admin_of(theirs.owner), model, f"q={row.public_id}") == []


def test_bookings_are_found_by_code_and_guest(ours, theirs, admin_of) -> None:
    browser = admin_of(ours.staff)
    code = ours.booking.confirmation_code
    assert found(browser, Booking, f"q={code[:6].lower()}") == [ours.booking]
    for words in ("Guest ours", "@ours.example", "2 ours"):
        assert ours.booking in found(browser, Booking, f"q={words}")
    assert found(browser, Booking, "q=theirs") == []


def test_events_are_found_by_their_subject(ours, admin_of) -> None:
    events = found(admin_of(ours.owner), Event, f"q={ours.booking.public_id}")
    assert [event.name for event in events] == ["booking.created"]
    assert found(admin_of(ours.owner), Event, "state=dead") == [ours.event]
    assert ours.event not in found(admin_of(ours.owner), Event, "state=waiting")


def test_a_lapsed_hold_reads_as_expired_and_its_seats_as_free(ours, admin_of) -> None:
    browser = admin_of(ours.staff)
    (hold,) = found(browser, Booking, "status=EXPIRED")
    assert hold.status == "HELD"
    assert found(browser, Booking, "status=HELD") == []
    assert "Expired" in browser.get(page_of(Booking, "change", hold)).content.decode()

    (slot,) = found(browser, Slot, "day=tomorrow")
    ours.slot.refresh_from_db()
    assert (slot.reserved, ours.slot.reserved) == (2, 5)
    shown = browser.get(page_of(Slot, "change", ours.slot)).context["original"]
    assert shown.remaining == 8


def test_a_day_is_the_venues_own(ours, admin_of) -> None:
    """The same instant is on two dates, in Auckland and in Honolulu."""
    moment = datetime.now(UTC).replace(hour=11, minute=0, second=0, microsecond=0) + timedelta(30)
    slots = {}
    for zone in ("Pacific/Auckland", "Pacific/Honolulu"):
        venue = make_venue(organization=ours.organization, timezone=zone)
        resource = Resource.objects.create(
            organization=ours.organization, venue=venue, name=zone, capacity=4
        )
        slots[zone] = make_slot(resource, starts_at=moment)
    browser = admin_of(ours.staff)
    for zone, slot in slots.items():
        day = moment.astimezone(ZoneInfo(zone)).date()
        assert found(browser, Slot, f"day={day}") == [slot]
        text = browser.get(f"{page_of(Slot, 'changelist')}?day={day}").content.decode()
        assert f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" in text


@pytest.mark.parametrize("day", ["never", "9999-12-31", "0001-01-01", "2025-02-30"])
def test_an_impossible_day_is_no_fault_of_ours(day, ours, admin_of) -> None:
    response = admin_of(ours.staff).get(f"{page_of(Slot, 'changelist')}?day={day}")
    assert response.status_code in {200, 302}


def test_days_of_bookings(ours, admin_of) -> None:
    browser = admin_of(ours.staff)
    for day in ("all", "upcoming", "tomorrow", "week"):
        assert ours.booking in found(browser, Booking, f"day={day}")
    for day in ("today", "past"):
        assert found(browser, Booking, f"day={day}") == []


def test_guests_lead_to_their_bookings(ours, admin_of) -> None:
    slot = make_slot(ours.resource, starts_at=ours.slot.ends_at)
    create_booking(actor=make_customer(), seats=seats_on(slot))
    browser = admin_of(ours.staff)
    guests = found(browser, Guest, "q=ours")
    assert [(guest, guest.booking_count) for guest in guests] == [(ours.guest, 2)]
    bookings = found(browser, Booking, f"guest__id__exact={ours.guest.pk}")
    assert len(bookings) == 2
    assert ours.booking in bookings


@pytest.mark.parametrize("model", [Booking, Slot, Guest, Event])
def test_nothing_is_counted_to_its_end(model, ours, superuser, admin_of, monkeypatch) -> None:
    """Of a million rows neither the count nor the offset of a page grows with the table."""
    for _ in range(2):
        make_rows(ours.organization, "more")
    browsers = [admin_of(ours.owner), admin_of(superuser)]
    for browser in browsers:
        for query in ("day=all", "q=more"):
            with CaptureQueriesContext(connection) as queries:
                found(browser, model, "" if model in {Guest, Event} and "day" in query else query)
            counts = [one["sql"] for one in queries if one["sql"].startswith("SELECT COUNT(*)")]
            assert counts
            assert all("LIMIT 2001" in sql for sql in counts), counts
    monkeypatch.setattr(bounded_paginator, "MAX_LISTED", 2)
    for browser in browsers:
        page = browser.get(page_of(model, "changelist"), {"day": "all"} if model is Booking else {})
        if page.context["cl"].paginator.is_cut:
            assert page.context["cl"].result_count == 2
            assert "The first 2" in page.content.decode()
    assert page.context["cl"].paginator.is_cut

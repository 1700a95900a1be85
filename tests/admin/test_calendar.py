"""The calendar of a venue: its own days, at a constant cost."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.actors import account
from bookings.models import Booking, Slot
from bookings.services.bookings import create_booking
from tests.factories import make_resource, make_slot, make_venue, seats_on, somebody


def page(browser, venue, **query):
    address = reverse("admin:venues_venue_calendar", args=[venue.pk])
    return browser.get(address, query)


def test_every_view_shows_the_day_by_the_venues_clock(ours, admin_of) -> None:
    # Half past eleven in the evening of UTC is the next day in Copenhagen.
    start = ours.slot.starts_at.replace(hour=23, minute=30)
    slot = make_slot(ours.resource, starts_at=start)
    staff = account(ours.staff.pk)
    late = create_booking(actor=staff, seats=seats_on(slot, 4, guest=somebody()))
    day = ours.venue.local(start).date()
    browser = admin_of(ours.staff)
    lines = page(browser, ours.venue, view="day", date=day).context["resources"][0][1]
    assert [(line.slot, line.bookings) for line in lines] == [(slot, [late])]
    for view in ("week", "month"):
        weeks = page(browser, ours.venue, view=view, date=day).context["weeks"]
        found = {each.date: each for week in weeks for each in week}
        assert (found[day].load.used, found[day].load.capacity) == (4, 10)
        # Two of a booking; the three of the lapsed hold are free.
        before = found.get(ours.venue.local(ours.slot.starts_at).date())
        assert before is None or (before.load.used, before.load.capacity) == (2, 10)
    weeks = page(browser, ours.venue, view="week", date=day).context["weeks"]
    named = {one for week in weeks for each in week for _, one in each.bookings}
    assert late in named
    assert not any(booking.status == "HELD" for booking in named)


def test_a_month_begins_on_a_monday_and_ends_on_a_sunday(ours, admin_of) -> None:
    weeks = page(admin_of(ours.staff), ours.venue, view="month", date="2028-02-10").context["weeks"]
    assert weeks[0][0].date == date(2028, 1, 31)
    assert weeks[-1][-1].date == date(2028, 3, 5)
    assert [each.is_outside for each in weeks[0]] == [True, *[False] * 6]


def test_nonsense_leads_back_and_others_see_nothing(ours, theirs, admin_of) -> None:
    browser = admin_of(ours.staff)
    for query in (
        {"view": "year"},
        {"date": "never"},
        {"date": "0001-01-01"},
        {"view": "month", "date": "9999-12-31"},
    ):
        assert page(browser, ours.venue, **query).status_code == 302
    assert page(browser, theirs.venue).status_code == 403
    assert (
        admin_of(theirs.owner)
        .get(reverse("admin:venues_venue_calendar", args=[ours.venue.pk]))
        .status_code
        == 403
    )


@pytest.mark.parametrize("view", ["day", "week", "month"])
def test_a_calendar_costs_the_same_for_2_bookings_as_for_20(view, ours, admin_of) -> None:
    venue = make_venue(organization=ours.organization)
    slot = make_slot(make_resource(venue, capacity=100))
    staff = account(ours.staff.pk)

    def grow(number: int) -> None:
        for _ in range(number):
            each = make_slot(slot.resource, starts_at=_after(venue))
            for wanted in (slot, each):
                guest = somebody()
                create_booking(actor=staff, seats=seats_on(wanted, 1, guest=guest))

    def cost() -> int:
        browser = admin_of(ours.staff)
        day = venue.local(slot.starts_at).date()
        with CaptureQueriesContext(connection) as queries:
            assert page(browser, venue, view=view, date=day).status_code == 200
        return len(queries)

    grow(1)
    cost()
    few = cost()
    grow(9)
    assert cost() == few
    assert Booking.objects.filter(venue=venue).count() == 20


def _after(venue):
    last = Slot.objects.filter(venue=venue).latest("starts_at")
    return last.starts_at + timedelta(minutes=30)

"""The public booking page, as a browser without scripts sees it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import signing
from django.test import Client
from icalendar import Calendar

from accounts.actors import ANONYMOUS, SYSTEM
from bookings.models import Booking, Slot
from bookings.services.bookings import apply_transition, confirm_hold, create_booking
from bookings.services.bookings import hold_for_visitor as hold
from bookings.states import APPROVE, BookingStatus
from reserve.core.clock import now
from reserve.core.errors import Invalid
from tests.factories import (
    make_customer,
    make_resource,
    make_slot,
    make_venue,
    seats_on,
    tomorrow_at,
)

pytestmark = pytest.mark.django_db(transaction=True)

ADA = {"name": "Ada Guest", "email": "ada@example.org"}


@pytest.fixture
def slot(db: None) -> Slot:
    return make_slot(capacity=4)


@pytest.fixture
def visitor() -> Client:
    # Nothing depends on a cookie, and so nothing on a token against forgery.
    return Client(enforce_csrf_checks=True)


def at(slot: Slot, step: str = "", prefix: str = "book") -> str:
    venue = slot.venue
    return f"/{prefix}/{venue.organization.slug}/{venue.slug}/{step}"


def take(visitor: Client, slot: Slot, party: int = 2, nonce: str = "n1", **more: Any) -> Any:
    form = {"slot": slot.public_id, "party": party, "nonce": nonce} | more
    return visitor.post(at(slot, "hold"), form)


def state_in(answer: Any) -> str:
    return re.search(r'name="state" value="([^"]+)"', answer.content.decode())[1]


def text_of(answer: Any) -> str:
    return answer.content.decode()


def test_from_the_calendar_to_the_calendar_file(visitor: Client, slot: Slot) -> None:
    page = visitor.get(at(slot))
    day = slot.venue.local(slot.starts_at)
    assert page.status_code == 200
    assert f'value="{slot.public_id}"' in text_of(page)
    assert f'id="day-{day:%Y-%m-%d}" class="day free"' in text_of(page)
    assert "4 left" in text_of(page)

    held = take(visitor, slot, 3)
    booking = Booking.objects.get()
    assert (held.status_code, booking.status, booking.seats) == (200, "HELD", 3)
    # Neither the address nor the page has the secret of the booking.
    assert hold(seats=seats_on(slot)).manage_token not in text_of(held)
    # Sent again, as by reloading, it is the same hold.
    assert take(visitor, slot, 3).status_code == 200
    assert Booking.objects.filter(guest_count=3).count() == 1

    form = ADA | {"state": state_in(held), "notes": "A high chair"}
    done = visitor.post(at(slot, "confirm"), form)
    booking.refresh_from_db()
    assert (done.status_code, booking.status, booking.notes) == (200, "PENDING", "A high chair")
    assert (booking.guest.name, booking.guest.email) == ("Ada Guest", "ada@example.org")
    assert booking.confirmation_code in text_of(done)
    assert 'class="steps"' in text_of(done)
    again = visitor.post(at(slot, "confirm"), form)
    assert booking.confirmation_code in text_of(again)

    apply_transition(actor=SYSTEM, booking_id=booking.pk, transition=APPROVE)
    standing = visitor.post(at(slot, "status"), {"state": state_in(done)})
    assert "You are booked" in text_of(standing)
    assert "<html" not in text_of(standing)
    file = visitor.post(at(slot, "calendar"), {"state": state_in(done)})
    assert file.headers["Content-Type"] == "text/calendar"
    (entry,) = Calendar.from_ical(file.content).walk("VEVENT")
    assert entry["DTSTART"].dt == slot.starts_at
    assert entry["DTEND"].dt == slot.ends_at
    assert str(entry["SUMMARY"]) == slot.venue.name
    assert booking.confirmation_code in str(entry["DESCRIPTION"])

    cancelled = visitor.post(at(slot, "cancel"), {"state": state_in(done)})
    booking.refresh_from_db()
    assert booking.status == "CANCELLED"
    assert "This booking is cancelled" in text_of(cancelled)
    assert visitor.post(at(slot, "cancel"), {"state": state_in(done)}).status_code == 200


def test_an_empty_day_leads_to_the_next_that_is_free(visitor: Client) -> None:
    middle = tomorrow_at(12) + timedelta(days=32)
    slot = make_slot(starts_at=middle.replace(day=15))
    free = slot.venue.local(slot.starts_at).date()
    before, after = free - timedelta(days=2), free + timedelta(days=2)
    page = text_of(visitor.get(at(slot), {"date": before.isoformat(), "party": 3}))
    assert f"Next free day: {free:%A, %-d %B}" in page
    assert f'href="?date={free}&amp;party=3"' in page
    assert "Next free day" not in text_of(visitor.get(at(slot), {"date": after.isoformat()}))


def test_whoever_is_too_late_is_offered_what_is_near(visitor: Client, slot: Slot) -> None:
    nearest = make_slot(slot.resource, starts_at=slot.starts_at + timedelta(hours=1))
    far = make_slot(slot.resource, starts_at=slot.starts_at + timedelta(days=3))
    create_booking(actor=make_customer(), seats=seats_on(slot, 3))
    answer = take(visitor, slot, 2)
    assert answer.status_code == 409
    text = text_of(answer)
    assert "somebody else was a moment quicker" in text
    others = text.partition('class="others"')[2].partition("</section>")[0]
    assert re.findall(r'name="slot" value="([^"]+)"', others) == [nearest.public_id, far.public_id]
    assert Booking.objects.count() == 1
    assert f'<span id="{slot.public_id}" class="time full">' in text
    # A slot that was closed, or is gone, is told of in the same way.
    Slot.objects.filter(pk=nearest.pk).update(is_closed=True)
    assert take(visitor, nearest).status_code == 409
    assert take(visitor, nearest, party=9).status_code != 200
    assert Booking.objects.count() == 1


def test_only_days_that_others_have_taken_are_fully_booked(visitor: Client) -> None:
    venue = make_venue(booking_horizon_days=20)
    room = make_resource(venue, capacity=4)
    noon = venue.local(tomorrow_at(12))
    kinds = {}
    for kind, days in {"past": -2, "full": 1, "none": 2, "free": 3, "far": 40}.items():
        starts_at = noon + timedelta(days=days)
        seats = {"reserved": 3} if kind in {"past", "full"} else {}
        make_slot(room, starts_at=starts_at, is_closed=kind == "none", **seats)
        kinds[starts_at.date()] = "none" if kind == "far" else kind
    # A smaller party would still get in there: for two it is full, whatever staff closed beside.
    make_slot(room, starts_at=noon + timedelta(days=1, hours=2), is_closed=True)
    for day, kind in kinds.items():
        address = f"/book/{venue.organization.slug}/{venue.slug}/"
        page = text_of(visitor.get(address, {"month": f"{day:%Y-%m}", "party": "2"}))
        assert f'id="day-{day}" class="day {kind}' in page, kind
        told = {"past": "past", "full": "fully booked", "none": "not available"}.get(kind)
        cell = page.partition(f'id="day-{day}"')[2].partition("</td>")[0]
        assert told is None or f", {told}<" in cell
        alone = text_of(visitor.get(address, {"month": f"{day:%Y-%m}", "party": "1"}))
        assert (f'id="day-{day}" class="day full' in alone) is False


def test_nobody_can_tell_a_private_venue_from_none(visitor: Client) -> None:
    private = make_slot(make_resource(make_venue(is_public=False)))
    nowhere = f"/book/{private.venue.organization.slug}/no-such-venue/"
    for step, method in (("", "get"), ("look-up", "get"), ("hold", "post"), ("confirm", "post")):
        answers = [getattr(visitor, method)(one + step) for one in (at(private), nowhere)]
        assert [answer.status_code for answer in answers] == [404, 404], step
        assert answers[0].content == answers[1].content
    assert take(visitor, private).status_code == 404
    assert Booking.objects.count() == 0


def test_states_that_are_not_ours_open_nothing(visitor: Client, slot: Slot) -> None:
    other = make_slot()
    foreign = state_in(take(visitor, other))
    forged = signing.dumps(Booking.objects.get().public_id, salt="elsewhere")
    for state in ("", "nonsense", forged, foreign):
        for step in ("resume", "confirm", "release", "status", "cancel", "calendar"):
            answer = visitor.post(at(slot, step), ADA | {"state": state})
            assert answer.status_code == 404, (step, state)
    assert Booking.objects.get().status == "HELD"


def test_a_hold_is_found_again_let_go_and_runs_out(visitor: Client, slot: Slot) -> None:
    held = take(visitor, slot, 4)
    cookie = visitor.cookies["held_booking"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", at(slot))
    page = visitor.get(at(slot))
    assert "You are holding" in text_of(page)
    assert "Kept for you" in text_of(visitor.post(at(slot, "resume"), {"state": state_in(page)}))
    gone = visitor.post(at(slot, "release"), {"state": state_in(held)})
    assert gone.status_code == 302
    assert gone.headers["Location"].startswith(at(slot) + "?date=")
    assert "You are holding" not in text_of(visitor.get(at(slot)))
    assert Booking.objects.get().status == "CANCELLED"

    late = take(visitor, slot, 4, nonce="n2")
    Booking.objects.filter(status="HELD").update(hold_expires_at=now() - timedelta(seconds=1))
    for step in ("confirm", "resume"):
        answer = visitor.post(at(slot, step), ADA | {"state": state_in(late)})
        assert "Your time ran out" in text_of(answer)
    assert not Booking.objects.filter(status="PENDING").exists()


def test_what_is_entered_is_looked_through(visitor: Client, slot: Slot) -> None:
    state = state_in(take(visitor, slot))
    for entered, told in (
        ({}, "This field is required."),
        ({"name": "Ada"}, "Please give an e-mail address or a phone number."),
        ({"name": "Ada", "email": "nobody"}, "Enter a valid email address."),
        ({"name": "Ada", "phone": "call me"}, "This cannot be right."),
        ({"name": "Ada\0", "email": "ada@example.org"}, "Null characters are not allowed."),
        (ADA | {"notes": "x" * 2001}, "at most 2000 characters"),
        (ADA | {"website": "https://spam.example"}, "Please look at what is marked."),
    ):
        answer = visitor.post(at(slot, "confirm"), entered | {"state": state})
        assert answer.status_code == 400, entered
        assert told in text_of(answer)
    booking = Booking.objects.get()
    assert (booking.status, booking.guest.name) == ("HELD", "Visitor")
    phone = {"name": "Ada", "phone": "+45 12 34 56 78", "state": state}
    assert visitor.post(at(slot, "confirm"), phone).status_code == 200
    booking.refresh_from_db()
    assert (booking.status, booking.guest.phone) == ("PENDING", "+45 12 34 56 78")


def test_a_hold_of_nobody_becomes_no_booking_of_nobody(slot: Slot) -> None:
    booking = hold(seats=seats_on(slot))
    with pytest.raises(Invalid):
        confirm_hold(actor=ANONYMOUS.with_manage_token(booking.manage_token), booking_id=booking.pk)
    assert Booking.objects.get().status == BookingStatus.HELD


def test_bookings_are_found_by_code_and_address(visitor: Client, slot: Slot, settings) -> None:
    visitor.post(at(slot, "confirm"), ADA | {"state": state_in(take(visitor, slot))})
    code = Booking.objects.get().confirmation_code
    assert visitor.get(at(slot, "look-up")).status_code == 200
    found = visitor.post(at(slot, "look-up"), {"code": code.lower(), "email": "ADA@example.org"})
    # It is no step of making one.
    assert 'class="steps"' not in text_of(found)
    assert code in text_of(found)
    assert visitor.post(at(slot, "cancel"), {"state": state_in(found)}).status_code == 200
    assert Booking.objects.get().status == "CANCELLED"
    elsewhere = make_slot()
    for address, form in (
        (at(slot, "look-up"), {"code": code, "email": "bob@example.org"}),
        (at(slot, "look-up"), {"code": "23456789", "email": "ada@example.org"}),
        (at(elsewhere, "look-up"), {"code": code, "email": "ada@example.org"}),
        (at(slot, "look-up"), {"code": "1", "email": "ada@example.org"}),
    ):
        refused = visitor.post(address, form)
        assert refused.status_code == 404
        assert "We find no booking" in text_of(refused)
    settings.AUTH_RATE_LIMIT_ACCOUNT = 1
    for _ in range(2):
        limited = visitor.post(
            at(slot, "look-up"), {"code": "23456789", "email": "eve@example.org"}
        )
    assert limited.status_code == 429
    assert int(limited.headers["Retry-After"]) >= 1


def test_holds_are_limited_by_the_address_they_come_from(
    visitor: Client, slot: Slot, settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AUTH_RATE_LIMIT_ADDRESS = 2
    monkeypatch.setattr("reserve.core.ratelimit.attempts.client_address", lambda: "198.51.100.77")
    codes = [take(visitor, slot, 1, nonce=f"n{number}").status_code for number in range(3)]
    assert codes == [200, 200, 429]
    assert Booking.objects.count() == 2


def test_only_what_is_made_for_frames_can_be_framed(visitor: Client, slot: Slot) -> None:
    alone, framed = visitor.get(at(slot)), visitor.get(at(slot, prefix="embed"))
    assert "frame-ancestors 'none'" in alone.headers["Content-Security-Policy"]
    assert alone.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors *" in framed.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in framed.headers
    held = visitor.post(
        at(slot, "hold", "embed"), {"slot": slot.public_id, "party": 1, "nonce": "n"}
    )
    # A frame keeps nothing in cookies: browsers take them from nobody there.
    assert not held.cookies
    assert f'action="{at(slot, "confirm", "embed")}"' in text_of(held)


def test_addresses_that_make_no_sense_show_what_there_is(visitor: Client, slot: Slot) -> None:
    for query in (
        {"date": "tomorrow"},
        {"date": "0001-01-01"},
        {"date": "9999-12-31", "month": "9999-12"},
        {"month": "2026-13"},
        {"month": "1800-01"},
        {"party": "-1", "length": "99999999999"},
        {"party": "99999"},
        {"party": "²"},
        {"month": "2999-01", "date": "2026-01-01"},
    ):
        answer = visitor.get(at(slot), query)
        assert answer.status_code == 200, query
    assert visitor.get(at(slot, "hold")).status_code == 405
    assert visitor.post(at(slot)).status_code == 405
    assert visitor.post(at(slot, "hold"), {"slot": "venue_1", "party": 1}).status_code == 400


def test_pages_speak_the_visitors_language(visitor: Client, slot: Slot) -> None:
    page = visitor.get(at(slot), headers={"Accept-Language": "da"})
    assert '<html lang="da"' in text_of(page)
    assert "Hvor mange er I?" in text_of(page)
    assert "Accept-Language" in page.headers["Vary"]
    form = ADA | {"state": state_in(take(visitor, slot))}
    visitor.post(at(slot, "confirm"), form, headers={"Accept-Language": "de-AT"})
    assert Booking.objects.get().guest.locale == "de"


def test_venues_that_take_no_guests_say_so(visitor: Client) -> None:
    slot = make_slot(make_resource(make_venue(accepts_guests=False)))
    assert "people with an account only" in text_of(visitor.get(at(slot)))
    assert take(visitor, slot).status_code == 403
    assert Booking.objects.count() == 0


def test_courts_are_had_for_as_long_as_one_likes(visitor: Client) -> None:
    court = make_resource(booking_mode="EXCLUSIVE", capacity=4)
    first = make_slot(court)
    make_slot(court, starts_at=first.ends_at)
    page = text_of(visitor.get(at(first), {"length": "2"}))
    assert "60 minutes" in page
    assert take(visitor, first, 2, length=2).status_code == 200
    assert Booking.objects.get().slots.count() == 2
    assert take(visitor, first, 2, nonce="n2").status_code == 409


def test_the_page_costs_the_same_for_one_slot_as_for_many(
    visitor: Client, slot: Slot, django_assert_max_num_queries
) -> None:
    def cost() -> int:
        with django_assert_max_num_queries(20) as captured:
            assert visitor.get(at(slot)).status_code == 200
        return len(captured)

    one = cost()
    for hours in range(1, 6):
        make_slot(slot.resource, starts_at=slot.starts_at + timedelta(hours=hours))
        make_slot(make_resource(slot.venue), starts_at=slot.starts_at + timedelta(hours=hours))
    assert cost() == one

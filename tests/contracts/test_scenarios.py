"""Each scenario through REST and through GraphQL: the same code, the same rows."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from accounts.actors import ANONYMOUS, Actor, account
from accounts.models import Role
from bookings.models import Booking, Slot
from bookings.services.bookings import create_hold
from reserve.core.clock import now
from reserve.core.ids import new_id
from tests.clients import BookingApi
from tests.factories import (
    make_consecutive_slots,
    make_customer,
    make_member,
    make_resource,
    make_slot,
    make_venue,
    seats_on,
)
from venues.models import BookingMode, Venue

pytestmark = pytest.mark.django_db(transaction=True)


def _venue_of(slot: Slot, **changes: object) -> Slot:
    Venue.objects.filter(pk=slot.venue_id).update(**changes)
    return slot


Refusal = tuple[str, Callable[[], Slot], int]

# Why a slot cannot be booked: the code, the slot, the size of the party.
REFUSALS: dict[str, Refusal] = {
    "full": ("SLOT_UNAVAILABLE", lambda: make_slot(capacity=4, reserved=4), 1),
    "too few seats": ("SLOT_UNAVAILABLE", lambda: make_slot(capacity=4, reserved=2), 3),
    "closed": ("SLOT_CLOSED", lambda: make_slot(is_closed=True), 1),
    "past": ("SLOT_IN_PAST", lambda: make_slot(starts_at=now() - timedelta(hours=2)), 1),
    "too far": (
        "OUTSIDE_BOOKING_WINDOW",
        lambda: make_slot(starts_at=now() + timedelta(days=120)),
        1,
    ),
    "too near": (
        "OUTSIDE_BOOKING_WINDOW",
        lambda: _venue_of(make_slot(), minimum_notice_minutes=10_000),
        1,
    ),
    "party too large": (
        "PARTY_SIZE_NOT_ALLOWED",
        lambda: _venue_of(make_slot(), maximum_party_size=4),
        5,
    ),
    "party too large for the court": (
        "PARTY_SIZE_NOT_ALLOWED",
        lambda: make_slot(make_resource(booking_mode=BookingMode.EXCLUSIVE, capacity=4)),
        5,
    ),
    "nobody": ("BAD_USER_INPUT", make_slot, 0),
    "private venue": ("NOT_FOUND", lambda: _venue_of(make_slot(), is_public=False), 1),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_booking_leaves_nothing_behind(api: BookingApi, name: str) -> None:
    code, prepare, guest_count = REFUSALS[name]
    slot = prepare()
    before = Slot.objects.values().get(pk=slot.pk)

    answer = api.create_booking(make_customer(), seats_on(slot, guest_count))

    assert answer.code == code
    assert Slot.objects.values().get(pk=slot.pk) == before
    assert not Booking.objects.exists()


def test_a_booking_takes_its_seats_and_cancelling_gives_them_back(api: BookingApi) -> None:
    slot, customer = make_slot(capacity=10), make_customer()

    booked = api.create_booking(customer, seats_on(slot, 4))
    slot.refresh_from_db()
    assert (booked.code, booked.body["status"], slot.remaining) == (None, "PENDING", 6)

    cancelled = api.change(customer, booked.body["id"], "cancel")
    slot.refresh_from_db()
    assert (cancelled.code, cancelled.body["status"], slot.remaining) == (None, "CANCELLED", 10)

    again = api.change(customer, booked.body["id"], "cancel")
    slot.refresh_from_db()
    assert (again.code, slot.remaining) == ("INVALID_STATE", 10)


def test_a_court_is_taken_whole_and_for_as_long_as_asked(api: BookingApi) -> None:
    court = make_resource(booking_mode=BookingMode.EXCLUSIVE, capacity=4)
    slots = make_consecutive_slots(court, 4)

    booked = api.create_booking(make_customer(), seats_on(slots[0], 2, slot_count=3))
    overlapping = api.create_booking(make_customer(), seats_on(slots[2], 2, slot_count=2))
    following = api.create_booking(make_customer(), seats_on(slots[3], 2))

    assert (booked.code, overlapping.code, following.code) == (None, "SLOT_UNAVAILABLE", None)
    assert [slot.remaining for slot in Slot.objects.order_by("starts_at")] == [0, 0, 0, 0]


def test_more_slots_than_follow_one_another_are_not_found(api: BookingApi) -> None:
    slots = make_consecutive_slots(make_resource(), 2)
    answer = api.create_booking(make_customer(), seats_on(slots[0], 1, slot_count=3))
    assert answer.code == "NOT_FOUND"


def test_a_hold_becomes_a_booking_while_it_lasts(api: BookingApi) -> None:
    slot, customer = make_slot(capacity=2), make_customer()

    held = api.create_hold(customer, seats_on(slot, 2))
    elsewhere = api.create_booking(make_customer(), seats_on(slot, 1))
    confirmed = api.change(customer, held.body["id"], "confirm")

    assert (held.code, held.body["status"]) == (None, "HELD")
    assert elsewhere.code == "SLOT_UNAVAILABLE"
    assert (confirmed.code, confirmed.body["status"]) == (None, "PENDING")


def test_a_lapsed_hold_reads_as_expired_and_its_seats_are_free_at_once(api: BookingApi) -> None:
    slot, customer = make_slot(capacity=2), make_customer()
    hold = create_hold(actor=customer, seats=seats_on(slot, 2))
    past = now() - timedelta(seconds=1)
    Booking.objects.filter(pk=hold.pk).update(hold_expires_at=past)
    Slot.objects.filter(pk=slot.pk).update(next_lapse_at=past)
    day = slot.venue.local(slot.starts_at).date().isoformat()

    assert api.booking(customer, hold.public_id).body["status"] == "EXPIRED"
    assert [s["id"] for s in api.available_slots(ANONYMOUS, slot.venue.public_id, day).body] == [
        slot.public_id
    ]
    assert api.change(customer, hold.public_id, "confirm").code == "HOLD_EXPIRED"
    assert api.create_booking(make_customer(), seats_on(slot, 2)).code is None


def test_staff_answer_arrive_and_end_a_booking(api: BookingApi) -> None:
    slot = make_slot()
    staff = account(make_member(slot.organization).pk)
    booked = api.create_booking(make_customer(), seats_on(slot, 2)).body["id"]

    statuses = [
        api.change(staff, booked, verb).body["status"]
        for verb in ("approve", "no-show", "check-in", "undo-check-in", "check-in", "complete")
    ]

    came = ["CHECKED_IN", "CONFIRMED", "CHECKED_IN"]
    assert statuses == ["CONFIRMED", "NO_SHOW", *came, "COMPLETED"]
    assert api.change(staff, booked, "cancel").code == "INVALID_STATE"


def _stranger(_slot: Slot, _owner: Actor) -> Actor:
    return make_customer()


def _foreign_manager(_slot: Slot, _owner: Actor) -> Actor:
    return account(make_member(make_venue().organization, Role.MANAGER).pk)


def _owner(_slot: Slot, owner: Actor) -> Actor:
    return owner


def _colleague(slot: Slot, _owner: Actor) -> Actor:
    return account(make_member(slot.organization).pk)


def _nobody(_slot: Slot, _owner: Actor) -> Actor:
    return ANONYMOUS


@pytest.mark.parametrize(
    ("who", "sees", "cancels", "approves"),
    [
        (_owner, None, None, "FORBIDDEN"),
        (_colleague, None, None, None),
        (_stranger, "NOT_FOUND", "NOT_FOUND", "NOT_FOUND"),
        (_foreign_manager, "NOT_FOUND", "NOT_FOUND", "NOT_FOUND"),
        (_nobody, "NOT_FOUND", "NOT_FOUND", "NOT_FOUND"),
    ],
)
def test_who_may_do_what(
    api: BookingApi,
    who: Callable[[Slot, Actor], Actor],
    sees: str | None,
    cancels: str | None,
    approves: str | None,
) -> None:
    slot, owner = make_slot(), make_customer()
    booking_id = api.create_booking(owner, seats_on(slot)).body["id"]
    actor = who(slot, owner)

    assert api.booking(actor, booking_id).code == sees
    assert api.change(actor, booking_id, "approve").code == approves
    assert api.change(actor, booking_id, "cancel").code == cancels


def test_nobody_books_without_a_login(api: BookingApi) -> None:
    assert api.create_booking(ANONYMOUS, seats_on(make_slot())).code == "UNAUTHENTICATED"


def test_customers_cannot_cancel_at_the_last_moment_and_staff_can(api: BookingApi) -> None:
    slot = _venue_of(make_slot(), cancellation_cutoff_minutes=60 * 24 * 30)
    customer, staff = make_customer(), account(make_member(slot.organization).pk)
    booking_id = api.create_booking(customer, seats_on(slot)).body["id"]

    assert api.change(customer, booking_id, "cancel").code == "OUTSIDE_CANCELLATION_WINDOW"
    assert api.change(staff, booking_id, "cancel").code is None


def test_a_slot_is_found_only_at_its_own_venue(api: BookingApi) -> None:
    slot, elsewhere = make_slot(), make_slot()
    wanted = seats_on(slot)
    there = type(wanted)(elsewhere.venue_id, slot.pk, 1)
    assert api.create_booking(make_customer(), there).code == "NOT_FOUND"


@pytest.mark.parametrize("wrong", ["booking_", "venue_01HQ3", "1", "booking_" + "Z" * 26])
def test_an_id_of_the_wrong_kind_or_shape_is_bad_input(api: BookingApi, wrong: str) -> None:
    assert api.booking(make_customer(), wrong).code == "BAD_USER_INPUT"


def test_an_id_that_was_never_given_is_not_found(api: BookingApi) -> None:
    assert api.booking(make_customer(), Booking.format_id(new_id())).code == "NOT_FOUND"

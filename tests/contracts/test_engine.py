"""Moves, repeats, guests and limits, through both APIs."""

import time
from dataclasses import asdict, replace

import pytest

from accounts.actors import ANONYMOUS, account
from bookings import full_slots
from bookings.guests import GuestDetails
from bookings.models import Booking, BookingSlot, Guest, IdempotencyKey, Slot
from bookings.services.slots import change_slot
from reserve.outbox.models import Event
from tests.clients import BookingApi, GraphQLApi, RestApi
from tests.factories import (
    make_consecutive_slots,
    make_customer,
    make_member,
    make_resource,
    make_slot,
    seats_on,
    somebody,
    tomorrow_at,
)
from venues.models import BookingMode, Venue

pytestmark = pytest.mark.django_db(transaction=True)


def _reserved(*slots: Slot) -> list[int]:
    found = Slot.objects.in_bulk([slot.pk for slot in slots])
    return [found[slot.pk].reserved for slot in slots]


# --- Moves -----------------------------------------------------------------------


def test_a_booking_moves_with_its_seats_and_keeps_its_code(api: BookingApi) -> None:
    room = make_resource(capacity=10)
    slots = make_consecutive_slots(room, 4)
    customer = make_customer()
    booked = api.create_booking(customer, seats_on(slots[0], 3, slot_count=2)).body

    moved = api.reschedule(customer, booked["id"], slots[1])

    assert moved.code is None
    assert [slot["id"] for slot in moved.body["slots"]] == [slot.public_id for slot in slots[1:3]]
    code = moved.body.get("confirmationCode") or moved.body["confirmation_code"]
    assert code == (booked.get("confirmationCode") or booked["confirmation_code"])
    assert _reserved(*slots) == [0, 3, 3, 0]
    booking = Booking.objects.get()
    assert (booking.starts_at, booking.ends_at) == (slots[1].starts_at, slots[2].ends_at)
    assert BookingSlot.objects.count() == 2
    assert list(Event.objects.order_by("sequence").values_list("name", flat=True)) == [
        "booking.created",
        "booking.rescheduled",
    ]


def test_a_move_that_is_refused_leaves_the_old_seats_taken(api: BookingApi) -> None:
    slot, full = make_slot(capacity=4), make_slot(capacity=4, reserved=3)
    place = {"venue": slot.venue, "resource": slot.resource}
    later = {"starts_at": tomorrow_at(15), "ends_at": tomorrow_at(16)}
    Slot.objects.filter(pk=full.pk).update(**place, **later)
    customer = make_customer()
    booked = api.create_booking(customer, seats_on(slot, 2)).body["id"]

    assert api.reschedule(customer, booked, full).code == "SLOT_UNAVAILABLE"
    assert api.reschedule(customer, booked, make_slot()).code == "NOT_FOUND"
    assert api.reschedule(make_customer(), booked, full).code == "NOT_FOUND"
    api.change(customer, booked, "cancel")
    assert api.reschedule(customer, booked, full).code == "INVALID_STATE"
    assert _reserved(slot, full) == [0, 3]


def test_a_party_grows_as_far_as_there_are_seats(api: BookingApi) -> None:
    slot, customer = make_slot(capacity=6), make_customer()
    booked = api.create_booking(customer, seats_on(slot, 2)).body["id"]
    api.create_booking(make_customer(), seats_on(slot, 1))

    assert api.update(customer, booked, 5).body["seats"] == 5
    assert _reserved(slot) == [6]
    assert api.update(customer, booked, 6).code == "SLOT_UNAVAILABLE"
    assert api.update(customer, booked, 1).body["seats"] == 1
    assert _reserved(slot) == [2]
    assert api.update(customer, booked, 0).code == "BAD_USER_INPUT"


def test_a_party_on_a_court_has_to_fit_it(api: BookingApi) -> None:
    slot = make_slot(make_resource(booking_mode=BookingMode.EXCLUSIVE, capacity=4))
    customer = make_customer()
    booked = api.create_booking(customer, seats_on(slot, 2)).body["id"]
    assert api.update(customer, booked, 4).code is None
    assert api.update(customer, booked, 5).code == "PARTY_SIZE_NOT_ALLOWED"
    assert _reserved(slot) == [4]


def test_a_party_on_courts_of_another_capacity_than_before_keeps_its_seats(
    api: BookingApi,
) -> None:
    court = make_resource(booking_mode=BookingMode.EXCLUSIVE, capacity=4)
    first, second = make_consecutive_slots(court, 2)
    customer, staff = make_customer(), account(make_member(court.organization).pk)
    booked = api.create_booking(customer, seats_on(first, 2, slot_count=2)).body["id"]
    change_slot(actor=staff, slot_id=first.pk, capacity=6)
    assert api.update(customer, booked, 3).body["seats"] == 4
    assert _reserved(first, second) == [4, 4]
    assert api.update(customer, booked, 5).code == "PARTY_SIZE_NOT_ALLOWED"


# --- Repeats -----------------------------------------------------------------------


def test_a_repeated_call_is_answered_with_the_same_booking(api: BookingApi) -> None:
    slot, customer = make_slot(capacity=5), make_customer()
    seats = seats_on(slot, 2, idempotency_key="order-1")
    first = api.create_booking(customer, seats)
    again = api.create_booking(customer, seats)
    assert first.code is None
    assert again.body == first.body
    assert _reserved(slot) == [2]
    api.change(customer, first.body["id"], "cancel")
    assert api.create_booking(customer, seats).body["status"] == "CANCELLED"
    assert _reserved(slot) == [0]


def test_a_key_with_other_content_is_refused(api: BookingApi) -> None:
    slot, customer = make_slot(capacity=5), make_customer()
    seats = seats_on(slot, 2, idempotency_key="order-1")
    api.create_booking(customer, seats)
    assert api.create_booking(customer, replace(seats, guest_count=3)).code == (
        "IDEMPOTENCY_MISMATCH"
    )
    assert api.create_hold(customer, seats).code == "IDEMPOTENCY_MISMATCH"
    assert api.create_booking(make_customer(), seats).code is None, "keys are each caller's own"
    assert _reserved(slot) == [4]


def test_only_successes_are_kept(api: BookingApi) -> None:
    slot, customer = make_slot(capacity=2, reserved=2), make_customer()
    seats = seats_on(slot, 1, idempotency_key="order-1")
    assert api.create_booking(customer, seats).code == "SLOT_UNAVAILABLE"
    assert not IdempotencyKey.objects.exists()
    Slot.objects.update(reserved=0)
    assert api.create_booking(customer, seats).code is None


@pytest.mark.parametrize("key", ["", " ", "a b", "ü", "x" * 256])
def test_a_key_is_1_to_255_visible_characters(api: BookingApi, key: str) -> None:
    seats = seats_on(make_slot(), idempotency_key=key)
    assert api.create_booking(make_customer(), seats).code == "BAD_USER_INPUT"


def test_a_key_may_come_in_the_header_and_must_not_differ(server: str) -> None:
    slot, customer = make_slot(), make_customer()
    api = RestApi(server)
    api._http.headers["Idempotency-Key"] = "order-1"
    first = api.create_booking(customer, seats_on(slot))
    assert api.create_booking(customer, seats_on(slot)).body == first.body
    other = seats_on(slot, idempotency_key="order-2")
    assert api.create_booking(customer, other).code == "BAD_USER_INPUT"
    graphql = GraphQLApi(server)
    graphql._http.headers["Idempotency-Key"] = "order-1"
    assert graphql.create_booking(customer, seats_on(slot)).body["id"] == first.body["id"]


# --- Guests --------------------------------------------------------------------------


def _token(answer_body: dict[str, str]) -> str:
    return answer_body.get("manageToken") or answer_body["manage_token"]


def test_a_guest_books_without_an_account_and_manages_with_a_secret(api: BookingApi) -> None:
    slot = make_slot(capacity=5)
    seats = seats_on(slot, 2, guest=somebody(), idempotency_key="guest-1")
    booked = api.create_booking(ANONYMOUS, seats)
    assert booked.code is None
    token = _token(booked.body)
    assert _token(api.create_booking(ANONYMOUS, seats).body) == token
    assert token.encode() not in bytes(Booking.objects.get().manage_token_hash or b"")

    guest, thief = (ANONYMOUS.with_manage_token(secret) for secret in (token, "x" * 64))
    booking_id = booked.body["id"]
    assert api.booking(ANONYMOUS, booking_id).code == "NOT_FOUND"
    assert api.booking(thief, booking_id).code == "NOT_FOUND"
    assert api.change(thief, booking_id, "cancel").code == "NOT_FOUND"
    assert api.booking(guest, booking_id).body["seats"] == 2
    assert api.update(guest, booking_id, 3).body["seats"] == 3
    elsewhere = api.create_booking(ANONYMOUS, seats_on(slot, 1, guest=somebody())).body["id"]
    assert api.booking(guest, elsewhere).code == "NOT_FOUND", "the secret is of one booking"
    assert api.change(guest, booking_id, "cancel").body["status"] == "CANCELLED"
    assert _reserved(slot) == [1]


def test_who_comes_can_be_said_when_a_hold_is_confirmed(api: BookingApi) -> None:
    slot, other = make_slot(), GuestDetails("Grace Guest", phone="+45 1234", locale="da")
    held = api.create_hold(ANONYMOUS, seats_on(slot, guest=somebody()))
    guest = ANONYMOUS.with_manage_token(held.body.get("manageToken") or held.body["manage_token"])

    nobody = api.confirm_for(guest, held.body["id"], GuestDetails("Nobody reachable"))
    confirmed = api.confirm_for(guest, held.body["id"], other)

    assert nobody.code == "BAD_USER_INPUT"
    assert (confirmed.code, confirmed.body["status"]) == (None, "PENDING")
    assert confirmed.body["guest"] == asdict(other)
    assert Booking.objects.get().guest.name == "Grace Guest"


def test_whoever_holds_for_their_account_does_not_confirm_for_others(api: BookingApi) -> None:
    slot, customer = make_slot(), make_customer()
    staff = account(make_member(slot.organization).pk)
    hold = api.create_hold(customer, seats_on(slot)).body["id"]

    assert api.confirm_for(customer, hold, somebody()).code == "FORBIDDEN"
    assert api.confirm_for(staff, hold, somebody()).body["guest"]["name"] == "Ada Guest"
    assert Booking.objects.get().status == "PENDING"


def test_a_guest_says_who_they_are(api: BookingApi) -> None:
    seats = seats_on(make_slot(), guest=GuestDetails(name="Nobody reachable"))
    assert api.create_booking(ANONYMOUS, seats).code == "BAD_USER_INPUT"


def test_a_venue_may_refuse_people_without_an_account(api: BookingApi) -> None:
    slot = make_slot()
    Venue.objects.filter(pk=slot.venue_id).update(accepts_guests=False)
    assert api.create_booking(ANONYMOUS, seats_on(slot, guest=somebody())).code == "FORBIDDEN"


def test_staff_book_for_somebody_and_customers_do_not(api: BookingApi) -> None:
    slot = make_slot()
    staff = account(make_member(slot.organization).pk)
    booked = api.create_booking(staff, seats_on(slot, 2, guest=somebody()))
    assert booked.code is None
    booking = Booking.objects.get()
    assert (booking.customer_id, booking.guest.name) == (None, "Ada Guest")
    assert _token({"manage_token": "", **booked.body}) in {None, ""}
    refused = api.create_booking(make_customer(), seats_on(slot, 2, guest=somebody()))
    assert refused.code == "FORBIDDEN"


def test_a_person_is_known_to_an_organization_once(api: BookingApi) -> None:
    slot = make_slot()
    for _ in range(2):
        api.create_booking(ANONYMOUS, seats_on(slot, guest=somebody()))
    relative = GuestDetails(name="Ben Guest", email="ada@example.org")
    api.create_booking(ANONYMOUS, seats_on(slot, guest=relative))
    assert sorted(Guest.objects.values_list("name", flat=True)) == ["Ada Guest", "Ben Guest"]


# --- Limits --------------------------------------------------------------------------


def test_a_customer_has_only_so_much_open_at_a_venue(api: BookingApi) -> None:
    slot, customer = make_slot(), make_customer()
    Venue.objects.filter(pk=slot.venue_id).update(open_bookings_per_customer=2)
    first = api.create_booking(customer, seats_on(slot))
    assert api.create_hold(customer, seats_on(slot)).code is None
    assert api.create_booking(customer, seats_on(slot)).code == "BOOKING_LIMIT_REACHED"
    assert api.create_booking(make_customer(), seats_on(slot)).code is None
    api.change(customer, first.body["id"], "cancel")
    assert api.create_booking(customer, seats_on(slot)).code is None
    for _ in range(2):
        api.create_booking(ANONYMOUS, seats_on(slot, guest=somebody()))
    refused = api.create_booking(ANONYMOUS, seats_on(slot, guest=somebody()))
    assert refused.code == "BOOKING_LIMIT_REACHED"


def test_a_slot_keeps_what_is_taken_when_its_capacity_falls(api: BookingApi) -> None:
    slot = make_slot(capacity=5)
    staff = account(make_member(slot.organization).pk)
    api.create_booking(make_customer(), seats_on(slot, 3))
    change_slot(actor=staff, slot_id=slot.pk, capacity=3)
    assert api.create_booking(make_customer(), seats_on(slot)).code == "SLOT_UNAVAILABLE"
    change_slot(actor=staff, slot_id=slot.pk, capacity=10, is_closed=True)
    # Another process may take it for full for a moment longer, and refuse without asking.
    time.sleep(2 * full_slots.A_MOMENT_SECONDS)
    assert api.create_booking(make_customer(), seats_on(slot)).code == "SLOT_CLOSED"
    slot.refresh_from_db()
    assert (slot.capacity, slot.reserved, slot.version, slot.is_closed) == (10, 3, 3, True)
    changes = Event.objects.filter(subject_id=slot.pk, name="slot.changed")
    assert [event.payload["version"] for event in changes.order_by("sequence")] == [2, 3]

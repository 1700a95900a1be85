"""How much one customer may have open at a venue, and what of it a reader is told; both APIs."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actors import ANONYMOUS, Actor
from bookings import selectors
from bookings.batches import commit
from bookings.customers import Customer, phone_number, read_open_bookings
from bookings.guests import GuestDetails
from bookings.models import Booking, Guest, Slot, phone_number_of
from bookings.requests.change import ApplyTransition
from bookings.requests.create import TakeSeats
from bookings.states import CANCEL, BookingStatus
from reserve.core.clock import now
from tests.clients import Answer, BookingApi
from tests.factories import (
    make_customer,
    make_organization,
    make_slot,
    make_venue,
    seats_on,
    somebody,
)
from venues.models import Venue

pytestmark = pytest.mark.django_db(transaction=True)

ADA = somebody()


def _slot_of_a_venue_with_a_limit(limit: int, **venue: object) -> Slot:
    slot = make_slot(capacity=50)
    Venue.objects.filter(pk=slot.venue_id).update(open_bookings_per_customer=limit, **venue)
    return Slot.objects.select_related("venue").get(pk=slot.pk)


def _as_guest(api: BookingApi, slot: Slot, guest: GuestDetails) -> Answer:
    return api.create_booking(ANONYMOUS, seats_on(slot, guest=guest))


def test_another_address_with_the_same_number_is_the_same_person(api: BookingApi) -> None:
    slot = _slot_of_a_venue_with_a_limit(2)
    first = GuestDetails("Ada", email="ada@example.org", phone="+45 12 34 56 78")
    assert _as_guest(api, slot, first).code is None
    assert _as_guest(api, slot, replace(first, email="a.d.a@example.com")).code is None
    for evasion in (
        replace(first, email="another@example.com"),
        replace(first, email="third@example.com", phone="0045-12345678"),
        replace(first, email="", phone="+45 (12) 34.56.78"),
        replace(first, name="Eve", email="ADA@example.org", phone="+45 99 99 99 99"),
    ):
        # Two by the number; of the last, one by the address, and one by a number that is new.
        expected = None if evasion.name == "Eve" else "BOOKING_LIMIT_REACHED"
        assert _as_guest(api, slot, evasion).code == expected, evasion
    assert _as_guest(api, slot, replace(ADA, phone="+45 99 99 99 99")).code == (
        "BOOKING_LIMIT_REACHED"
    )
    assert _as_guest(api, slot, GuestDetails("Ben", email="ben@example.org")).code is None
    assert Booking.objects.count() == 4


def test_whoever_has_enough_is_not_named_at_the_confirmation_either(api: BookingApi) -> None:
    slot, ben = _slot_of_a_venue_with_a_limit(1), GuestDetails("Ben", email="ben@example.org")
    assert _as_guest(api, slot, ADA).code is None
    held = api.create_hold(ANONYMOUS, seats_on(slot, guest=ben)).body
    holder = ANONYMOUS.with_manage_token(held.get("manageToken") or held["manage_token"])

    assert api.confirm_for(holder, held["id"], ADA).code == "BOOKING_LIMIT_REACHED"
    booking = Booking.objects.get(guest__name="Ben")
    assert (booking.status, booking.version) == ("HELD", 1)
    # It does not count against the one who has it.
    renamed = replace(ben, name="Benjamin", phone="+45 1234")
    assert api.confirm_for(holder, held["id"], renamed).body["status"] == "PENDING"


def _reasons(api: BookingApi, actor: Actor, slot: Slot) -> list[str | None]:
    day = slot.venue.local(slot.starts_at).date().isoformat()
    answer = api.every_slot(actor, slot.venue.public_id, day)
    return [
        found["unavailableReason"] if "unavailableReason" in found else found["unavailable_reason"]
        for found in answer.body
    ]


def test_a_slot_says_that_its_reader_has_enough(api: BookingApi) -> None:
    slot, customer = _slot_of_a_venue_with_a_limit(1), make_customer()
    day = slot.venue.local(slot.starts_at).date().isoformat()
    venue = slot.venue.public_id
    assert _reasons(api, customer, slot) == [None]

    booked = api.create_booking(customer, seats_on(slot)).body["id"]

    assert _reasons(api, customer, slot) == ["BOOKING_LIMIT_REACHED"]
    assert api.available_slots(customer, venue, day).body == []
    assert api.create_booking(customer, seats_on(slot)).code == "BOOKING_LIMIT_REACHED"
    for other in (make_customer(), ANONYMOUS):
        assert _reasons(api, other, slot) == [None]
        assert len(api.available_slots(other, venue, day).body) == 1
    # What keeps everybody out is said first.
    Slot.objects.update(is_closed=True)
    assert _reasons(api, customer, slot) == ["SLOT_CLOSED"]
    Slot.objects.update(is_closed=False)
    api.change(customer, booked, "cancel")
    assert _reasons(api, customer, slot) == [None]


def test_a_hold_is_given_back_inside_the_cut_off_and_a_booking_is_not(api: BookingApi) -> None:
    cutoff = {"cancellation_cutoff_minutes": 60 * 24 * 30}
    slot, customer = _slot_of_a_venue_with_a_limit(9, **cutoff), make_customer()
    hold = api.create_hold(customer, seats_on(slot, 2)).body["id"]
    kept = api.create_hold(customer, seats_on(slot, 3)).body["id"]
    assert api.change(customer, hold, "cancel").body["status"] == "CANCELLED"
    api.change(customer, kept, "confirm")
    assert api.change(customer, kept, "cancel").code == "OUTSIDE_CANCELLATION_WINDOW"
    held = api.create_hold(ANONYMOUS, seats_on(slot, guest=ADA)).body
    guest = ANONYMOUS.with_manage_token(held.get("manageToken") or held["manage_token"])
    assert api.change(guest, held["id"], "cancel").body["status"] == "CANCELLED"
    slot.refresh_from_db()
    assert slot.reserved == 3


def test_counting_takes_one_statement_however_many_customers_and_readers_one_more() -> None:
    slot = _slot_of_a_venue_with_a_limit(5)
    guests = [replace(ADA, email=f"ada{number}@example.org") for number in range(8)]
    actors = [make_customer() for _ in range(8)]
    requests = [
        *(TakeSeats(actor, seats_on(slot), BookingStatus.PENDING) for actor in actors),
        *(TakeSeats(ANONYMOUS, seats_on(slot, guest=one), BookingStatus.PENDING) for one in guests),
    ]
    assert all(isinstance(outcome, Booking) for outcome in commit(requests))
    customers = [
        *(Customer.with_account(slot.venue, actor.user_id) for actor in actors if actor.user_id),
        *(Customer.without_account(slot.venue, guest) for guest in guests),
    ]
    for some in (customers[:1], customers[-1:], customers):
        with CaptureQueriesContext(connection) as found:
            counted = read_open_bookings(some, now())
        # One locks, one reads.
        assert len(found) == 2
        assert [len(booking_ids) for booking_ids in counted.values()] == [1] * len(some)
    elsewhere = Customer.with_account(make_venue(), actors[0].user_id)
    assert read_open_bookings([elsewhere], now()) == {elsewhere: set()}

    day = slot.venue.local(slot.starts_at).date()
    statements = []
    for reader in (ANONYMOUS, actors[0]):
        with CaptureQueriesContext(connection) as found:
            selectors.slots_between(
                actor=reader,
                venue_id=slot.venue_id,
                first_day=day,
                last_day=day + timedelta(days=20),
            )
        statements.append(len(found))
    assert statements[1] - statements[0] <= 2


def test_in_one_batch_a_cancellation_makes_room_and_a_shared_number_counts() -> None:
    slot, customer = _slot_of_a_venue_with_a_limit(1), make_customer()
    take = TakeSeats(customer, seats_on(slot), BookingStatus.PENDING)
    (booked,) = commit([take])
    assert isinstance(booked, Booking)
    refused, cancelled, taken = commit([take, ApplyTransition(customer, booked.pk, CANCEL), take])
    assert [type(one).__name__ for one in (refused, cancelled, taken)] == [
        "BookingLimitReached",
        "Booking",
        "Booking",
    ]
    shared = [replace(ADA, email=f"{name}@example.org", phone="+45 1") for name in "xy"]
    first, second = commit(
        [
            TakeSeats(ANONYMOUS, seats_on(slot, guest=guest), BookingStatus.PENDING)
            for guest in shared
        ]
    )
    assert (type(first).__name__, type(second).__name__) == ("Booking", "BookingLimitReached")


def test_numbers_are_told_apart_alike_here_and_by_the_database() -> None:
    organization = make_organization()
    phones = ["+45 12 34", "0045-1234", "(12) 34", "12.34/5", "000", "", "١٢٣"]
    for phone in phones:
        Guest.objects.create(organization=organization, name="Ada", phone=phone)
    rows = Guest.objects.annotate(number=phone_number_of("phone")).values_list("phone", "number")
    assert dict(rows) == {phone: phone_number(phone) for phone in phones}
    assert phone_number("+45 12 34") == phone_number("0045-1234") == "451234"

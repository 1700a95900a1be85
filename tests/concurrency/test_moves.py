"""Races between changes of bookings, each with a control in which a lock or a look is left out."""

import secrets
import time
from collections.abc import Callable, Collection
from contextlib import nullcontext
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db.models import Sum

from accounts.actors import SYSTEM, Actor
from bookings import desk, full_slots, store
from bookings.customers import Customer
from bookings.errors import (
    BookingLimitReached,
    CapacityInUse,
    HoldExpired,
    IdempotencyMismatch,
    InvalidState,
    SlotUnavailable,
)
from bookings.idempotency import Memory
from bookings.ledger import Ledger
from bookings.models import Booking, Slot
from bookings.requests import Request
from bookings.requests.change import ApplyTransition, ExpireHold, MoveToSlot
from bookings.requests.create import TakeSeats
from bookings.requests.slot import ChangeSlot
from bookings.states import CANCEL, CONFIRM, SEATED, BookingStatus
from reserve.core.clock import now
from reserve.outbox.models import Event
from tests.factories import (
    make_consecutive_slots,
    make_customer,
    make_resource,
    make_slot,
    make_venue,
    seats_on,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("_without_guard")]

Race = Callable[[Any], list[Any]]


@pytest.fixture
def _without_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard is no defence; what holds without it is what counts."""
    monkeypatch.setattr(desk, "guards", lambda _names: nullcontext())


@pytest.fixture
def without_row_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = "FOR NO KEY UPDATE OF s"
    assert lock in store._LOCK
    monkeypatch.setattr(store, "_LOCK", store._LOCK.replace(lock, ""))


@pytest.fixture
def with_a_wait_before_the_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody has decided before anybody writes, where nothing keeps them apart."""
    write = Ledger.write

    def write_late(ledger: Ledger) -> None:
        time.sleep(0.1)
        write(ledger)

    monkeypatch.setattr(Ledger, "write", write_late)


@pytest.fixture
def without_second_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a constraint stopped stays stopped: a second attempt would hide that it was needed."""
    monkeypatch.setattr(desk, "commit", desk._commit_once)


control = pytest.mark.usefixtures(
    "without_row_lock", "with_a_wait_before_the_write", "without_second_attempts"
)


def at_once(race: Race, *requests: Request[Any]) -> list[Any]:
    """Each request in a transaction of its own, as from so many processes."""
    found = race([partial(desk.commit, [one]) for one in requests])
    return [outcomes[0] if isinstance(outcomes, list) else outcomes for outcomes in found]


def _take(
    slot: Slot, size: int = 1, *, actor: Actor | None = None, hold: bool = False, **fields: Any
) -> TakeSeats:
    status = BookingStatus.HELD if hold else BookingStatus.PENDING
    return TakeSeats(actor or make_customer(), seats_on(slot, size, **fields), status)


def _booked(slot: Slot, size: int = 1, **fields: Any) -> Booking:
    (booking,) = desk.commit([_take(slot, size, **fields)])
    assert isinstance(booking, Booking)
    return booking


def _slots(number: int, **resource: Any) -> list[Slot]:
    return make_consecutive_slots(make_resource(**resource), number)


def _wins(outcomes: list[Any]) -> list[Booking]:
    return [outcome for outcome in outcomes if isinstance(outcome, Booking)]


def _assert_books_agree(*slots: Slot) -> None:
    """Seats, versions and events of the slots and of their bookings fit together."""
    full_slots.forget()
    for slot in slots:
        slot.refresh_from_db()
        seated = Booking.objects.filter(slots=slot, status__in=SEATED)
        assert slot.reserved == (seated.aggregate(total=Sum("seats"))["total"] or 0)
        assert 0 <= slot.reserved <= slot.capacity
        told = sorted(
            change["version"]
            for event in Event.objects.filter(name__startswith="booking.")
            for change in event.payload["slots"]
            if change["slot"] == slot.public_id
        )
        changed = Event.objects.filter(name="slot.changed", subject_id=slot.pk)
        told = sorted([*told, *changed.values_list("sequence", flat=True)])
        assert told == list(range(1, slot.version + 1))
    for booking in Booking.objects.filter(slots__in=slots).distinct():
        events = Event.objects.filter(subject_id=booking.pk).order_by("sequence")
        assert [event.sequence for event in events] == list(range(1, booking.version + 1))
        assert events[len(events) - 1].payload["status"] == booking.status


# --- A hold's end ------------------------------------------------------------------


def _lapsed_hold(slots: list[Slot]) -> Booking:
    hold = _booked(slots[0], hold=True, slot_count=len(slots))
    past = now() - timedelta(seconds=1)
    Booking.objects.filter(pk=hold.pk).update(hold_expires_at=past)
    Slot.objects.filter(pk__in=[slot.pk for slot in slots]).update(next_lapse_at=past)
    return hold


def _assert_expired_once(hold: Booking, slots: list[Slot], outcomes: list[Any]) -> None:
    """By whoever came first; half of the outcomes are those of expiries, half of cancellations."""
    assert all(isinstance(outcome, Booking) for outcome in outcomes[::2])
    assert all(isinstance(outcome, HoldExpired) for outcome in outcomes[1::2])
    hold.refresh_from_db()
    assert hold.status == BookingStatus.EXPIRED
    assert hold.version == 2
    _assert_books_agree(*slots)
    assert all(slot.reserved == 0 for slot in slots)


@pytest.mark.parametrize("number", [1, 3])
def test_a_cancellation_and_an_expiry_give_seats_back_once(race: Race, number: int) -> None:
    slots = _slots(number)
    hold = _lapsed_hold(slots)
    cancel = ApplyTransition(SYSTEM, hold.pk, CANCEL)
    outcomes = at_once(race, *[ExpireHold(hold.pk), cancel] * 4)
    _assert_expired_once(hold, slots, outcomes)


@control
@pytest.mark.parametrize("number", [1, 3])
def test_control_without_the_row_lock_seats_go_back_twice(race: Race, number: int) -> None:
    slots = _slots(number)
    hold = _lapsed_hold(slots)
    cancel = ApplyTransition(SYSTEM, hold.pk, CANCEL)
    outcomes = at_once(race, *[ExpireHold(hold.pk), cancel] * 4)
    with pytest.raises(AssertionError):
        _assert_expired_once(hold, slots, outcomes)


@pytest.mark.parametrize("number", [1, 3])
def test_a_hold_is_confirmed_or_expires_and_not_both(race: Race, number: int) -> None:
    """It lapses while they race: some decide before that instant and some after."""
    slots = _slots(number)
    for lapse in (0.0, 0.01, 0.02, 0.04):
        hold = _booked(slots[0], hold=True, slot_count=number)
        at = now() + timedelta(seconds=lapse)
        Booking.objects.filter(pk=hold.pk).update(hold_expires_at=at)
        Slot.objects.filter(pk__in=[slot.pk for slot in slots]).update(next_lapse_at=at)
        confirm = ApplyTransition(SYSTEM, hold.pk, CONFIRM)
        outcomes = at_once(race, *[confirm, ExpireHold(hold.pk)] * 4)
        confirmed = _wins(outcomes[::2])
        hold.refresh_from_db()
        if confirmed:
            assert hold.status == BookingStatus.PENDING
            refused = [one for one in outcomes[::2] if not isinstance(one, Booking)]
            assert all(isinstance(one, InvalidState) for one in refused)
        else:
            assert hold.status == BookingStatus.EXPIRED or hold.has_lapsed_at(now())
            assert all(isinstance(one, HoldExpired) for one in outcomes[::2])
        assert len(confirmed) <= 1
        names = Event.objects.filter(subject_id=hold.pk).values_list("name", flat=True)
        assert ("booking.expired" in names) + ("booking.created" in names) <= 1
        _assert_books_agree(*slots)
        desk.commit([ApplyTransition(SYSTEM, hold.pk, CANCEL)])


def _assert_confirmed_once(slot: Slot, outcomes: list[Any]) -> None:
    assert len(_wins(outcomes)) == 1
    assert sum(isinstance(one, InvalidState) for one in outcomes) == len(outcomes) - 1
    _assert_books_agree(slot)


def test_a_hold_is_confirmed_once(race: Race) -> None:
    (slot,) = _slots(1)
    hold = _booked(slot, hold=True)
    outcomes = at_once(race, *[ApplyTransition(SYSTEM, hold.pk, CONFIRM)] * 4)
    _assert_confirmed_once(slot, outcomes)


@control
def test_control_without_the_row_lock_a_hold_is_confirmed_more_than_once(race: Race) -> None:
    (slot,) = _slots(1)
    hold = _booked(slot, hold=True)
    outcomes = at_once(race, *[ApplyTransition(SYSTEM, hold.pk, CONFIRM)] * 4)
    with pytest.raises(AssertionError):
        _assert_confirmed_once(slot, outcomes)


# --- Moving ----------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2])
def test_bookings_that_change_places_never_wait_for_each_other(race: Race, number: int) -> None:
    """Both places are full, so that neither can go first; with room, both go."""
    resource = make_resource(capacity=2)
    slots = make_consecutive_slots(resource, 2 * number)
    here, there = slots[0], slots[number]
    one = _booked(here, 2, slot_count=number)
    other = _booked(there, 2, slot_count=number)
    swap = [MoveToSlot(SYSTEM, one.pk, there.pk), MoveToSlot(SYSTEM, other.pk, here.pk)]

    outcomes = at_once(race, *swap * 4)
    assert all(isinstance(outcome, SlotUnavailable) for outcome in outcomes)
    _assert_books_agree(*slots)

    Slot.objects.update(capacity=4)
    outcomes = at_once(race, *swap * 4)
    assert len(_wins(outcomes)) == 8
    assert set(one.slots.all()) == set(slots[number:])
    assert set(other.slots.all()) == set(slots[:number])
    _assert_books_agree(*slots)
    assert all(slot.reserved == 2 for slot in slots)


def _assert_moved_each_time(slots: list[Slot], outcomes: list[Any]) -> None:
    # Without locks, the constraint that numbers a booking's events stops all but one.
    assert len(_wins(outcomes)) == len(outcomes)
    _assert_books_agree(*slots)


@pytest.mark.parametrize("number", [1, 2])
def test_of_many_moves_of_one_booking_each_succeeds_in_turn(race: Race, number: int) -> None:
    slots = _slots(4 + number, capacity=9)
    booking = _booked(slots[0], slot_count=number)
    outcomes = at_once(race, *[MoveToSlot(SYSTEM, booking.pk, slot.pk) for slot in slots[1:4]])
    _assert_moved_each_time(slots, outcomes)


@control
@pytest.mark.parametrize("number", [1, 2])
def test_control_without_the_row_lock_moves_of_one_booking_fail(race: Race, number: int) -> None:
    slots = _slots(4 + number, capacity=9)
    booking = _booked(slots[0], slot_count=number)
    outcomes = at_once(race, *[MoveToSlot(SYSTEM, booking.pk, slot.pk) for slot in slots[1:4]])
    with pytest.raises(AssertionError):
        _assert_moved_each_time(slots, outcomes)


def test_bookings_may_follow_each_other_round_in_a_circle(race: Race) -> None:
    slots = _slots(4, capacity=4)
    bookings = [_booked(slot, 2) for slot in slots]
    moves = [
        MoveToSlot(SYSTEM, booking.pk, slots[(index + 1) % 4].pk)
        for index, booking in enumerate(bookings)
    ]
    outcomes = at_once(race, *moves * 2)
    assert all(isinstance(one, Booking | SlotUnavailable) for one in outcomes)
    _assert_books_agree(*slots)
    assert sum(slot.reserved for slot in slots) == 8


def _move_and_cancel(race: Race, slots: list[Slot], booking: Booking) -> None:
    moves = [MoveToSlot(SYSTEM, booking.pk, slots[index].pk) for index in (1, 2, 3, 4)]
    outcomes = at_once(race, *moves, ApplyTransition(SYSTEM, booking.pk, CANCEL))
    assert isinstance(outcomes[-1], Booking)
    assert all(isinstance(one, Booking | InvalidState) for one in outcomes[:-1])
    booking.refresh_from_db()
    assert booking.status == BookingStatus.CANCELLED
    _assert_books_agree(*slots)
    assert all(slot.reserved == 0 for slot in slots)


@pytest.mark.parametrize("number", [1, 2])
def test_a_booking_that_is_moved_and_cancelled_leaves_no_seat_taken(
    race: Race, number: int
) -> None:
    slots = _slots(6, capacity=2)
    for _ in range(3):
        _move_and_cancel(race, slots, _booked(slots[0], 2, slot_count=number))


@control
@pytest.mark.parametrize("number", [1, 2])
def test_control_without_the_row_lock_moves_and_a_cancellation_go_wrong(
    race: Race, number: int
) -> None:
    slots = _slots(6, capacity=2)
    booking = _booked(slots[0], 2, slot_count=number)
    with pytest.raises(AssertionError):
        _move_and_cancel(race, slots, booking)


# --- Idempotency keys --------------------------------------------------------------------


def _assert_carried_out_once(outcomes: list[Any]) -> None:
    wins = _wins(outcomes)
    assert len(wins) == len(outcomes)
    assert len({(one.pk, one.confirmation_code) for one in wins}) == 1
    assert Booking.objects.count() == 1


@pytest.mark.parametrize("number", [1, 3])
def test_one_call_made_eight_times_at_once_is_one_booking(race: Race, number: int) -> None:
    slots, customer = _slots(number), make_customer()
    calls = [
        _take(slots[0], actor=customer, slot_count=number, idempotency_key="k") for _ in range(8)
    ]
    _assert_carried_out_once(at_once(race, *calls))
    _assert_books_agree(*slots)


def test_control_without_the_key_a_call_is_carried_out_each_time(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Memory, "add", lambda *_: None)
    (slot,), customer = _slots(1), make_customer()
    calls = [_take(slot, actor=customer, idempotency_key="k") for _ in range(8)]
    outcomes = at_once(race, *calls)
    with pytest.raises(AssertionError):
        _assert_carried_out_once(outcomes)


@pytest.mark.parametrize("on_one_slot", [True, False])
def test_of_different_calls_with_one_key_one_is_carried_out(race: Race, on_one_slot: bool) -> None:
    """On different slots no row lock brings them into an order; the key has to."""
    slots, customer = _slots(8, capacity=100), make_customer()
    for attempt in range(5):
        calls = [
            _take(
                slots[0 if on_one_slot else index],
                index + 1,
                actor=customer,
                idempotency_key=f"key-{attempt}",
            )
            for index in range(8)
        ]
        outcomes = at_once(race, *calls)
        assert len(_wins(outcomes)) == 1, outcomes
        assert sum(isinstance(one, IdempotencyMismatch) for one in outcomes) == 7, outcomes
        assert Booking.objects.count() == attempt + 1
    _assert_books_agree(*slots)


# --- Capacity ------------------------------------------------------------------------------


def _assert_refused_in_order(slot: Slot, outcomes: list[Any]) -> None:
    """Each refusal says which of the two came too late; the constraint is never asked."""
    assert all(isinstance(one, Booking | SlotUnavailable) for one in outcomes[:10])
    assert all(isinstance(one, Slot | CapacityInUse) for one in outcomes[10:])
    _assert_books_agree(slot)
    assert slot.reserved == len(_wins(outcomes))


def test_a_capacity_that_is_lowered_while_people_book_stays_above_what_is_taken(
    race: Race,
) -> None:
    slot = make_slot(capacity=8)
    bookings = [_take(slot) for _ in range(10)]
    lower = [ChangeSlot(SYSTEM, slot.pk, capacity=capacity) for capacity in (6, 4, 2)]
    _assert_refused_in_order(slot, at_once(race, *bookings, *lower))


@control
def test_control_without_the_row_lock_the_constraint_has_to_stop_it(race: Race) -> None:
    slot = make_slot(capacity=8)
    bookings = [_take(slot) for _ in range(10)]
    outcomes = at_once(race, *bookings, ChangeSlot(SYSTEM, slot.pk, capacity=1))
    with pytest.raises(AssertionError):
        _assert_refused_in_order(slot, outcomes)


# --- Limits of one customer -----------------------------------------------------------------


def _slots_of_a_venue_with_a_limit(number: int, limit: int) -> list[Slot]:
    venue = make_venue(open_bookings_per_customer=limit)
    return make_consecutive_slots(make_resource(venue), number)


def test_a_customer_takes_no_more_than_the_limit_on_however_many_slots(race: Race) -> None:
    slots = _slots_of_a_venue_with_a_limit(8, limit=2)
    customer = make_customer()
    outcomes = at_once(race, *[_take(slot, actor=customer) for slot in slots])
    assert len(_wins(outcomes)) == 2
    assert sum(isinstance(one, BookingLimitReached) for one in outcomes) == 6
    _assert_books_agree(*slots)


@pytest.mark.usefixtures("with_a_wait_before_the_write")
def test_control_without_the_lock_of_the_customer_the_limit_is_passed(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Customer, "lock_key", property(lambda _: secrets.randbits(62)))
    slots = _slots_of_a_venue_with_a_limit(8, limit=2)
    customer = make_customer()
    outcomes = at_once(race, *[_take(slot, actor=customer) for slot in slots])
    assert len(_wins(outcomes)) > 2


# --- Several slots -----------------------------------------------------------------------------


def _overlapping(race: Race, slots: list[Slot]) -> None:
    """All of them reach over the slot in the middle."""
    firsts = (0, 2, 1, 2, 0, 1)
    outcomes = at_once(race, *[_take(slots[first], slot_count=3) for first in firsts])
    assert len(_wins(outcomes)) == 1
    assert sum(isinstance(one, SlotUnavailable) for one in outcomes) == 5
    _assert_books_agree(*slots)
    assert sum(slot.reserved for slot in slots) == 3


def test_of_bookings_that_overlap_one_is_had_whole(race: Race) -> None:
    for _ in range(4):
        _overlapping(race, _slots(5, capacity=1))


@control
def test_control_without_the_row_lock_overlapping_bookings_go_wrong(race: Race) -> None:
    slots = _slots(5, capacity=1)
    with pytest.raises(AssertionError):
        _overlapping(race, slots)


def test_a_lapsed_hold_that_reaches_over_more_slots_is_reclaimed_whole(race: Race) -> None:
    """Whoever meets it on one slot must lock the others first: the transaction begins anew."""
    for _ in range(3):
        slots = _slots(3, capacity=1)
        hold = _lapsed_hold(slots)
        outcomes = at_once(race, *[_take(slot) for slot in slots * 2])
        assert len(_wins(outcomes)) == 3
        hold.refresh_from_db()
        assert hold.status == BookingStatus.EXPIRED
        _assert_books_agree(*slots)


def test_control_without_a_fresh_look_under_the_lock_the_last_seat_is_sold_twice(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock alone is not enough: what is decided on must have been read under it."""
    lock_slots = store.lock_slots

    def stale(slot_ids: Collection[UUID]) -> tuple[dict[UUID, Slot], datetime | None]:
        before = Slot.objects.in_bulk(list(slot_ids))
        time.sleep(0.1)
        slots, moment = lock_slots(slot_ids)
        for slot_id, slot in slots.items():
            slot.reserved, slot.version = before[slot_id].reserved, before[slot_id].version
        return slots, moment

    monkeypatch.setattr(store, "lock_slots", stale)
    slot = make_slot(capacity=1)
    outcomes = at_once(race, *[_take(slot) for _ in range(4)])
    assert sum(isinstance(one, SlotUnavailable) for one in outcomes) < 3

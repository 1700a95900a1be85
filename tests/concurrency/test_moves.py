"""Races between moves, and over several slots, each with a control in which a lock is left out."""

import time
from collections.abc import Collection
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from psycopg.errors import DeadlockDetected

from accounts.actors import SYSTEM
from bookings import store
from bookings.errors import (
    InvalidState,
    SlotUnavailable,
)
from bookings.models import Booking, Slot
from bookings.requests.change import ApplyTransition, MoveToSlot
from bookings.states import CANCEL, BookingStatus
from tests.concurrency.races import (
    Race,
    assert_books_agree,
    at_once,
    booked,
    control,
    slots_of_one_room,
    take,
    winners,
)
from tests.factories import (
    make_consecutive_slots,
    make_resource,
    make_slot,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("without_guard")]


@pytest.mark.parametrize("number", [1, 2])
def test_bookings_that_change_places_never_wait_for_each_other(race: Race, number: int) -> None:
    """Both places are full, so that neither can go first; with room, both go."""
    resource = make_resource(capacity=2)
    slots = make_consecutive_slots(resource, 2 * number)
    here, there = slots[0], slots[number]
    one = booked(here, 2, slot_count=number)
    other = booked(there, 2, slot_count=number)
    swap = [MoveToSlot(SYSTEM, one.pk, there.pk), MoveToSlot(SYSTEM, other.pk, here.pk)]

    outcomes = at_once(race, *swap * 4)
    assert all(isinstance(outcome, SlotUnavailable) for outcome in outcomes)
    assert_books_agree(*slots)

    Slot.objects.update(capacity=4)
    outcomes = at_once(race, *swap * 4)
    assert len(winners(outcomes)) == 8
    assert set(one.slots.all()) == set(slots[number:])
    assert set(other.slots.all()) == set(slots[:number])
    assert_books_agree(*slots)
    assert all(slot.reserved == 2 for slot in slots)


@pytest.mark.usefixtures("without_second_attempts")
@pytest.mark.parametrize("number", [1, 2])
def test_control_with_locks_in_no_order_crossing_moves_wait_for_each_other(
    race: Race, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    lock_slots, turns = store.lock_slots, count()

    def lock_one_first(slot_ids: Collection[UUID]) -> tuple[dict[UUID, Slot], datetime | None]:
        """Of two that come at once one begins at one end, and one at the other."""
        lock_slots(sorted(slot_ids, reverse=next(turns) % 2 == 1)[:1])
        time.sleep(0.1)
        return lock_slots(slot_ids)

    slots = slots_of_one_room(2 * number, capacity=4)
    here, there = slots[0], slots[number]
    one, other = booked(here, slot_count=number), booked(there, slot_count=number)
    monkeypatch.setattr(store, "lock_slots", lock_one_first)
    outcomes = at_once(
        race, MoveToSlot(SYSTEM, one.pk, there.pk), MoveToSlot(SYSTEM, other.pk, here.pk)
    )
    monkeypatch.undo()
    (stopped,) = [one for one in outcomes if isinstance(one, Exception)]
    assert isinstance(stopped.__cause__, DeadlockDetected)
    assert len(winners(outcomes)) == 1


def _assert_moved_each_time(slots: list[Slot], outcomes: list[Any]) -> None:
    # Without locks, the constraint that numbers a booking's events stops all but one.
    assert len(winners(outcomes)) == len(outcomes)
    assert_books_agree(*slots)


@pytest.mark.parametrize("number", [1, 2])
def test_of_many_moves_of_one_booking_each_succeeds_in_turn(race: Race, number: int) -> None:
    slots = slots_of_one_room(4 + number, capacity=9)
    booking = booked(slots[0], slot_count=number)
    outcomes = at_once(race, *[MoveToSlot(SYSTEM, booking.pk, slot.pk) for slot in slots[1:4]])
    _assert_moved_each_time(slots, outcomes)


@control
@pytest.mark.parametrize("number", [1, 2])
def test_control_without_the_row_lock_moves_of_one_booking_fail(race: Race, number: int) -> None:
    slots = slots_of_one_room(4 + number, capacity=9)
    booking = booked(slots[0], slot_count=number)
    outcomes = at_once(race, *[MoveToSlot(SYSTEM, booking.pk, slot.pk) for slot in slots[1:4]])
    with pytest.raises(AssertionError):
        _assert_moved_each_time(slots, outcomes)


def test_bookings_may_follow_each_other_round_in_a_circle(race: Race) -> None:
    slots = slots_of_one_room(4, capacity=4)
    bookings = [booked(slot, 2) for slot in slots]
    moves = [
        MoveToSlot(SYSTEM, booking.pk, slots[(index + 1) % 4].pk)
        for index, booking in enumerate(bookings)
    ]
    outcomes = at_once(race, *moves * 2)
    assert all(isinstance(one, Booking | SlotUnavailable) for one in outcomes)
    assert_books_agree(*slots)
    assert sum(slot.reserved for slot in slots) == 8


def _move_and_cancel(race: Race, slots: list[Slot], booking: Booking) -> None:
    moves = [MoveToSlot(SYSTEM, booking.pk, slots[index].pk) for index in (1, 2, 3, 4)]
    outcomes = at_once(race, *moves, ApplyTransition(SYSTEM, booking.pk, CANCEL))
    assert isinstance(outcomes[-1], Booking)
    assert all(isinstance(one, Booking | InvalidState) for one in outcomes[:-1])
    booking.refresh_from_db()
    assert booking.status == BookingStatus.CANCELLED
    assert_books_agree(*slots)
    assert all(slot.reserved == 0 for slot in slots)


@pytest.mark.parametrize("number", [1, 2])
def test_a_booking_that_is_moved_and_cancelled_leaves_no_seat_taken(
    race: Race, number: int
) -> None:
    slots = slots_of_one_room(6, capacity=2)
    for _ in range(3):
        _move_and_cancel(race, slots, booked(slots[0], 2, slot_count=number))


@control
@pytest.mark.parametrize("number", [1, 2])
def test_control_without_the_row_lock_moves_and_a_cancellation_go_wrong(
    race: Race, number: int
) -> None:
    slots = slots_of_one_room(6, capacity=2)
    booking = booked(slots[0], 2, slot_count=number)
    with pytest.raises(AssertionError):
        _move_and_cancel(race, slots, booking)


def _overlapping(race: Race, slots: list[Slot]) -> None:
    """All of them reach over the slot in the middle."""
    firsts = (0, 2, 1, 2, 0, 1)
    outcomes = at_once(race, *[take(slots[first], slot_count=3) for first in firsts])
    assert len(winners(outcomes)) == 1
    assert sum(isinstance(one, SlotUnavailable) for one in outcomes) == 5
    assert_books_agree(*slots)
    assert sum(slot.reserved for slot in slots) == 3


def test_of_bookings_that_overlap_one_is_had_whole(race: Race) -> None:
    for _ in range(4):
        _overlapping(race, slots_of_one_room(5, capacity=1))


@control
def test_control_without_the_row_lock_overlapping_bookings_go_wrong(race: Race) -> None:
    slots = slots_of_one_room(5, capacity=1)
    with pytest.raises(AssertionError):
        _overlapping(race, slots)


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
    outcomes = at_once(race, *[take(slot) for _ in range(4)])
    assert sum(isinstance(one, SlotUnavailable) for one in outcomes) < 3

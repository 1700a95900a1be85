"""Races for the end of a hold or a booking, each with a control in which the lock is left out."""

import time
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from accounts.actors import SYSTEM
from bookings import batches
from bookings.errors import (
    HoldExpired,
    InvalidState,
)
from bookings.models import Booking, Slot
from bookings.requests.change import ApplyTransition, ExpireHold
from bookings.states import CANCEL, CONFIRM, BookingStatus
from reserve.core.clock import now
from reserve.outbox.models import Event
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

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("without_guard")]


def _lapsed_hold(slots: list[Slot]) -> Booking:
    hold = booked(slots[0], hold=True, slot_count=len(slots))
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
    assert_books_agree(*slots)
    assert all(slot.reserved == 0 for slot in slots)


@pytest.mark.parametrize("number", [1, 3])
def test_a_cancellation_and_an_expiry_give_seats_back_once(race: Race, number: int) -> None:
    slots = slots_of_one_room(number)
    hold = _lapsed_hold(slots)
    cancel = ApplyTransition(SYSTEM, hold.pk, CANCEL)
    outcomes = at_once(race, *[ExpireHold(hold.pk), cancel] * 4)
    _assert_expired_once(hold, slots, outcomes)


@control
@pytest.mark.parametrize("number", [1, 3])
def test_control_without_the_row_lock_seats_go_back_twice(race: Race, number: int) -> None:
    slots = slots_of_one_room(number)
    hold = _lapsed_hold(slots)
    cancel = ApplyTransition(SYSTEM, hold.pk, CANCEL)
    outcomes = at_once(race, *[ExpireHold(hold.pk), cancel] * 4)
    with pytest.raises(AssertionError):
        _assert_expired_once(hold, slots, outcomes)


def _assert_cancelled_once(booking: Booking, slots: list[Slot], outcomes: list[Any]) -> None:
    assert len(winners(outcomes)) == 1
    assert sum(isinstance(one, InvalidState) for one in outcomes) == len(outcomes) - 1
    booking.refresh_from_db()
    assert (booking.status, booking.version) == (BookingStatus.CANCELLED, 2)
    assert_books_agree(*slots)
    assert all(slot.reserved == 0 for slot in slots)


@pytest.mark.parametrize("number", [1, 3])
def test_seats_go_back_once_however_many_cancel(race: Race, number: int) -> None:
    slots = slots_of_one_room(number)
    booking = booked(slots[0], 3, slot_count=number)
    outcomes = at_once(race, *[ApplyTransition(SYSTEM, booking.pk, CANCEL)] * 8)
    _assert_cancelled_once(booking, slots, outcomes)


@control
@pytest.mark.parametrize("number", [1, 3])
def test_control_without_the_row_lock_cancellations_do_not_see_each_other(
    race: Race, number: int
) -> None:
    slots = slots_of_one_room(number)
    booking = booked(slots[0], 3, slot_count=number)
    outcomes = at_once(race, *[ApplyTransition(SYSTEM, booking.pk, CANCEL)] * 8)
    with pytest.raises(AssertionError):
        _assert_cancelled_once(booking, slots, outcomes)


def _confirm_across_the_lapse(race: Race, slots: list[Slot]) -> None:
    """Who confirms decides before the hold lapses and writes after; who expires comes between."""
    hold = booked(slots[0], hold=True, slot_count=len(slots))
    at = now() + timedelta(seconds=0.06)
    Booking.objects.filter(pk=hold.pk).update(hold_expires_at=at)
    Slot.objects.filter(pk__in=[slot.pk for slot in slots]).update(next_lapse_at=at)
    confirm = partial(batches.commit, [ApplyTransition(SYSTEM, hold.pk, CONFIRM)])

    def expire() -> list[Any]:
        time.sleep(0.08)
        return list(batches.commit([ExpireHold(hold.pk)]))

    found = race([confirm, expire, confirm, expire])
    outcomes = [one[0] if isinstance(one, list) else one for one in found]
    _assert_confirmed_or_expired(hold, slots, outcomes)


def _assert_confirmed_or_expired(hold: Booking, slots: list[Slot], outcomes: list[Any]) -> None:
    """Half of the outcomes are those of confirmations, half of expiries, which find it over."""
    confirmed = winners(outcomes[::2])
    refused = [one for one in outcomes[::2] if not isinstance(one, Booking)]
    hold.refresh_from_db()
    if confirmed:
        assert hold.status == BookingStatus.PENDING
        assert all(isinstance(one, InvalidState) for one in refused)
    else:
        assert hold.status == BookingStatus.EXPIRED or hold.has_lapsed_at(now())
        assert all(isinstance(one, HoldExpired) for one in refused)
    assert len(confirmed) <= 1
    assert all(isinstance(one, Booking) for one in outcomes[1::2]), outcomes
    names = Event.objects.filter(subject_id=hold.pk).values_list("name", flat=True)
    assert ("booking.expired" in names) + ("booking.created" in names) <= 1
    assert_books_agree(*slots)


@pytest.mark.usefixtures("with_a_wait_before_the_write")
@pytest.mark.parametrize("number", [1, 3])
def test_a_hold_that_lapses_while_it_is_confirmed_does_not_expire(race: Race, number: int) -> None:
    _confirm_across_the_lapse(race, slots_of_one_room(number))


@control
@pytest.mark.parametrize("number", [1, 3])
def test_control_without_the_row_lock_a_hold_is_confirmed_and_expires(
    race: Race, number: int
) -> None:
    slots = slots_of_one_room(number)
    with pytest.raises(AssertionError):
        _confirm_across_the_lapse(race, slots)


@pytest.mark.parametrize("number", [1, 3])
def test_a_hold_is_confirmed_or_expires_and_not_both(race: Race, number: int) -> None:
    """It lapses while they race: some decide before that instant and some after."""
    slots = slots_of_one_room(number)
    for lapse in (0.0, 0.01, 0.02, 0.04):
        hold = booked(slots[0], hold=True, slot_count=number)
        at = now() + timedelta(seconds=lapse)
        Booking.objects.filter(pk=hold.pk).update(hold_expires_at=at)
        Slot.objects.filter(pk__in=[slot.pk for slot in slots]).update(next_lapse_at=at)
        confirm = ApplyTransition(SYSTEM, hold.pk, CONFIRM)
        outcomes = at_once(race, *[confirm, ExpireHold(hold.pk)] * 4)
        _assert_confirmed_or_expired(hold, slots, outcomes)
        batches.commit([ApplyTransition(SYSTEM, hold.pk, CANCEL)])


def _assert_confirmed_once(slot: Slot, outcomes: list[Any]) -> None:
    assert len(winners(outcomes)) == 1
    assert sum(isinstance(one, InvalidState) for one in outcomes) == len(outcomes) - 1
    assert_books_agree(slot)


def test_a_hold_is_confirmed_once(race: Race) -> None:
    (slot,) = slots_of_one_room(1)
    hold = booked(slot, hold=True)
    outcomes = at_once(race, *[ApplyTransition(SYSTEM, hold.pk, CONFIRM)] * 4)
    _assert_confirmed_once(slot, outcomes)


@control
def test_control_without_the_row_lock_a_hold_is_confirmed_more_than_once(race: Race) -> None:
    (slot,) = slots_of_one_room(1)
    hold = booked(slot, hold=True)
    outcomes = at_once(race, *[ApplyTransition(SYSTEM, hold.pk, CONFIRM)] * 4)
    with pytest.raises(AssertionError):
        _assert_confirmed_once(slot, outcomes)


def test_a_lapsed_hold_that_reaches_over_more_slots_is_reclaimed_whole(race: Race) -> None:
    """Whoever meets it on one slot must lock the others first: the transaction begins anew."""
    for _ in range(3):
        slots = slots_of_one_room(3, capacity=1)
        hold = _lapsed_hold(slots)
        outcomes = at_once(race, *[take(slot) for slot in slots * 2])
        assert len(winners(outcomes)) == 3
        hold.refresh_from_db()
        assert hold.status == BookingStatus.EXPIRED
        assert_books_agree(*slots)

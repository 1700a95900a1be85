"""Races for seats, each with a control in which the lock is out and the race is lost."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db.models import Sum

from bookings.batches import commit
from bookings.errors import SlotUnavailable
from bookings.models import Booking, Slot
from bookings.requests.create import TakeSeats
from bookings.services.bookings import create_booking
from bookings.states import SEATED, BookingStatus
from tests.factories import (
    make_consecutive_slots,
    make_customer,
    make_resource,
    make_slot,
    seats_on,
)

pytestmark = pytest.mark.django_db(transaction=True)

Race = Callable[[Any], list[Any]]


def _bookings_at_once(race: Race, slot: Slot, callers: int) -> list[Any]:
    """Each caller in a transaction of its own, as from so many processes."""
    requests = [
        TakeSeats(make_customer(), seats_on(slot), BookingStatus.PENDING) for _ in range(callers)
    ]
    return [outcomes[0] for outcomes in race([partial(commit, [one]) for one in requests])]


def _seats_of_bookings(slot: Slot) -> int:
    seated = Booking.objects.filter(slots=slot, status__in=SEATED)
    return seated.aggregate(total=Sum("seats"))["total"] or 0


def _assert_sold_exactly(slot: Slot, outcomes: list[Any]) -> None:
    slot.refresh_from_db()
    winners = [outcome for outcome in outcomes if isinstance(outcome, Booking)]
    losers = [outcome for outcome in outcomes if isinstance(outcome, SlotUnavailable)]
    assert (len(winners), len(losers)) == (slot.capacity, len(outcomes) - slot.capacity)
    assert slot.reserved == _seats_of_bookings(slot) == slot.capacity


@pytest.mark.usefixtures("without_guard")
def test_the_last_seats_are_sold_once(race: Race) -> None:
    slot = make_slot(capacity=3)
    _assert_sold_exactly(slot, _bookings_at_once(race, slot, 16))


def test_the_last_seats_are_sold_once_under_the_guard(race: Race) -> None:
    slot = make_slot(capacity=3)
    _assert_sold_exactly(slot, _bookings_at_once(race, slot, 16))


@pytest.mark.usefixtures("without_guard", "without_row_lock")
def test_control_without_the_row_lock_the_race_goes_wrong(race: Race) -> None:
    slot = make_slot(capacity=3)
    outcomes = _bookings_at_once(race, slot, 16)
    with pytest.raises(AssertionError):
        _assert_sold_exactly(slot, outcomes)


def test_callers_of_one_process_share_transactions_and_each_has_its_own_outcome(
    race: Race,
) -> None:
    slot = make_slot(capacity=5)
    outcomes = race(
        [partial(create_booking, actor=make_customer(), seats=seats_on(slot)) for _ in range(24)]
    )
    _assert_sold_exactly(slot, outcomes)


def test_a_smaller_party_is_not_refused_with_a_larger_one_before_it() -> None:
    slot = make_slot(capacity=4)
    outcomes = commit(
        [
            TakeSeats(make_customer(), seats_on(slot, size), BookingStatus.PENDING)
            for size in (3, 2, 1)
        ]
    )
    assert [isinstance(outcome, Booking) for outcome in outcomes] == [True, False, True]


@pytest.mark.usefixtures("without_guard")
def test_bookings_over_several_slots_never_wait_for_each_other(race: Race) -> None:
    slots = make_consecutive_slots(make_resource(capacity=100), 6)
    requests = [
        TakeSeats(make_customer(), seats_on(slots[index % 4], slot_count=3), BookingStatus.PENDING)
        for index in range(24)
    ]
    outcomes = race([partial(commit, [one]) for one in requests])
    assert all(isinstance(outcome[0], Booking) for outcome in outcomes)
    for slot in slots:
        slot.refresh_from_db()
        assert slot.reserved == _seats_of_bookings(slot)
        assert slot.version == slot.bookings.count()

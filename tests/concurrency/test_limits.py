"""Races for a slot's capacity and a customer's limit, each with a control without its lock."""

import secrets
from typing import Any

import pytest

from accounts.actors import SYSTEM
from bookings.customers import Customer
from bookings.errors import (
    BookingLimitReached,
    CapacityInUse,
    SlotUnavailable,
)
from bookings.models import Booking, Slot
from bookings.requests.slot import ChangeSlot
from reserve.core.errors import NotFound
from tests.concurrency.races import (
    Race,
    assert_books_agree,
    at_once,
    control,
    slots_of_one_room,
    take,
    winners,
)
from tests.factories import (
    make_consecutive_slots,
    make_customer,
    make_resource,
    make_venue,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("without_guard")]


def _assert_refused_in_order(slots: list[Slot], outcomes: list[Any]) -> None:
    """Each refusal says which of the two came too late; the constraint is never asked."""
    # Whoever wants slots of which one is another by then is told that they do not follow.
    refusals = SlotUnavailable if len(slots) == 1 else SlotUnavailable | NotFound
    assert all(isinstance(one, Booking | refusals) for one in outcomes[:10])
    assert all(isinstance(one, Slot | CapacityInUse) for one in outcomes[10:])
    assert_books_agree(*slots)
    assert {slot.reserved for slot in slots} == {len(winners(outcomes))}


@pytest.mark.parametrize("number", [1, 3])
def test_a_capacity_that_is_lowered_while_people_book_stays_above_what_is_taken(
    race: Race, number: int
) -> None:
    slots = slots_of_one_room(number, capacity=8)
    bookings = [take(slots[0], slot_count=number) for _ in range(10)]
    lower = [ChangeSlot(SYSTEM, slots[-1].pk, capacity=capacity) for capacity in (6, 4, 2)]
    _assert_refused_in_order(slots, at_once(race, *bookings, *lower))


@control
@pytest.mark.parametrize("number", [1, 3])
def test_control_without_the_row_lock_the_constraint_has_to_stop_it(
    race: Race, number: int
) -> None:
    slots = slots_of_one_room(number, capacity=8)
    bookings = [take(slots[0], slot_count=number) for _ in range(10)]
    outcomes = at_once(race, *bookings, ChangeSlot(SYSTEM, slots[-1].pk, capacity=1))
    with pytest.raises(AssertionError):
        _assert_refused_in_order(slots, outcomes)


def _slots_of_a_venue_with_a_limit(number: int, limit: int) -> list[Slot]:
    venue = make_venue(open_bookings_per_customer=limit)
    return make_consecutive_slots(make_resource(venue), number)


def test_a_customer_takes_no_more_than_the_limit_on_however_many_slots(race: Race) -> None:
    slots = _slots_of_a_venue_with_a_limit(8, limit=2)
    customer = make_customer()
    outcomes = at_once(race, *[take(slot, actor=customer) for slot in slots])
    assert len(winners(outcomes)) == 2
    assert sum(isinstance(one, BookingLimitReached) for one in outcomes) == 6
    assert_books_agree(*slots)


@pytest.mark.usefixtures("with_a_wait_before_the_write")
def test_control_without_the_lock_of_the_customer_the_limit_is_passed(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Customer, "lock_keys", property(lambda _: {secrets.randbits(62)}))
    slots = _slots_of_a_venue_with_a_limit(8, limit=2)
    customer = make_customer()
    outcomes = at_once(race, *[take(slot, actor=customer) for slot in slots])
    assert len(winners(outcomes)) > 2

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
from tests.concurrency.races import (
    Race,
    assert_books_agree,
    at_once,
    control,
    take,
    winners,
)
from tests.factories import (
    make_consecutive_slots,
    make_customer,
    make_resource,
    make_slot,
    make_venue,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("without_guard")]


def _assert_refused_in_order(slot: Slot, outcomes: list[Any]) -> None:
    """Each refusal says which of the two came too late; the constraint is never asked."""
    assert all(isinstance(one, Booking | SlotUnavailable) for one in outcomes[:10])
    assert all(isinstance(one, Slot | CapacityInUse) for one in outcomes[10:])
    assert_books_agree(slot)
    assert slot.reserved == len(winners(outcomes))


def test_a_capacity_that_is_lowered_while_people_book_stays_above_what_is_taken(
    race: Race,
) -> None:
    slot = make_slot(capacity=8)
    bookings = [take(slot) for _ in range(10)]
    lower = [ChangeSlot(SYSTEM, slot.pk, capacity=capacity) for capacity in (6, 4, 2)]
    _assert_refused_in_order(slot, at_once(race, *bookings, *lower))


@control
def test_control_without_the_row_lock_the_constraint_has_to_stop_it(race: Race) -> None:
    slot = make_slot(capacity=8)
    bookings = [take(slot) for _ in range(10)]
    outcomes = at_once(race, *bookings, ChangeSlot(SYSTEM, slot.pk, capacity=1))
    with pytest.raises(AssertionError):
        _assert_refused_in_order(slot, outcomes)


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

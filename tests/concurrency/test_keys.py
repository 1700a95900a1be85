"""Races between calls with one idempotency key, and their controls."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from bookings import batches
from bookings.errors import IdempotencyInProgress, IdempotencyMismatch
from bookings.idempotency import Memory
from bookings.models import Booking, IdempotencyKey
from reserve.core.clock import now
from tests.concurrency.races import (
    Race,
    assert_books_agree,
    at_once,
    booked,
    slots_of_one_room,
    take,
    winners,
)
from tests.factories import (
    make_customer,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("without_guard")]


def _assert_carried_out_once(outcomes: list[Any]) -> None:
    wins = winners(outcomes)
    assert len(wins) == len(outcomes)
    assert len({(one.pk, one.confirmation_code) for one in wins}) == 1
    assert Booking.objects.count() == 1


@pytest.mark.parametrize("number", [1, 3])
def test_one_call_made_eight_times_at_once_is_one_booking(race: Race, number: int) -> None:
    slots, customer = slots_of_one_room(number), make_customer()
    calls = [
        take(slots[0], actor=customer, slot_count=number, idempotency_key="k") for _ in range(8)
    ]
    _assert_carried_out_once(at_once(race, *calls))
    assert_books_agree(*slots)


@pytest.mark.usefixtures("with_brief_lock_waits")
def test_a_call_whose_first_one_is_still_running_is_told_so_in_time() -> None:
    """The first has written its key and not committed, on another slot: only the key is met."""
    (slot, elsewhere), customer = slots_of_one_room(2), make_customer()
    call = take(slot, actor=customer, idempotency_key="k")
    assert call.call is not None
    first = booked(elsewhere)
    with _still_running(IdempotencyKey(caller=call.call.caller, key="k", booking=first)):
        began = time.monotonic()
        # In a batch the others do not suffer from it.
        outcomes = batches.commit([call, take(slot)])
        assert time.monotonic() - began < 0.8
    assert [type(outcome) for outcome in outcomes] == [IdempotencyInProgress, Booking]
    assert outcomes[0].retry_after is not None
    assert (Booking.objects.count(), IdempotencyKey.objects.count()) == (2, 0)
    assert isinstance(batches.commit([call])[0], Booking)
    assert_books_agree(slot, elsewhere)


@contextmanager
def _still_running(key: IdempotencyKey) -> Iterator[None]:
    """Another session has written this key, and goes back on it at the end of the block."""
    is_written, done = threading.Event(), threading.Event()
    key.fingerprint, key.created_at = b"x" * 32, now()

    def write_and_wait() -> None:
        with transaction.atomic():
            key.save(force_insert=True)
            is_written.set()
            done.wait(30)
            transaction.set_rollback(True)
        connection.close()

    first = threading.Thread(target=write_and_wait)
    first.start()
    is_written.wait(10)
    try:
        yield
    finally:
        done.set()
        first.join()


@pytest.mark.parametrize("number", [1, 3])
def test_control_without_the_key_a_call_is_carried_out_each_time(
    race: Race, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(Memory, "add", lambda *_: None)
    slots, customer = slots_of_one_room(number), make_customer()
    calls = [
        take(slots[0], actor=customer, slot_count=number, idempotency_key="k") for _ in range(8)
    ]
    outcomes = at_once(race, *calls)
    with pytest.raises(AssertionError):
        _assert_carried_out_once(outcomes)


@pytest.mark.parametrize("on_one_slot", [True, False])
def test_of_different_calls_with_one_key_one_is_carried_out(race: Race, on_one_slot: bool) -> None:
    """On different slots no row lock brings them into an order; the key has to."""
    slots, customer = slots_of_one_room(8, capacity=100), make_customer()
    for attempt in range(5):
        calls = [
            take(
                slots[0 if on_one_slot else index],
                index + 1,
                actor=customer,
                idempotency_key=f"key-{attempt}",
            )
            for index in range(8)
        ]
        outcomes = at_once(race, *calls)
        assert len(winners(outcomes)) == 1, outcomes
        assert sum(isinstance(one, IdempotencyMismatch) for one in outcomes) == 7, outcomes
        assert Booking.objects.count() == attempt + 1
    assert_books_agree(*slots)

"""Callers on an event loop: they share batches, and may hang up."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection

from bookings import desk as desk_module
from bookings.desk import Desk
from bookings.errors import OutcomeUnknown, SlotUnavailable
from bookings.ledger import Ledger
from bookings.models import Booking
from bookings.queue import COMMITTERS
from bookings.requests.create import TakeSeats
from bookings.states import BookingStatus
from reserve.core import database
from reserve.core.database import in_database
from reserve.core.errors import ServiceUnavailable
from tests.factories import make_customer, make_slot, seats_on

pytestmark = pytest.mark.django_db(transaction=True)


def _disconnect(both_there: threading.Barrier) -> None:
    both_there.wait(10)
    connection.close()


@pytest.fixture
def desk():
    found = Desk()
    yield found
    # Its threads end, and so do the connections that they hold on the test database.
    both_there = threading.Barrier(COMMITTERS)
    for ended in [found._committers.submit(_disconnect, both_there) for _ in range(COMMITTERS)]:
        ended.result()
    found._committers.shutdown()


def test_two_hundred_callers_for_fifty_seats(desk: Desk) -> None:
    slot = make_slot(capacity=50)
    requests = [
        TakeSeats(make_customer(), seats_on(slot), BookingStatus.PENDING) for _ in range(200)
    ]

    async def everybody() -> list[object]:
        return await asyncio.gather(
            *(desk.submit_async(request) for request in requests), return_exceptions=True
        )

    outcomes = asyncio.run(everybody())
    winners = [position for position, found in enumerate(outcomes) if isinstance(found, Booking)]
    assert winners == list(range(50)), "in order of arrival"
    assert all(isinstance(found, SlotUnavailable) for found in outcomes[50:])
    slot.refresh_from_db()
    assert slot.reserved == 50


def test_whoever_hangs_up_before_their_turn_takes_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot, customer = make_slot(capacity=5), make_customer()
    held, released, commit = threading.Event(), threading.Event(), desk_module.commit

    def commit_slowly(batch, **options):
        held.set()
        released.wait(10)
        return commit(batch, **options)

    monkeypatch.setattr(desk_module, "commit", commit_slowly)

    def request(guest_count: int) -> TakeSeats:
        return TakeSeats(customer, seats_on(slot, guest_count), BookingStatus.PENDING)

    async def one_stays_and_one_leaves() -> None:
        first = asyncio.create_task(desk.submit_async(request(1)))
        await asyncio.to_thread(held.wait, 10)
        second = asyncio.create_task(desk.submit_async(request(2)))
        await asyncio.sleep(0.05)
        second.cancel()
        released.set()
        assert (await first).seats == 1
        with pytest.raises(asyncio.CancelledError):
            await second

    asyncio.run(one_stays_and_one_leaves())
    slot.refresh_from_db()
    assert slot.reserved == 1
    assert Booking.objects.count() == 1


def test_whose_turn_has_come_is_not_told_that_nothing_happened(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be carried out yet: a refusal would be a lie."""
    monkeypatch.setattr(desk_module, "_PATIENCE_SECONDS", 0.2)
    request = TakeSeats(make_customer(), seats_on(make_slot()), BookingStatus.PENDING)
    write = Ledger.write

    def write_late(ledger: Ledger) -> None:
        time.sleep(1)
        write(ledger)

    monkeypatch.setattr(Ledger, "write", write_late)
    with pytest.raises(OutcomeUnknown) as unknown:
        asyncio.run(desk.submit_async(request))
    assert unknown.value.code == "SERVICE_UNAVAILABLE"
    assert unknown.value.retry_after is not None
    _until(lambda: Booking.objects.count() == 1)


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_too_many_waiting_reads_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_MAX_WAITING", 0)
    with pytest.raises(ServiceUnavailable):
        asyncio.run(in_database(Booking.objects.count))

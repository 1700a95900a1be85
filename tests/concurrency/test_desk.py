"""The desk when something breaks under it."""

import asyncio
import threading
from functools import partial
from typing import Any

import pytest
from django.db import connection

from bookings import batches, queue
from bookings import desk as desk_module
from bookings.desk import Desk
from bookings.errors import SlotBusy
from bookings.ledger import Ledger
from bookings.models import Booking
from reserve.outbox.models import Event
from tests.concurrency.races import take
from tests.factories import make_slot

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_wait_for_the_database_has_an_end() -> None:
    with connection.cursor() as cursor:
        for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
            cursor.execute(f"SHOW {name}")
            assert cursor.fetchone()[0] in {"2s", "15s", "30s"}, name
    # Of a server that vanishes without a word only the kernel can tell, and these tell it when.
    told = connection.connection.info.get_parameters()
    assert int(told["tcp_user_timeout"]) == 15_000
    silence = int(told["keepalives_idle"]) + 3 * int(told["keepalives_interval"])
    assert (silence, told["keepalives_count"], told["connect_timeout"]) == (20, "3", "5")


@pytest.mark.parametrize("is_beside", [True, False])
def test_another_slot_is_booked_while_a_commit_waits_and_the_same_slot_is_not(
    monkeypatch: pytest.MonkeyPatch, is_beside: bool
) -> None:
    first = make_slot()
    second = make_slot() if is_beside else first
    committing, flushed = threading.Event(), threading.Event()
    transact = batches._transact

    def transact_slowly(batch: Any, slot_ids: Any, booking_ids: Any, at_commit: Any) -> Any:
        def wait_for_the_disk() -> None:
            at_commit()
            if not committing.is_set():
                committing.set()
                assert flushed.wait(10)

        return transact(batch, slot_ids, booking_ids, wait_for_the_disk)

    monkeypatch.setattr(batches, "_transact", transact_slowly)
    monkeypatch.setattr(queue, "OVERDUE_SECONDS", 30.0)
    desk, wishes = Desk(), [take(first), take(second)]

    async def book() -> None:
        earlier = asyncio.ensure_future(desk.submit_async(wishes[0]))
        assert await asyncio.to_thread(committing.wait, 10)
        later = asyncio.ensure_future(desk.submit_async(wishes[1]))
        done, _ = await asyncio.wait([later], timeout=5 if is_beside else 0.5)
        assert bool(done) is is_beside
        assert not earlier.done()
        flushed.set()
        await asyncio.gather(earlier, later)

    asyncio.run(book())
    assert Booking.objects.count() == 2


def test_a_full_queue_turns_callers_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "MAX_QUEUE", 0)
    with pytest.raises(SlotBusy):
        Desk().submit(take(make_slot()))


def test_whose_turn_does_not_come_in_time_is_told_so_and_has_taken_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(desk_module, "_PATIENCE_SECONDS", 0.1)
    desk, request = Desk(), take(make_slot())
    # Committers are all busy, for longer than anybody waits.
    monkeypatch.setattr(desk._queue, "_may_begin", lambda: False)
    with pytest.raises(SlotBusy) as refused:
        desk.submit(request)
    assert refused.value.retry_after is not None
    with pytest.raises(SlotBusy):
        asyncio.run(desk.submit_async(request))
    monkeypatch.undo()
    assert desk._queue.next_batch() == []
    assert not Booking.objects.exists()


def test_a_crash_between_insert_and_commit_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slot, write = make_slot(), Ledger.write

    class Crash(Exception):
        pass

    def write_and_crash(ledger: Ledger) -> None:
        write(ledger)
        raise Crash

    monkeypatch.setattr(Ledger, "write", write_and_crash)
    with pytest.raises(Crash):
        Desk().submit(take(slot))
    slot.refresh_from_db()
    assert (slot.reserved, Booking.objects.count(), Event.objects.count()) == (0, 0, 0)


def test_every_caller_has_an_answer_when_the_batch_raises(
    monkeypatch: pytest.MonkeyPatch, race
) -> None:
    def fail(_ledger: Ledger) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Ledger, "write", fail)
    desk, slot = Desk(), make_slot()
    outcomes = race([partial(desk.submit, take(slot)) for _ in range(8)])
    assert all(isinstance(outcome, RuntimeError) for outcome in outcomes)

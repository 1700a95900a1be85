"""Who is served next at the desk, and beside whom."""

import asyncio
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from bookings.errors import SlotBusy
from bookings.ledger import Ledger
from bookings.models import Booking
from bookings.queue import COMMITTERS, MAX_BATCH, BatchQueue, Ticket
from bookings.requests import Request


@dataclass(frozen=True, slots=True)
class _Wish(Request[Booking]):
    slot: UUID | None

    @property
    def named_slot(self) -> UUID | None:
        return self.slot

    def decide(self, ledger: Ledger) -> Booking:
        raise AssertionError("the queue decides on nothing")


def _ticket(slot: UUID | None = None) -> Ticket[Booking]:
    return Ticket(_Wish(slot), Future())


def _queue_of(*tickets: Ticket[Booking]) -> BatchQueue:
    queue = BatchQueue()
    for ticket in tickets:
        queue.join(ticket)
    return queue


def test_all_who_wait_share_the_next_batch_in_order_of_arrival() -> None:
    tickets = [_ticket(uuid4()) for _ in range(5)]
    assert _queue_of(*tickets).next_batch() == tickets


def test_a_batch_has_an_end() -> None:
    tickets = [_ticket() for _ in range(MAX_BATCH + 1)]
    queue = _queue_of(*tickets)
    batch = queue.next_batch()
    assert batch == tickets[:-1]
    queue.finish(batch)
    assert queue.next_batch() == tickets[-1:]


def test_nobody_is_served_beside_a_batch_until_it_is_overdue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Long enough for a machine that is busy with other tests.
    monkeypatch.setattr("bookings.queue.OVERDUE_SECONDS", 1.0)
    queue = _queue_of(_ticket(uuid4()))
    queue.next_batch()
    others = [_ticket(uuid4()), _ticket(uuid4())]

    assert [queue.join(other) for other in others] == [False, False]
    assert queue.next_batch() == []
    assert queue.wait(others[0], seconds=5)
    assert queue.next_batch() == others


def test_the_next_begins_beside_one_that_has_only_its_commit_left() -> None:
    hot = uuid4()
    queue = _queue_of(_ticket(hot))
    committing = queue.next_batch()
    same, other = _ticket(hot), _ticket(uuid4())
    queue.join(same)
    assert not queue.join(other)

    assert not queue.decided(committing), "all have a thread of their own"
    deciding = queue.next_batch()
    assert deciding == [other], "whoever wants the same slot waits for the commit"
    assert not queue.join(_ticket(uuid4())), "one decides at a time"
    queue.finish(committing)
    assert queue.next_batch() == []
    queue.decided(deciding)
    assert queue.next_batch()[0] is same


def test_whoever_waits_wakes_when_one_has_decided() -> None:
    queue = _queue_of(_ticket(uuid4()))
    running = queue.next_batch()
    waiting = _ticket(uuid4())
    queue.join(waiting)
    threading.Timer(0.05, queue.decided, [running]).start()
    assert queue.wait(waiting, seconds=5)
    assert queue.next_batch() == [waiting]


@pytest.fixture
def overdue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every batch that runs is overdue from its beginning."""
    monkeypatch.setattr("bookings.queue.OVERDUE_SECONDS", 0.0)


@pytest.mark.usefixtures("overdue")
def test_another_slot_is_served_beside_and_the_same_slot_waits() -> None:
    hot, other = uuid4(), uuid4()
    queue = _queue_of(_ticket(hot))
    running = queue.next_batch()
    same, beside, same_again = _ticket(hot), _ticket(other), _ticket(hot)

    assert not queue.join(same)
    assert queue.join(beside)
    queue.join(same_again)

    assert queue.next_batch() == [beside]
    assert not queue.finish(running), "all have a thread of their own"
    assert queue.next_batch() == [same, same_again]


def test_whoever_has_only_an_event_loop_is_told_of() -> None:
    queue = _queue_of(_ticket())
    running = queue.next_batch()
    loop = asyncio.new_event_loop()
    queue.join(Ticket(_Wish(None), loop.create_future(), loop))
    loop.close()
    assert queue.finish(running)


@pytest.mark.usefixtures("overdue")
def test_no_more_batches_run_at_once_than_there_are_committers() -> None:
    queue = BatchQueue()
    running = []
    for _ in range(COMMITTERS):
        queue.join(_ticket(uuid4()))
        running.append(queue.next_batch())
    assert not queue.join(_ticket(uuid4()))
    assert queue.next_batch() == []
    queue.finish(running[0])
    assert len(queue.next_batch()) == 1


def test_whoever_has_left_is_not_served() -> None:
    gone, there = _ticket(), _ticket()
    queue = _queue_of(gone, there)
    gone.future.cancel()
    assert queue.next_batch() == [there]


def test_whoever_waits_wakes_when_the_slot_is_free_and_not_before() -> None:
    hot = uuid4()
    queue = _queue_of(_ticket(hot))
    running = queue.next_batch()
    waiting = _ticket(hot)
    queue.join(waiting)

    assert not queue.wait(waiting, seconds=0.05)
    threading.Timer(0.05, queue.finish, [running]).start()
    assert queue.wait(waiting, seconds=5)
    assert queue.next_batch() == [waiting]


def test_a_full_queue_takes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bookings.queue.MAX_QUEUE", 1)
    queue = _queue_of(_ticket())
    with pytest.raises(SlotBusy):
        queue.join(_ticket())


def test_whoever_withdraws_is_not_served_and_whose_turn_has_come_cannot() -> None:
    served = _ticket(slot := uuid4())
    queue = _queue_of(served)
    batch = queue.next_batch()
    assert not queue.withdraw(served)
    queue.finish(batch)
    late = _ticket(slot)
    queue.join(late)
    assert queue.withdraw(late)
    assert not queue.withdraw(late)
    assert queue.next_batch() == []

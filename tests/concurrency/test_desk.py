"""The desk when something breaks under it."""

import socket
import threading
import time
from functools import partial

import pytest
from django.db import OperationalError, connection, transaction
from redis import ConnectionPool, Redis

from bookings import desk as desk_module
from bookings import queue
from bookings.desk import Desk, commit
from bookings.errors import SlotBusy
from bookings.ledger import Ledger
from bookings.models import Booking, Slot
from bookings.requests.create import TakeSeats
from bookings.states import BookingStatus
from reserve.core import locks
from reserve.core.errors import ServiceUnavailable
from reserve.outbox.models import Event
from tests.factories import make_customer, make_slot, seats_on

pytestmark = pytest.mark.django_db(transaction=True)


def _taking(slot: Slot, guest_count: int = 1) -> TakeSeats:
    return TakeSeats(make_customer(), seats_on(slot, guest_count), BookingStatus.PENDING)


def test_a_slot_that_stays_locked_is_busy_and_nothing_has_changed() -> None:
    slot, locked, done = make_slot(), threading.Event(), threading.Event()

    def hold_the_lock() -> None:
        with transaction.atomic():
            Slot.objects.select_for_update().get(pk=slot.pk)
            locked.set()
            done.wait(20)
        connection.close()

    holder = threading.Thread(target=hold_the_lock)
    holder.start()
    locked.wait(10)
    try:
        (outcome,) = commit([_taking(slot)])
    finally:
        done.set()
        holder.join()
    assert isinstance(outcome, SlotBusy)
    assert outcome.retry_after is not None
    assert not Booking.objects.exists()


def test_a_batch_that_fails_as_a_whole_is_retried_singly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slot, write, batches = make_slot(), Ledger.write, []

    def fail_for_many(ledger: Ledger) -> None:
        batches.append(len(ledger._created))
        if len(ledger._created) > 1:
            raise OperationalError("too many at once")
        write(ledger)

    monkeypatch.setattr(Ledger, "write", fail_for_many)
    outcomes = commit([_taking(slot), _taking(slot, 99), _taking(slot)])

    assert [type(outcome).__name__ for outcome in outcomes] == [
        "Booking",
        "SlotUnavailable",
        "Booking",
    ]
    assert batches == [2, 1, 0, 1]
    slot.refresh_from_db()
    assert slot.reserved == Booking.objects.count() == Event.objects.count() == 2


def test_a_commit_without_an_answer_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    slot, transactions = make_slot(), []

    def break_at_commit(**_: object) -> None:
        transactions.append(1)
        raise OperationalError("the connection is gone")

    monkeypatch.setattr(desk_module, "guards", lambda _names: _BreaksOnLeaving(break_at_commit))
    outcomes = commit([_taking(slot), _taking(slot)])
    assert all(isinstance(outcome, ServiceUnavailable) for outcome in outcomes)
    assert len(transactions) == 1


class _BreaksOnLeaving:
    """Stands where the connection breaks: after the decisions, around the commit."""

    def __init__(self, on_exit) -> None:
        self._on_exit = on_exit

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._on_exit()


@pytest.fixture
def own_guards(monkeypatch: pytest.MonkeyPatch) -> locks._Guards:
    """Guards that have not met a fault yet, and whose faults stay with this test."""
    found = locks._Guards()
    monkeypatch.setattr(locks, "_guards", found)
    return found


def test_with_redis_gone_bookings_go_on(
    own_guards: locks._Guards, monkeypatch: pytest.MonkeyPatch
) -> None:
    out_of_reach = Redis(host="127.0.0.1", port=1)
    monkeypatch.setattr(locks, "_client", lambda: out_of_reach)
    assert all(isinstance(commit([_taking(make_slot())])[0], Booking) for _ in range(3))
    assert own_guards._breaker.is_tripped


def test_with_redis_frozen_only_one_booking_waits(
    own_guards: locks._Guards, monkeypatch: pytest.MonkeyPatch, settings
) -> None:
    limits = settings.CACHES["guards"]["OPTIONS"]["CONNECTION_POOL_KWARGS"]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        pool = ConnectionPool(port=silent.getsockname()[1], **limits)
        frozen = Redis(connection_pool=pool)
        monkeypatch.setattr(locks, "_client", lambda: frozen)
        requests = [_taking(make_slot()) for _ in range(10)]
        began = time.monotonic()
        assert all(isinstance(commit([request])[0], Booking) for request in requests)
    assert 0.3 <= time.monotonic() - began < 1.0
    assert own_guards._breaker.is_tripped


def test_a_guard_that_was_taken_after_we_gave_up_is_let_go(
    own_guards: locks._Guards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis thaws: it carries out the call whose answer nobody waited for."""
    client = locks._client()
    with own_guards.hold(["late"]):
        (name,) = client.keys("guard.late")
        own_guards._abandoned.append(([name.decode()], client.get(name).decode()))
        with own_guards.hold(["another"]):
            assert not client.exists("guard.late")


def test_a_guard_that_somebody_keeps_is_waited_for_and_then_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(locks, "_PATIENCE_SECONDS", 0.2)
    slot = make_slot()
    with locks.guards([desk_module._guard_name(slot.pk)]):
        (outcome,) = commit([_taking(slot)])
    assert isinstance(outcome, Booking)


def test_a_guard_is_handed_over_at_once() -> None:
    order: list[str] = []

    def wait_for_it() -> None:
        with locks._Guards().hold(["handed over"]):
            order.append("second")

    second = threading.Thread(target=wait_for_it)
    with locks.guards(["handed over"]):
        second.start()
        time.sleep(0.1)
        order.append("first")
    released = time.monotonic()
    second.join()
    assert time.monotonic() - released < 0.1
    assert order == ["first", "second"]


def test_a_guard_whose_lease_ended_does_not_spoil_the_booking(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(locks, "_LEASE_MILLISECONDS", 50)
    slot, write = make_slot(), Ledger.write

    def write_slowly(ledger: Ledger) -> None:
        threading.Event().wait(0.1)
        write(ledger)

    monkeypatch.setattr(Ledger, "write", write_slowly)
    (outcome,) = commit([_taking(slot)])
    assert isinstance(outcome, Booking)


def test_a_full_queue_turns_callers_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "MAX_QUEUE", 0)
    with pytest.raises(SlotBusy):
        Desk().submit(_taking(make_slot()))


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
        Desk().submit(_taking(slot))
    slot.refresh_from_db()
    assert (slot.reserved, Booking.objects.count(), Event.objects.count()) == (0, 0, 0)


def test_every_caller_has_an_answer_when_the_batch_raises(
    monkeypatch: pytest.MonkeyPatch, race
) -> None:
    def fail(_ledger: Ledger) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Ledger, "write", fail)
    desk, slot = Desk(), make_slot()
    outcomes = race([partial(desk.submit, _taking(slot)) for _ in range(8)])
    assert all(isinstance(outcome, RuntimeError) for outcome in outcomes)

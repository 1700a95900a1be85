"""The desk when something breaks under it."""

import asyncio
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection, transaction
from redis import ConnectionPool, Redis
from structlog.testing import capture_logs

from bench.broken_redis import frozen, gone, slow
from bookings import batches, queue
from bookings import desk as desk_module
from bookings.batches import commit
from bookings.desk import Desk
from bookings.errors import SlotBusy, SlotUnavailable
from bookings.ledger import Ledger
from bookings.models import Booking, Slot
from bookings.requests.create import TakeSeats
from bookings.states import BookingStatus
from reserve.core import locks
from reserve.core.breaker import Breaker
from reserve.core.errors import ServiceUnavailable
from reserve.outbox.models import Event
from tests.concurrency.races import Race, assert_books_agree, slots_of_one_room, take
from tests.factories import make_customer, make_slot, seats_on

pytestmark = pytest.mark.django_db(transaction=True)


def _taking(slot: Slot, guest_count: int = 1) -> TakeSeats:
    return TakeSeats(make_customer(), seats_on(slot, guest_count), BookingStatus.PENDING)


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


@pytest.mark.usefixtures("with_brief_lock_waits")
def test_a_slot_that_stays_locked_is_busy_and_nothing_has_changed() -> None:
    slot = make_slot()
    with _locked_elsewhere(slot):
        (outcome,) = commit([_taking(slot)])
    assert isinstance(outcome, SlotBusy)
    assert outcome.retry_after is not None
    assert not Booking.objects.exists()


def test_events_of_a_batch_sort_as_its_requests_were_decided() -> None:
    slot = make_slot(capacity=30)
    commit([_taking(slot) for _ in range(20)])
    payloads = Event.objects.order_by("pk").values_list("payload", flat=True)
    assert [payload["slots"][0]["version"] for payload in payloads] == list(range(1, 21))


@pytest.mark.usefixtures("with_brief_lock_waits")
def test_of_a_batch_only_those_wait_in_vain_who_want_the_locked_slots() -> None:
    """Twenty want two slots that another session keeps; twenty others have theirs, soon."""
    locked, free = [make_slot(), make_slot()], [make_slot(capacity=10) for _ in range(2)]
    batch = [_taking((*locked, *free)[number % 4]) for number in range(40)]
    with _locked_elsewhere(*locked):
        began = time.monotonic()
        outcomes = commit(batch)
        took = time.monotonic() - began
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [SlotBusy, SlotBusy, Booking, Booking] * 10
    # The lock's time limit for the batch, and once more for each locked slot: not for each caller.
    assert took < 1
    assert [(slot.reserved, slot.version) for slot in _read(locked)] == [(0, 0)] * 2
    assert [slot.reserved for slot in _read(free)] == [10, 10]
    assert Booking.objects.count() == Event.objects.count() == 20


@pytest.mark.usefixtures("with_brief_lock_waits")
def test_control_tried_one_by_one_each_waits_for_the_lock_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "_by_locked_slot", lambda *_: {None: []})
    locked = make_slot()
    with _locked_elsewhere(locked):
        began = time.monotonic()
        outcomes = commit([*[_taking(locked) for _ in range(8)], _taking(make_slot())])
    # Bounded all the same, but whoever is last is told to come again though nothing was in the way.
    assert [type(outcome) for outcome in outcomes] == [SlotBusy] * 9
    assert 0.6 < time.monotonic() - began < 1.4


@contextmanager
def _locked_elsewhere(*slots: Slot) -> Iterator[None]:
    """Another session has the rows of these slots, until the block is left."""
    is_locked, done = threading.Event(), threading.Event()

    def hold_the_locks() -> None:
        with transaction.atomic():
            list(Slot.objects.select_for_update().filter(pk__in=[slot.pk for slot in slots]))
            is_locked.set()
            done.wait(30)
        connection.close()

    holder = threading.Thread(target=hold_the_locks)
    holder.start()
    is_locked.wait(10)
    try:
        yield
    finally:
        done.set()
        holder.join()


def _read(slots: Sequence[Slot]) -> list[Slot]:
    return [Slot.objects.get(pk=slot.pk) for slot in slots]


def test_a_batch_that_fails_as_a_whole_is_retried_singly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slot, write, batches = make_slot(), Ledger.write, []

    def fail_for_many(ledger: Ledger) -> None:
        batches.append(len(ledger.changed_bookings))
        if len(ledger.changed_bookings) > 1:
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


@pytest.mark.parametrize("step", ["about_slots", "wake_relay"])
def test_a_fault_after_the_commit_takes_no_second_seat(
    monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(batches, step, fail)
    slot = make_slot()
    with capture_logs() as lines:
        outcomes = commit([_taking(slot), _taking(slot)])
    assert all(isinstance(outcome, Booking) for outcome in outcomes)
    assert [line["event"] for line in lines].count("after_commit") == 1
    slot.refresh_from_db()
    assert slot.reserved == Booking.objects.count() == Event.objects.count() == 2


def test_a_commit_without_an_answer_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    slot, transactions = make_slot(), []

    def break_at_commit(**_: object) -> None:
        transactions.append(1)
        raise OperationalError("the connection is gone")

    atomic = batches.transaction.atomic

    def breaking_atomic(*, durable: bool = False, **options: Any) -> Any:
        return _BreaksOnLeaving(break_at_commit) if durable else atomic(**options)

    monkeypatch.setattr(batches.transaction, "atomic", breaking_atomic)
    outcomes = commit([_taking(slot), _taking(slot)])
    assert all(isinstance(outcome, ServiceUnavailable) for outcome in outcomes)
    assert len(transactions) == 1


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
    desk, wishes = Desk(), [_taking(first), _taking(second)]

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


_SLOW_SECONDS = 0.25


def _guards_at(url: str, monkeypatch: pytest.MonkeyPatch, settings) -> None:
    """Have the guards ask the Redis at an address, as patiently as they always are."""
    limits = settings.CACHES["guards"]["OPTIONS"]["CONNECTION_POOL_KWARGS"]
    client = Redis(connection_pool=ConnectionPool.from_url(url, **limits))
    monkeypatch.setattr(locks, "_client", lambda: client)


@pytest.fixture
def out_of_reach(monkeypatch: pytest.MonkeyPatch, settings) -> Iterator[None]:
    with gone() as url:
        _guards_at(url, monkeypatch, settings)
        yield


# How Redis fails, and what the bookings of an outage may wait for it altogether, seconds.
_OUTAGES = {
    "gone": (gone, 0.2),
    "frozen": (frozen, 0.6),
    "slow": (lambda: slow(settings.REDIS_URL, seconds=_SLOW_SECONDS), 1.2),
}


@pytest.mark.parametrize("outage", _OUTAGES)
def test_an_outage_of_redis_costs_next_to_nothing_and_one_line(
    outage: str, own_guards: locks._Guards, monkeypatch: pytest.MonkeyPatch, settings
) -> None:
    """Its beginning: what the first bookings wait, all that follow do not. Then its end."""
    break_redis, patience = _OUTAGES[outage]
    requests = [_taking(make_slot()) for _ in range(20)]
    with capture_logs() as lines:
        with break_redis() as url:
            _guards_at(url, monkeypatch, settings)
            began = time.monotonic()
            assert all(isinstance(commit([request])[0], Booking) for request in requests[:10])
            waited = time.monotonic() - began
            assert waited < patience + 10 * 0.05
            # After a rest one tries again, in vain, and says nothing of it.
            own_guards._breaker._open_until = 0
            assert all(isinstance(commit([request])[0], Booking) for request in requests[10:18])
            assert own_guards._breaker.is_tripped
        _guards_at(settings.REDIS_URL, monkeypatch, settings)
        own_guards._breaker._open_until = 0
        assert all(isinstance(commit([request])[0], Booking) for request in requests[18:])
    told = [line["event"] for line in lines if line["event"].startswith("guards_")]
    assert told == ["guards_off", "guards_on"]
    assert not own_guards._breaker.is_tripped


def test_control_without_a_breaker_slow_answers_cost_every_booking(
    own_guards: locks._Guards, monkeypatch: pytest.MonkeyPatch, settings
) -> None:
    monkeypatch.setattr(own_guards._breaker, "is_too_slow", lambda _seconds: False)
    with slow(settings.REDIS_URL, seconds=0.1) as url:
        _guards_at(url, monkeypatch, settings)
        began = time.monotonic()
        for _ in range(5):
            commit([_taking(make_slot())])
        assert time.monotonic() - began > 5 * 2 * 0.1


def test_while_one_tries_redis_again_nobody_else_does() -> None:
    breaker = Breaker(first_seconds=0.05, longest_seconds=1)
    assert breaker.admits()
    assert breaker.trip()
    assert not breaker.admits()
    time.sleep(0.06)
    assert [breaker.admits() for _ in range(5)] == [True, *[False] * 4]
    assert not breaker.trip(), "the same outage"
    time.sleep(0.06)
    assert not breaker.admits(), "the rest has doubled"
    time.sleep(0.06)
    assert breaker.admits()
    assert breaker.reset()
    assert all(breaker.admits() for _ in range(5))
    assert not breaker.reset()


def test_a_slow_answer_now_and_then_is_forgiven() -> None:
    breaker = Breaker(first_seconds=1, longest_seconds=1, slow_seconds=0.01, allowance_seconds=0.05)
    assert not any(breaker.is_too_slow(0.009) for _ in range(1_000))
    assert [breaker.is_too_slow(0.02) for _ in range(3)] == [False, False, True]
    time.sleep(0.3)
    assert not breaker.is_too_slow(0.02), "a tenth of the time is taken off"


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


def test_abandoned_guards_are_let_go_once_by_whoever_comes_first(
    own_guards: locks._Guards, monkeypatch: pytest.MonkeyPatch, race
) -> None:
    """Two committers at once, when Redis is back: neither's booking may suffer from it."""
    release, let_go = own_guards._release, []

    def release_slowly(redis, names, token, commands=()) -> None:
        let_go.extend(name for name in names if name.startswith("guard.abandoned"))
        time.sleep(0.02)
        release(redis, names, token, commands)

    monkeypatch.setattr(own_guards, "_release", release_slowly)
    monkeypatch.setattr(locks, "_SLOW_SECONDS", 1)
    own_guards._abandoned.extend(([f"guard.abandoned.{number}"], "token") for number in range(5))
    outcomes = race([partial(commit, [_taking(make_slot())]) for _ in range(2)])
    assert [type(found[0]) for found in outcomes] == [Booking, Booking], outcomes
    assert sorted(let_go) == [f"guard.abandoned.{number}" for number in range(5)]
    assert not own_guards._abandoned


@pytest.mark.usefixtures("out_of_reach")
def test_abandoned_guards_stay_abandoned_where_redis_fails_again(
    own_guards: locks._Guards,
) -> None:
    own_guards._abandoned.append((["guard.abandoned"], "token"))
    with own_guards.hold(["another"]):
        pass
    assert (["guard.abandoned"], "token") in own_guards._abandoned


def test_a_guard_that_somebody_keeps_is_waited_for_and_then_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(locks, "_PATIENCE_SECONDS", 0.2)
    slot = make_slot()
    with locks.guards([batches._guard_name(slot.pk)]):
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


def _rival_under_a_lapsed_guard(
    monkeypatch: pytest.MonkeyPatch, race: Race, slots: list[Slot]
) -> list[Any]:
    """Two want the last seat; the guard of the first ends while it still decides."""
    monkeypatch.setattr(locks, "_LEASE_MILLISECONDS", 50)
    write, steps = Ledger.write, []

    def write_late(ledger: Ledger) -> None:
        time.sleep(0.3)
        write(ledger)

    @contextmanager
    def watched(names: Iterable[str]) -> Iterator[locks.Held]:
        with locks.guards(names) as held:
            steps.append("in")
            yield held
        steps.append("out")

    monkeypatch.setattr(Ledger, "write", write_late)
    monkeypatch.setattr(batches, "guards", watched)
    request = take(slots[0], slot_count=len(slots))

    def come_later() -> list[Any]:
        time.sleep(0.1)
        return commit([take(slots[0], slot_count=len(slots))])

    found = race([partial(commit, [request]), come_later])
    assert steps[:2] == ["in", "in"], "the rival had the guard meanwhile"
    return [one[0] if isinstance(one, list) else one for one in found]


def _assert_sold_once(slots: list[Slot], outcomes: list[Any]) -> None:
    first, rival = outcomes
    assert isinstance(first, Booking), "an ended lease does not spoil a good booking"
    assert isinstance(rival, SlotUnavailable)
    assert_books_agree(*slots)


@pytest.mark.parametrize("number", [1, 3])
def test_a_guard_that_ends_in_mid_transaction_leaves_it_to_the_row_lock(
    monkeypatch: pytest.MonkeyPatch, race: Race, number: int
) -> None:
    slots = slots_of_one_room(number, capacity=1)
    _assert_sold_once(slots, _rival_under_a_lapsed_guard(monkeypatch, race, slots))


@pytest.mark.usefixtures("without_row_lock", "without_second_attempts")
@pytest.mark.parametrize("number", [1, 3])
def test_control_without_the_row_lock_a_guard_that_ends_is_no_defence(
    monkeypatch: pytest.MonkeyPatch, race: Race, number: int
) -> None:
    slots = slots_of_one_room(number, capacity=1)
    outcomes = _rival_under_a_lapsed_guard(monkeypatch, race, slots)
    with pytest.raises(AssertionError):
        _assert_sold_once(slots, outcomes)


def test_a_full_queue_turns_callers_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "MAX_QUEUE", 0)
    with pytest.raises(SlotBusy):
        Desk().submit(_taking(make_slot()))


def test_whose_turn_does_not_come_in_time_is_told_so_and_has_taken_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(desk_module, "_PATIENCE_SECONDS", 0.1)
    desk, request = Desk(), _taking(make_slot())
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

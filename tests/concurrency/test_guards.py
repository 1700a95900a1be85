"""The guards: what an outage of Redis costs, and what a guard that ends is worth."""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from redis import ConnectionPool, Redis
from structlog.testing import capture_logs

from bench.broken_redis import frozen, gone, slow
from bookings import batches
from bookings.batches import commit
from bookings.errors import SlotUnavailable
from bookings.ledger import Ledger
from bookings.models import Booking, Slot
from reserve.core import locks
from tests.concurrency.races import Race, assert_books_agree, slots_of_one_room, take
from tests.factories import make_slot
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


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
    requests = [take(make_slot()) for _ in range(20)]
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
            commit([take(make_slot())])
        assert time.monotonic() - began > 5 * 2 * 0.1


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
    outcomes = race([partial(commit, [take(make_slot())]) for _ in range(2)])
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
        (outcome,) = commit([take(slot)])
    assert isinstance(outcome, Booking)


def test_a_guard_is_handed_over_at_once() -> None:
    order: list[str] = []

    def wait_for_it() -> None:
        with locks._Guards().hold(["handed over"]):
            order.append("second")

    def seconds() -> float:
        second = threading.Thread(target=wait_for_it)
        with locks.guards(["handed over"]):
            second.start()
            # Half of one wait on the list.
            time.sleep(0.1)
            order.append("first")
        released = time.monotonic()
        second.join()
        return time.monotonic() - released

    # A busy machine may be late once.
    assert min(seconds() for _ in range(3)) < 0.08
    assert order == ["first", "second"] * 3


def _rival_under_a_lapsed_guard(
    monkeypatch: pytest.MonkeyPatch, race: Race, slots: list[Slot]
) -> list[Any]:
    """Two want the last seat; the guard of the first ends while it still decides."""
    monkeypatch.setattr(locks, "_LEASE_MILLISECONDS", 50)
    write, steps = Ledger.write, []

    def write_late(ledger: Ledger) -> None:
        wait_until(lambda: steps.count("in") == 2, seconds=20, interval=0.01)
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
        wait_until(lambda: steps, seconds=20, interval=0.01)
        return commit([take(slots[0], slot_count=len(slots))])

    found = race([partial(commit, [request]), come_later])
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

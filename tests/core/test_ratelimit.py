"""Token buckets: exact on Redis, and in the process's memory without it."""

import asyncio
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.cache import caches

from reserve.core.ratelimit import acheck, buckets, check
from reserve.core.ratelimit.figures import REFUSALS_KEY, RefusalFigures, client
from reserve.core.ratelimit.local import LocalBuckets
from reserve.core.ratelimit.outage import Outage
from reserve.core.ratelimit.verdict import Size, Verdict, fingerprint

CALLERS, CALLS_EACH, TOKENS = 64, 4, 100


@pytest.fixture
def bucket() -> str:
    return f"test.{uuid4().hex}"


@pytest.fixture
def size(settings) -> Callable[[int, float], None]:
    def set_size(tokens: int, seconds: float) -> None:
        settings.RATE_LIMIT_MAX_REQUESTS = tokens
        settings.RATE_LIMIT_WINDOW_SECONDS = seconds

    return set_size


@pytest.fixture(autouse=True)
def outage(monkeypatch: pytest.MonkeyPatch) -> Outage:
    """A state of its own, so that no test inherits another's outage."""
    fresh = Outage()
    monkeypatch.setattr(buckets, "outage", fresh)
    monkeypatch.setattr(buckets, "_limiter", buckets._Limiter())
    return fresh


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The events that are logged about outages."""
    told: list[str] = []
    log = type("Log", (), {"warning": staticmethod(lambda event, **_: told.append(event))})
    monkeypatch.setattr("reserve.core.ratelimit.outage.log", log)
    return told


@pytest.fixture
def no_redis(settings) -> Iterator[None]:
    limits = settings.CACHES["limits"] | {"LOCATION": "unix:///nowhere/redis.sock"}
    before, address = settings.CACHES, settings.REDIS_URL
    settings.CACHES = before | {"limits": limits}
    settings.REDIS_URL = limits["LOCATION"]
    yield
    settings.CACHES, settings.REDIS_URL = before, address


def _crowd(call: Callable[[], bool]) -> int:
    """How many calls of 64 threads pass that all begin at once."""
    barrier = threading.Barrier(CALLERS)

    def caller(_index: int) -> int:
        barrier.wait()
        return sum(call() for _ in range(CALLS_EACH))

    with ThreadPoolExecutor(CALLERS) as threads:
        return sum(threads.map(caller, range(CALLERS)))


# --- On Redis ------------------------------------------------------------------


def test_of_64_callers_at_once_exactly_as_many_pass_as_there_are_tokens(size, bucket) -> None:
    size(TOKENS, 86_400)
    assert _crowd(lambda: check(bucket=bucket).allowed) == TOKENS


def test_control_reading_first_and_writing_then_lets_more_pass(bucket) -> None:
    redis = client()

    def call() -> bool:
        tokens = int(redis.get(bucket) or TOKENS)
        if tokens < 1:
            return False
        redis.set(bucket, tokens - 1 or -1, px=60_000)
        return True

    assert _crowd(call) > TOKENS


def test_callers_of_an_event_loop_share_calls_and_are_as_exact(size, bucket, monkeypatch) -> None:
    size(TOKENS, 86_400)
    calls = []
    original = buckets._call
    monkeypatch.setattr(
        buckets, "_call", lambda charges, now: calls.append(len(charges)) or original(charges, now)
    )

    async def caller() -> int:
        return sum([(await acheck(bucket=bucket)).allowed for _ in range(CALLS_EACH)])

    async def crowd() -> int:
        return sum(await asyncio.gather(*(caller() for _ in range(CALLERS))))

    assert asyncio.run(crowd()) == TOKENS
    assert sum(calls) == CALLERS * CALLS_EACH
    assert len(calls) <= 2 * CALLS_EACH


def test_a_caller_who_goes_away_costs_the_others_nothing(size, bucket) -> None:
    size(TOKENS, 86_400)

    async def crowd() -> list[Verdict]:
        tasks = [asyncio.create_task(acheck(bucket=bucket)) for _ in range(8)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return [result for result in results if isinstance(result, Verdict)]

    assert len(asyncio.run(crowd())) == 7


def test_buckets_are_apart(size, bucket) -> None:
    size(1, 86_400)
    assert check(bucket=bucket).allowed
    assert not check(bucket=bucket).allowed
    assert check(bucket=f"{bucket}.other").allowed


def test_what_is_left_is_told(size, bucket) -> None:
    size(10, 3_600)
    first = check(bucket=bucket, cost=4)
    assert (first.allowed, first.limit, first.remaining) == (True, 10, 6)
    assert first.retry_after is None
    assert first.reset.total_seconds() == pytest.approx(4 * 360, abs=1)
    second = check(bucket=bucket, cost=7)
    assert (second.allowed, second.remaining) == (False, 6)
    assert second.retry_after is not None
    assert second.retry_after.total_seconds() == pytest.approx(360, abs=1)
    assert check(bucket=bucket, cost=6).allowed


def test_a_call_that_costs_more_than_a_bucket_holds_never_runs(size, bucket) -> None:
    size(10, 3_600)
    verdict = check(bucket=bucket, cost=11)
    assert (verdict.allowed, verdict.remaining) == (False, 10)


def test_parts_of_tokens_come_in(size, bucket) -> None:
    size(3, 3)
    for _ in range(3):
        assert check(bucket=bucket).allowed
    refused = check(bucket=bucket)
    assert not refused.allowed
    assert refused.retry_after is not None
    time.sleep(refused.retry_after.total_seconds() * 0.4)
    assert not check(bucket=bucket).allowed
    time.sleep(refused.retry_after.total_seconds() * 0.6 + 0.01)
    assert check(bucket=bucket).allowed


def test_a_part_that_is_left_counts_for_the_next(size, bucket) -> None:
    size(10, 2)
    assert check(bucket=bucket, cost=10).allowed
    time.sleep(0.31)
    assert check(bucket=bucket).allowed
    time.sleep(0.1)
    assert check(bucket=bucket).allowed


def test_a_key_ends_when_its_bucket_is_full(size, bucket) -> None:
    size(10, 1)
    check(bucket=bucket, cost=3)
    key = f"reserve.limit.{bucket}"
    assert 0 < client().pttl(key) <= 301
    time.sleep(0.35)
    assert not client().exists(key)
    assert check(bucket=bucket).remaining == 9


def test_markers_are_seen_in_the_same_call(size, bucket) -> None:
    size(TOKENS, 60)
    there, gone = f"{bucket}.there", f"{bucket}.gone"
    client().set(there, 1, px=60_000)
    assert check(bucket=bucket, markers=(there, gone)).marked == {there}
    assert check(bucket=bucket).marked == frozenset()

    async def together() -> list[Verdict]:
        wanted = [(there,), (gone,), (gone, there), ()]
        return await asyncio.gather(*(acheck(bucket=bucket, markers=each) for each in wanted))

    assert [verdict.marked for verdict in asyncio.run(together())] == [
        {there},
        frozenset(),
        {there},
        frozenset(),
    ]


def test_refusals_are_counted_for_every_process(size, bucket) -> None:
    size(1, 86_400)
    before = int(client().hget(REFUSALS_KEY, "request") or 0)
    for _ in range(3):
        check(bucket=bucket)
    assert int(client().hget(REFUSALS_KEY, "request")) == before + 2
    (family,) = RefusalFigures().collect()
    assert {sample.labels["kind"]: sample.value for sample in family.samples}[
        "request"
    ] == before + 2


def test_the_script_is_loaded_again_after_redis_forgot_it(size, bucket) -> None:
    size(TOKENS, 60)
    assert check(bucket=bucket).marked is not None
    client().script_flush()
    assert check(bucket=bucket).marked is not None
    client().script_flush()
    assert asyncio.run(acheck(bucket=bucket)).marked is not None


def test_fingerprints_hide_and_never_fail() -> None:
    assert fingerprint("a@example.com") == fingerprint("a@example.com")
    assert fingerprint("a@example.com") != fingerprint("b@example.com")
    assert "example" not in fingerprint("a@example.com")
    assert len(fingerprint("\ud800\x00")) == 32


def test_a_fault_of_ours_reaches_every_caller(bucket, monkeypatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async def crowd() -> list[object]:
        monkeypatch.setattr(buckets, "_verdicts", broken)
        together = [acheck(bucket=bucket) for _ in range(3)]
        return await asyncio.wait_for(asyncio.gather(*together, return_exceptions=True), 5)

    assert [type(result) for result in asyncio.run(crowd())] == [ZeroDivisionError] * 3


# --- Without Redis ---------------------------------------------------------------


@pytest.mark.usefixtures("no_redis")
def test_without_redis_a_bucket_of_the_process_is_as_large(size, bucket, lines) -> None:
    size(TOKENS, 86_400)
    verdict = check(bucket=bucket)
    assert (verdict.allowed, verdict.remaining, verdict.marked) == (True, TOKENS - 1, None)
    assert _crowd(lambda: check(bucket=bucket).allowed) == TOKENS - 1
    assert asyncio.run(acheck(bucket=bucket)).allowed is False
    assert lines == ["limits_local"]


def test_the_log_says_when_an_outage_begins_and_ends(size, bucket, settings, lines, outage) -> None:
    size(TOKENS, 86_400)
    good = settings.CACHES
    away = good["limits"] | {"LOCATION": "unix:///nowhere/redis.sock"}
    for _ in range(2):
        settings.CACHES = good | {"limits": away}
        outage._breaker.reset()
        assert check(bucket=bucket).marked is None
        settings.CACHES = good
        outage._breaker.reset()
        assert check(bucket=bucket).marked is not None
        assert check(bucket=bucket).marked is not None
    assert lines == ["limits_local", "limits_shared"] * 2
    assert caches["limits"]


def test_a_redis_that_hangs_costs_a_third_of_a_second_once(size, bucket, settings) -> None:
    size(TOKENS, 60)
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = Path(folder) / "silent.sock"
        listener.bind(str(path))
        listener.listen()
        settings.REDIS_URL = f"unix://{path}"

        async def calls() -> tuple[float, float]:
            began = time.perf_counter()
            await asyncio.gather(*(acheck(bucket=bucket) for _ in range(20)))
            first = time.perf_counter()
            await asyncio.gather(*(acheck(bucket=bucket) for _ in range(20)))
            return first - began, time.perf_counter() - first

        waited, then = asyncio.run(calls())
    assert 0.2 < waited < 0.6
    assert then < 0.1


def test_memory_is_bounded_and_the_least_used_go_first() -> None:
    local = LocalBuckets(most=100)
    size = Size(1, 86_400)
    assert local.spend("kept", cost=1, size=size)[0]
    for number in range(1_000):
        local.spend(f"flood.{number}", cost=1, size=size)
        assert not local.spend("kept", cost=1, size=size)[0]
    assert len(local) == 100


def test_buckets_of_the_process_fill_in_time() -> None:
    clock = [0.0]
    local, size = LocalBuckets(clock=lambda: clock[0]), Size(10, 60)
    assert local.spend("a", cost=10, size=size) == (True, 0)
    clock[0] = 9.0
    assert local.spend("a", cost=2, size=size) == (False, pytest.approx(1.5))
    clock[0] = 12.0
    assert local.spend("a", cost=2, size=size) == (True, pytest.approx(0))
    clock[0] = 1_000.0
    assert local.spend("a", cost=0, size=size) == (True, 10)

"""Attempts to get in: counted per account and per address, with Redis and without."""

import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from django_ratelimit import core

from reserve.core.context import begin_request
from reserve.core.errors import retry_seconds
from reserve.core.ratelimit import Attempt, attempts, charge_attempt
from reserve.core.ratelimit.attempts import TooManyAttempts
from reserve.core.ratelimit.figures import REFUSALS_KEY, client
from reserve.core.ratelimit.local import LocalBuckets
from reserve.core.ratelimit.outage import Outage

ACCOUNT, ADDRESS = 8, 20


@pytest.fixture(autouse=True)
def _limits(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.AUTH_RATE_LIMIT_ACCOUNT = ACCOUNT
    settings.AUTH_RATE_LIMIT_ADDRESS = ADDRESS
    monkeypatch.setattr(attempts, "outage", Outage())
    monkeypatch.setattr(attempts, "_local", LocalBuckets())
    # No window ends within a test.
    end = int(time.time()) + 50
    monkeypatch.setattr(core, "_get_window", lambda *_: end)


@pytest.fixture
def no_redis(settings) -> Iterator[None]:
    before = settings.CACHES
    away = before["limits"] | {"LOCATION": "unix:///nowhere/redis.sock"}
    settings.CACHES = before | {"limits": away}
    yield
    settings.CACHES = before


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str]]]:
    lines: list[tuple[str, dict[str, str]]] = []
    log = type("Log", (), {"warning": staticmethod(lambda event, **by: lines.append((event, by)))})
    monkeypatch.setattr(attempts, "log", log)
    return lines


def _somebody() -> str:
    return f"{uuid4().hex}@example.com"


def _allowed(count: int, attempt: Callable[[], None]) -> int:
    waits = []
    for _ in range(count):
        try:
            attempt()
        except TooManyAttempts as refused:
            waits.append(retry_seconds(refused.wait))
    assert all(1 <= wait <= 60 for wait in waits)
    return count - len(waits)


def test_an_account_is_tried_so_often_from_wherever() -> None:
    account = _somebody()
    addresses = iter(range(1_000))
    network = uuid4().hex

    def attempt() -> None:
        charge_attempt(Attempt.LOGIN, account=account, address=f"{network}.{next(addresses)}")

    assert _allowed(ACCOUNT + 5, attempt) == ACCOUNT


def test_an_address_tries_so_often_whichever_the_account() -> None:
    address = f"2001:db8:{uuid4().hex[:4]}:{uuid4().hex[:4]}::"
    hosts = iter(range(1, 1_000))

    def attempt() -> None:
        # Whoever has an IPv6 address has the whole /64.
        charge_attempt(Attempt.LOGIN, account=_somebody(), address=f"{address}{next(hosts):x}")

    assert _allowed(ADDRESS + 5, attempt) == ADDRESS


def test_an_address_that_is_refused_does_not_lock_accounts() -> None:
    address, account = uuid4().hex, _somebody()
    assert _allowed(ADDRESS, lambda: charge_attempt(Attempt.LOGIN, address=address)) == ADDRESS
    for _ in range(ACCOUNT + 1):
        with pytest.raises(TooManyAttempts):
            charge_attempt(Attempt.LOGIN, account=account, address=address)
    charge_attempt(Attempt.LOGIN, account=account, address=uuid4().hex)


def test_kinds_of_attempts_are_counted_apart() -> None:
    account = _somebody()
    for kind in Attempt:
        assert _allowed(ACCOUNT + 1, lambda kind=kind: charge_attempt(kind, account=account)) == (
            ACCOUNT
        )


def test_the_address_is_that_of_the_request_at_work() -> None:
    begin_request(address=uuid4().hex)
    try:
        passed = _allowed(ADDRESS + 5, lambda: charge_attempt(Attempt.VERIFICATION))
    finally:
        begin_request()
    assert passed == ADDRESS
    # Work without a request has no address to be limited by.
    assert _allowed(ADDRESS + 5, lambda: charge_attempt(Attempt.VERIFICATION)) == ADDRESS + 5


def test_a_refusal_is_counted_and_logged_once_without_an_address(told) -> None:
    account = _somebody()
    before = int(client().hget(REFUSALS_KEY, "code_lookup") or 0)
    _allowed(ACCOUNT + 5, lambda: charge_attempt(Attempt.CODE_LOOKUP, account=account))
    assert int(client().hget(REFUSALS_KEY, "code_lookup")) == before + 5
    assert [event for event, _ in told] == ["attempts_limited"]
    assert account not in str(told)
    assert account.encode() not in b"".join(client().keys("*"))


@pytest.mark.usefixtures("no_redis")
def test_without_redis_a_quarter_is_allowed(told) -> None:
    account = _somebody()
    passed = _allowed(20, lambda: charge_attempt(Attempt.LOGIN, account=account))
    assert passed == ACCOUNT // 4
    address = uuid4().hex
    passed = _allowed(50, lambda: charge_attempt(Attempt.LOGIN, address=address))
    assert passed == ADDRESS // 4


@pytest.mark.usefixtures("no_redis")
def test_without_redis_the_strictest_limit_still_lets_one_through(settings) -> None:
    settings.AUTH_RATE_LIMIT_ACCOUNT = 1
    account = _somebody()
    assert _allowed(5, lambda: charge_attempt(Attempt.LOGIN, account=account)) == 1

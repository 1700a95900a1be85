"""Races: many threads that begin at the same moment, each with a connection of its own."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import pytest
from django.db import connection

from bookings import batches, desk, store
from bookings.ledger import Ledger
from reserve.core.locks import Held


@pytest.fixture
def race() -> Callable[[Sequence[Callable[[], Any]]], list[Any]]:
    """Run calls at once, and return what each returned or raised."""

    def run(calls: Sequence[Callable[[], Any]]) -> list[Any]:
        barrier = threading.Barrier(len(calls))

        def attempt(call: Callable[[], Any]) -> Any:
            try:
                connection.ensure_connection()
                barrier.wait(20)
                return call()
            except Exception as error:  # noqa: BLE001 (what each came to is the result)
                return error
            finally:
                connection.close()

        with ThreadPoolExecutor(len(calls)) as callers:
            return list(callers.map(attempt, calls))

    return run


@pytest.fixture
def without_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard is no defence; what holds without it is what counts."""
    monkeypatch.setattr(batches, "guards", lambda _names: nullcontext(Held()))


@pytest.fixture
def without_row_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = "FOR NO KEY UPDATE OF s"
    assert lock in store._LOCK
    monkeypatch.setattr(store, "_LOCK", store._LOCK.replace(lock, ""))


@pytest.fixture
def with_a_wait_before_the_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody has decided before anybody writes, where nothing keeps them apart."""
    write = Ledger.write

    def write_late(ledger: Ledger) -> None:
        time.sleep(0.1)
        write(ledger)

    monkeypatch.setattr(Ledger, "write", write_late)


@pytest.fixture
def with_brief_lock_waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """On this thread's connection a tenth of the usual, and a tenth of the time for retries."""
    monkeypatch.setattr(batches, "_RETRY_SECONDS", batches._RETRY_SECONDS / 10)
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        (usual,) = cursor.fetchone()
        assert usual == "2s"
        cursor.execute("SET lock_timeout = '200ms'")
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '2s'")


@pytest.fixture
def without_second_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a constraint stopped stays stopped: a second attempt would hide that it was needed."""
    for module in (batches, desk):
        monkeypatch.setattr(module, "commit", batches._commit_once)

"""Races: many threads that begin at the same moment, each with a connection of its own."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection


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

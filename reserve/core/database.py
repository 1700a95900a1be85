"""Calling the ORM from an event loop, in a few threads that keep their connections."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from threading import Barrier, BrokenBarrierError
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection

from reserve.core.errors import ServiceUnavailable

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# Calls that may wait for a thread; further ones are turned away at once.
_MAX_WAITING = 1_000
_waiting = 0
_threads = ThreadPoolExecutor(settings.DATABASE_THREADS, thread_name_prefix="database")


async def in_database(
    function: Callable[Parameters, Result], /, *args: Parameters.args, **options: Parameters.kwargs
) -> Result:
    """Run a function that uses the ORM in one of the database threads.

    Raises:
        ServiceUnavailable: too many wait already.
    """
    global _waiting  # noqa: PLW0603 (of the event loop's thread alone)
    if _waiting >= _MAX_WAITING:
        raise ServiceUnavailable
    call = partial(function, *args, **options)
    loop = asyncio.get_running_loop()
    _waiting += 1
    try:
        return await loop.run_in_executor(_threads, copy_context().run, _with_live_connection, call)
    finally:
        _waiting -= 1


def calls() -> int:
    """How many run or wait."""
    return _waiting


async def open_connections(
    threads: Executor = _threads, count: int = settings.DATABASE_THREADS
) -> None:
    """Connect every thread of a pool, so that no request waits for it.

    A database that cannot be reached yet is not this function's to report.
    """
    everybody = Barrier(count)

    def connect() -> None:
        # Each call keeps its thread until all have one.
        with suppress(BrokenBarrierError, DatabaseError):
            everybody.wait(timeout=5)
            connection.ensure_connection()

    loop = asyncio.get_running_loop()
    await asyncio.gather(*(loop.run_in_executor(threads, connect) for _ in range(count)))


def _with_live_connection(call: Callable[[], Result]) -> Result:
    close_old_connections()
    try:
        return call()
    finally:
        # One that broke under this call must not meet the next.
        close_old_connections()

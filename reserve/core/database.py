"""Calling the ORM from an event loop, in a few threads that keep their connections."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import close_old_connections

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_threads = ThreadPoolExecutor(settings.DATABASE_THREADS, thread_name_prefix="database")


async def in_database(
    function: Callable[Parameters, Result], /, *args: Parameters.args, **options: Parameters.kwargs
) -> Result:
    """Run a function that uses the ORM in one of the database threads."""
    call = partial(function, *args, **options)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_threads, copy_context().run, _with_live_connection, call)


def _with_live_connection(call: Callable[[], Result]) -> Result:
    close_old_connections()
    try:
        return call()
    finally:
        # One that broke under this call must not meet the next.
        close_old_connections()

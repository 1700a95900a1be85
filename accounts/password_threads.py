"""Where passwords are hashed: in a few threads of their own that yield to everything else.

A storm of logins takes neither the processors from bookings, since the kernel gives
these threads a smaller share; nor the database threads of GraphQL, which
would wait; nor all of the page threads of REST. Whoever finds too many waiting is
turned away at once.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import close_old_connections

from accounts.errors import TooManyPasswords

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# Calls that may run or wait in one process: some seconds' worth.
_MAX_WAITING = 32
# Of those, how many may keep a page thread waiting: one stays for whoever books.
_MAX_WAITING_PAGES = max(1, settings.PAGE_THREADS - 1)
# A third of an ordinary thread's share, where all of them want more than there is.
_NICENESS = 5


def _yield_to_others() -> None:
    # On Linux alone a thread has a priority of its own; elsewhere this is the process's.
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


class PasswordThreads:
    def __init__(self, threads: int, *, maximum: int, maximum_of_pages: int) -> None:
        self._threads = ThreadPoolExecutor(
            threads, thread_name_prefix="passwords", initializer=_yield_to_others
        )
        self._places = threading.BoundedSemaphore(maximum)
        self._page_places = threading.BoundedSemaphore(maximum_of_pages)

    async def from_loop(
        self,
        function: Callable[Parameters, Result],
        /,
        *args: Parameters.args,
        **options: Parameters.kwargs,
    ) -> Result:
        """Run a service that checks a password, from an event loop.

        Raises:
            TooManyPasswords: too many wait already.
        """
        return await asyncio.wrap_future(self._submit(partial(function, *args, **options)))

    def from_page(
        self,
        function: Callable[Parameters, Result],
        /,
        *args: Parameters.args,
        **options: Parameters.kwargs,
    ) -> Result:
        """The same from a page thread, which waits. Raises as `from_loop`."""
        if not self._page_places.acquire(blocking=False):
            raise TooManyPasswords
        try:
            return self._submit(partial(function, *args, **options)).result()
        finally:
            self._page_places.release()

    def _submit(self, call: Callable[[], Result]) -> "Future[Result]":
        if not self._places.acquire(blocking=False):
            raise TooManyPasswords
        try:
            future = self._threads.submit(copy_context().run, _with_live_connection, call)
        except BaseException:
            self._places.release()
            raise
        # Also of a call that was given up before it began.
        future.add_done_callback(lambda _: self._places.release())
        return future


def _with_live_connection(call: Callable[[], Result]) -> Result:
    close_old_connections()
    try:
        return call()
    finally:
        close_old_connections()


_threads = PasswordThreads(
    settings.PASSWORD_THREADS, maximum=_MAX_WAITING, maximum_of_pages=_MAX_WAITING_PAGES
)
in_password_thread = _threads.from_loop
wait_for_password_thread = _threads.from_page

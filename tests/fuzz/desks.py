"""The desks of a worker, and who sits at them.

A worker stands for several processes: callers at one of its desks share a queue,
and with those at the others only the database.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar
from unittest.mock import patch

from bookings import desk
from bookings.requests import Request
from bookings.services import bookings, run, slots

Result = TypeVar("Result")

# Of so many callers of a desk one commits in its own thread, as REST and the admin do;
# for the others the desk's committers do it, as for GraphQL. A hundred threads of the
# first kind would want a connection each.
_OF_WHOM_ONE_COMMITS = 8
_CLERKS = 3


class Desks:
    """Stands for the desk of the process while it is put up."""

    def __init__(self, number: int) -> None:
        self._desks = [desk.Desk() for _ in range(number)]
        self._open = self._desks
        self._mine = threading.local()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="loop", daemon=True).start()
        self._clerks = ThreadPoolExecutor(_CLERKS, "clerk", initializer=lambda: self.sit_at(0))

    def sit_at(self, number: int) -> None:
        """Give the calling thread its place, and with it its way of asking."""
        self._mine.desk = self._open[number % len(self._open)]
        self._mine.commits = number // len(self._open) % _OF_WHOM_ONE_COMMITS == 0

    def submit(self, request: Request[Any]) -> Any:
        if self._mine.commits:
            return self._mine.desk.submit(request)
        answer = self._mine.desk.submit_async(request)
        return asyncio.run_coroutine_threadsafe(answer, self._loop).result()

    def submit_all(self, requests: Sequence[Request[Any]]) -> list[desk.Outcome]:
        outcomes: list[desk.Outcome] = self._mine.desk.submit_all(requests)
        return outcomes

    def ask(self, question: Callable[[], Result]) -> Result:
        """What needs the database beside the desk; clerks ask for those without a connection."""
        if self._mine.commits:
            return question()
        return self._clerks.submit(question).result()

    @contextmanager
    def put_up(self, number: int) -> Iterator[None]:
        """Let the services find these instead of their desk, and open so many."""
        self._open = self._desks[:number]
        with ExitStack() as stack:
            for service in (bookings, run, slots):
                stack.enter_context(patch.object(service, "desk", self))
            yield

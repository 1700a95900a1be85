"""The queue in front of the desk: who waits, and who may be served beside whom.

One batch decides at a time: two would take the interpreter from each other at every
round trip, and each would be smaller. Beside one that has nothing left but its commit,
which waits for the disk, the next is begun; and beside one that is overdue, because it
waits for a lock or a guard. Whoever wants a slot that a running batch has keeps waiting
even then: they would only wait for its lock, and share a batch instead.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic
from uuid import UUID

from bookings.errors import SlotBusy
from bookings.requests import Request, Result

COMMITTERS = 2
# A batch that takes so long waits for somebody else.
OVERDUE_SECONDS = 0.05
MAX_BATCH = 64
MAX_QUEUE = 2_000
# How many that must wait for a running batch are passed over to find others.
_MAX_PASSED = 256


@dataclass(eq=False, slots=True)
class Ticket(Generic[Result]):
    """A request in the queue, and the future of whoever waits for it."""

    request: Request[Result]
    future: "Future[Result] | asyncio.Future[Result]"
    loop: asyncio.AbstractEventLoop | None = None
    """The event loop that the future belongs to, where it belongs to one."""
    timer: asyncio.TimerHandle | None = None
    """What the loop does about it next, if it has no outcome by then."""

    def is_wanted(self) -> bool:
        """Whether its caller is still there, now that its turn has come."""
        if isinstance(self.future, Future):
            return self.future.set_running_or_notify_cancel()
        return not self.future.cancelled()


class BatchQueue:
    """Tickets in order of arrival, handed out in batches."""

    def __init__(self) -> None:
        self._waiting: deque[Ticket[Any]] = deque()
        self._changed = threading.Condition()
        self._running = 0
        # When the batches that still decide were begun.
        self._deciding: dict[int, float] = {}
        self._taken: set[UUID] = set()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def join(self, ticket: Ticket[Any]) -> bool:
        """Queue up; returns whether it could be served at once, by anybody who is free.

        Raises:
            SlotBusy: too many are waiting already.
        """
        with self._changed:
            if len(self._waiting) >= MAX_QUEUE:
                raise SlotBusy
            self._waiting.append(ticket)
            return self._may_begin() and self._is_free(ticket)

    def withdraw(self, ticket: Ticket[Any]) -> bool:
        """Leave the queue; False where the ticket's turn has come already."""
        with self._changed:
            try:
                self._waiting.remove(ticket)
            except ValueError:
                return False
            return True

    def next_batch(self) -> list[Ticket[Any]]:
        """Whoever is served next, in order of arrival; nobody where all must wait.

        Whoever takes a batch gives it back to `finish`, and then asks again.
        """
        batch: list[Ticket[Any]] = []
        passed: list[Ticket[Any]] = []
        with self._changed:
            if not self._may_begin():
                return batch
            while self._waiting and len(batch) < MAX_BATCH and len(passed) < _MAX_PASSED:
                ticket = self._waiting.popleft()
                if not self._is_free(ticket):
                    passed.append(ticket)
                elif ticket.is_wanted():
                    batch.append(ticket)
            self._waiting.extendleft(reversed(passed))
            if batch:
                self._running += 1
                self._deciding[id(batch)] = time.monotonic()
                self._taken |= _named_slots(batch)
        return batch

    def decided(self, batch: Sequence[Ticket[Any]]) -> bool:
        """Let the next batch begin: this one has nothing left but its commit.

        Returns whether somebody waits who has no thread of their own to go on with.
        """
        with self._changed:
            self._deciding.pop(id(batch), None)
            self._changed.notify_all()
            return self._is_waited_for()

    def finish(self, batch: Sequence[Ticket[Any]]) -> bool:
        """Let others have the slots of a batch. Returns as `decided`."""
        with self._changed:
            self._running -= 1
            self._deciding.pop(id(batch), None)
            self._taken -= _named_slots(batch)
            self._changed.notify_all()
            return self._is_waited_for()

    def wait(self, ticket: Ticket[Any], *, seconds: float) -> bool:
        """Wait until a ticket is answered or there is somebody to serve; False if in vain."""

        def is_over() -> bool:
            return ticket.future.done() or (
                self._may_begin() and any(self._is_free(waiting) for waiting in self._waiting)
            )

        deadline = time.monotonic() + seconds
        with self._changed:
            while not is_over():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                # Nobody says when a batch is overdue: one looks.
                self._changed.wait(min(left, OVERDUE_SECONDS))
            return True

    def _may_begin(self) -> bool:
        if self._running >= COMMITTERS:
            return False
        overdue = time.monotonic() - OVERDUE_SECONDS
        return all(began_at <= overdue for began_at in self._deciding.values())

    def _is_waited_for(self) -> bool:
        return any(ticket.loop is not None for ticket in self._waiting)

    def _is_free(self, ticket: Ticket[Any]) -> bool:
        return ticket.request.named_slot not in self._taken


def _named_slots(batch: Sequence[Ticket[Any]]) -> set[UUID]:
    return {ticket.request.named_slot for ticket in batch if ticket.request.named_slot is not None}

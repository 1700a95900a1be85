"""The desk: where callers wait for their turn, and are answered.

Group commit: while a transaction runs, callers that arrive wait in the process's
queue (bookings/queue.py) and share the next one (bookings/batches.py). A lone caller
waits for nobody.
"""

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from typing import Any

from django.db import close_old_connections

from bookings import full_slots
from bookings.batches import Outcome, commit
from bookings.counts import count_decisions
from bookings.errors import OutcomeUnknown, SlotBusy
from bookings.queue import COMMITTERS, MAX_BATCH, OVERDUE_SECONDS, BatchQueue, Ticket
from bookings.requests import Request, Result
from bookings.requests.create import TakeSeats
from reserve.core import tracing
from reserve.core.context import on_behalf_of
from reserve.core.errors import DomainError

_Answer = tuple["Future[Any] | asyncio.Future[Any]", Outcome]

# How long a caller waits for its turn, and then again for its outcome.
_PATIENCE_SECONDS = 20.0


def _answer(tickets: Sequence[Ticket[Any]], outcomes: Sequence[Outcome]) -> None:
    """Wake every caller; those of an event loop by one call for all of them."""
    of_loops: defaultdict[asyncio.AbstractEventLoop, list[_Answer]] = defaultdict(list)
    for ticket, outcome in zip(tickets, outcomes, strict=True):
        if ticket.loop is None:
            _settle([(ticket.future, outcome)])
        else:
            of_loops[ticket.loop].append((ticket.future, outcome))
    for loop, answers in of_loops.items():
        # A loop that was closed meanwhile has nobody left to answer.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, answers)


def _settle(answers: Sequence[_Answer]) -> None:
    for future, outcome in answers:
        # Whoever hung up while the batch ran gets no answer.
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)


class Desk:
    def __init__(self) -> None:
        self._queue = BatchQueue()
        self._scheduling = threading.Lock()
        self._drain_scheduled = False
        self._committers = ThreadPoolExecutor(COMMITTERS, thread_name_prefix="desk")

    def submit(self, request: Request[Result]) -> Result:
        """Decide a request and return its booking or slot, committed.

        Whoever gets the turn commits what has queued, its own request and those
        of the callers beside it.

        Raises:
            DomainError: the request was refused; nothing has changed.
            SlotBusy: its turn did not come in time; nothing has changed.
            OutcomeUnknown: its turn came, and no outcome in time.
        """
        ticket: Ticket[Result] = Ticket(request, Future())
        self._enqueue(ticket)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not ticket.future.done():
            if batch := self._queue.next_batch():
                if self._serve(batch):
                    # Those behind have nobody else, once this caller has its answer.
                    self._schedule_drain()
            elif not self._queue.wait(ticket, seconds=deadline - time.monotonic()):
                break
        assert isinstance(ticket.future, Future)
        if not ticket.future.done() and self._queue.withdraw(ticket):
            raise SlotBusy
        if not wait([ticket.future], timeout=_PATIENCE_SECONDS).done:
            raise OutcomeUnknown
        return ticket.future.result()

    async def submit_async(self, request: Request[Result]) -> Result:
        """The same from an event loop; a caller that is cancelled before its turn takes nothing."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        ticket: Ticket[Result] = Ticket(request, future, loop)
        if self._enqueue(ticket):
            self._schedule_drain()
        ticket.timer = loop.call_later(OVERDUE_SECONDS, self._look_again, ticket)
        try:
            return await future
        finally:
            ticket.timer.cancel()

    def _look_again(self, ticket: Ticket[Any]) -> None:
        """Whoever still waits by now waits for a batch that is overdue: another may be begun."""
        assert ticket.loop is not None
        ticket.timer = ticket.loop.call_later(_PATIENCE_SECONDS, self._lose_patience, ticket)
        self._schedule_drain()

    def _lose_patience(self, ticket: Ticket[Any]) -> None:
        assert ticket.loop is not None
        if self._queue.withdraw(ticket):
            _settle([(ticket.future, SlotBusy())])
        else:
            answer = [(ticket.future, OutcomeUnknown())]
            ticket.timer = ticket.loop.call_later(_PATIENCE_SECONDS, _settle, answer)

    def submit_all(self, requests: Sequence[Request[Any]]) -> list[Outcome]:
        """Decide many requests in as few transactions as fit; refusals come back as outcomes."""
        outcomes: list[Outcome] = []
        for start in range(0, len(requests), MAX_BATCH):
            outcomes += commit(requests[start : start + MAX_BATCH])
        return outcomes

    def calls(self) -> int:
        """How many wait for their turn."""
        return len(self._queue)

    def _enqueue(self, ticket: Ticket[Any]) -> bool:
        request = ticket.request
        try:
            if isinstance(request, TakeSeats) and (refused := full_slots.refusal(request)):
                raise refused
            return self._queue.join(ticket)
        except DomainError as refused:
            count_decisions([(request.kind, refused.code)])
            raise

    def _schedule_drain(self) -> None:
        with self._scheduling:
            if not self._drain_scheduled:
                self._drain_scheduled = True
                self._committers.submit(self._drain)

    def _drain(self) -> None:
        # Before the queue is read: whoever comes later schedules the next drain.
        with self._scheduling:
            self._drain_scheduled = False
        close_old_connections()
        while batch := self._queue.next_batch():
            self._serve(batch)

    def _serve(self, batch: Sequence[Ticket[Any]]) -> bool:
        """Commit a batch and answer its callers; returns whether callers without a thread wait."""
        requests = [ticket.request for ticket in batch]
        try:
            # What concerns the batch as a whole goes by the id of whoever came first.
            with (
                on_behalf_of(requests[0].request_id),
                tracing.shared(
                    "batch", (request.span for request in requests), requests=len(requests)
                ),
            ):
                _answer(batch, commit(requests, at_commit=partial(self._let_next_begin, batch)))
        finally:
            is_waited_for = self._queue.finish(batch)
        return is_waited_for

    def _let_next_begin(self, batch: Sequence[Ticket[Any]]) -> None:
        if self._queue.decided(batch):
            self._schedule_drain()


desk = Desk()

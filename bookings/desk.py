"""The desk: the only place that opens the guard, the transaction and the lock.

Group commit: while transactions run, callers that arrive wait in the process's
queue (bookings/queue.py) and share the next one. A lone caller waits for nobody.
docs/concurrency.md shows why a slot cannot be oversold.
"""

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db import (
    InterfaceError,
    OperationalError,
    close_old_connections,
    transaction,
)
from psycopg import errors as postgres

from bookings import full_slots
from bookings.crash_points import reach
from bookings.difference import Difference
from bookings.errors import SlotBusy, SlotOverlaps
from bookings.guests import forget_guests
from bookings.ledger import Ledger, MoreSlots
from bookings.live import announce
from bookings.models import Booking, BookingSlot, Slot
from bookings.queue import COMMITTERS, MAX_BATCH, BatchQueue, Ticket
from bookings.requests import Request, Result
from bookings.requests.create import TakeSeats
from reserve.core.context import begin_request
from reserve.core.errors import DomainError, ServiceUnavailable
from reserve.core.locks import guards
from reserve.core.logging import get_logger
from reserve.outbox.wake import wake_relay

log = get_logger(__name__)

Outcome = Booking | Slot | Difference | Exception
_Answer = tuple["Future[Any] | asyncio.Future[Any]", Outcome]

# How long a caller waits for its outcome; the database's own limits end sooner.
_PATIENCE_SECONDS = 20.0
# Rounds in which the set of slots to be locked may still grow.
_MAX_ROUNDS = 5
_TAKEN_MEANWHILE = (postgres.UniqueViolation, postgres.ExclusionViolation)


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
        if ticket.future.cancel():
            raise SlotBusy
        return ticket.future.result(timeout=_PATIENCE_SECONDS)

    async def submit_async(self, request: Request[Result]) -> Result:
        """The same from an event loop; a caller that is cancelled before its turn takes nothing."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        if self._enqueue(Ticket(request, future, loop)):
            self._schedule_drain()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await future

    def submit_all(self, requests: Sequence[Request[Any]]) -> list[Outcome]:
        """Decide many requests in as few transactions as fit; refusals come back as outcomes."""
        outcomes: list[Outcome] = []
        for start in range(0, len(requests), MAX_BATCH):
            outcomes += commit(requests[start : start + MAX_BATCH])
        return outcomes

    def _enqueue(self, ticket: Ticket[Any]) -> bool:
        request = ticket.request
        if isinstance(request, TakeSeats) and (refused := full_slots.refusal(request)):
            raise refused
        return self._queue.join(ticket)

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
        begin_request(batch[0].request_id)
        try:
            _answer(batch, commit([ticket.request for ticket in batch]))
        finally:
            is_waited_for = self._queue.finish(batch)
        return is_waited_for


def commit(batch: Sequence[Request[Any]], *, attempts: int = 2) -> list[Outcome]:
    """Decide a batch in one transaction; what fails for one fails for that one alone.

    A batch that fails as a whole before its commit is retried singly. One whose
    commit went unanswered is not: it may have been carried out.

    Args:
        attempts: how often a single request is tried whose key, code or time another
            transaction has just taken: the next attempt sees it, or draws another.
    """
    try:
        return _commit_once(batch)
    except _CommitUnanswered as error:
        log.exception("commit_unanswered", requests=len(batch), reason=str(error.__cause__))
        return [ServiceUnavailable()] * len(batch)
    except Exception as error:  # noqa: BLE001 (a fault of one must not be the others')
        forget_guests()
        if len(batch) > 1:
            log.warning("batch_retried_singly", requests=len(batch), reason=type(error).__name__)
            return [outcome for request in batch for outcome in commit([request])]
        if attempts > 1 and isinstance(error.__cause__, _TAKEN_MEANWHILE):
            return commit(batch, attempts=attempts - 1)
        return [_refusal_of(error)]


class _CommitUnanswered(Exception):
    """The connection broke while the database was committing."""


def _commit_once(batch: Sequence[Request[Any]]) -> list[Outcome]:
    slot_ids = _slots_to_lock(batch)
    booking_ids = {booking_id for request in batch for booking_id in request.booking_ids()}
    for _ in range(_MAX_ROUNDS):
        try:
            ledger, outcomes = _transact(batch, slot_ids, booking_ids)
        except MoreSlots as more:
            slot_ids |= set(more.slot_ids)
        else:
            full_slots.note(ledger.slots.values())
            if ledger.changed_slots:
                announce(ledger.changed_slots)
                reach("after commit, before the relay is woken")
                wake_relay()
            return outcomes
    return [SlotBusy()] * len(batch)


def _transact(
    batch: Sequence[Request[Any]], slot_ids: set[UUID], booking_ids: set[UUID]
) -> tuple[Ledger, list[Outcome]]:
    decided = False
    try:
        with guards(_guard_name(slot_id) for slot_id in slot_ids), transaction.atomic(durable=True):
            ledger = Ledger.lock(slot_ids=slot_ids, booking_ids=booking_ids)
            ledger.read_customers(
                {
                    customer
                    for request in batch
                    if (customer := request.limited_customer(ledger)) is not None
                }
            )
            ledger.read_calls([request.call for request in batch if request.call is not None])
            outcomes = [_decide(request, ledger) for request in batch]
            ledger.write()
            reach("after write, before commit")
            decided = True
        reach("after commit, before answer")
    except (OperationalError, InterfaceError) as error:
        if decided:
            raise _CommitUnanswered from error
        raise
    return ledger, outcomes


def _decide(request: Request[Any], ledger: Ledger) -> Outcome:
    try:
        outcome: Outcome = request.decide(ledger)
    except DomainError as refused:
        return refused
    return outcome


def _slots_to_lock(batch: Sequence[Request[Any]]) -> set[UUID]:
    slot_ids = {slot_id for request in batch for slot_id in request.slot_ids()}
    booking_ids = {booking_id for request in batch for booking_id in request.booking_ids()}
    if booking_ids:
        links = BookingSlot.objects.filter(booking_id__in=booking_ids)
        slot_ids.update(links.values_list("slot_id", flat=True))
    return slot_ids


def _guard_name(slot_id: UUID) -> str:
    return f"{Slot.id_prefix()}.{slot_id.hex}"


def _refusal_of(error: Exception) -> Exception:
    """What a caller is told when its own transaction failed."""
    cause = error.__cause__
    if isinstance(cause, postgres.LockNotAvailable | postgres.QueryCanceled):
        return SlotBusy()
    if isinstance(cause, postgres.ExclusionViolation):
        return SlotOverlaps()
    if isinstance(error, OperationalError | InterfaceError):
        return ServiceUnavailable()
    return error


desk = Desk()

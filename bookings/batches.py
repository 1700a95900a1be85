"""Batches: what many ask for, decided under the guards, in one transaction.

The only place that opens the guard, the transaction and the lock.
docs/concurrency.md shows why a slot cannot be oversold.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from uuid import UUID

from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from psycopg import errors as postgres

from bookings import full_slots, store
from bookings.boards import subjects_of
from bookings.counts import (
    BATCH_SIZE,
    BATCHES_RETRIED,
    COMMIT_SECONDS,
    HOLDS_EXPIRED,
    LOCK_SECONDS,
    count_decisions,
)
from bookings.crash_points import reach
from bookings.difference import Difference
from bookings.errors import IdempotencyInProgress, OutcomeUnknown, SlotBusy, SlotOverlaps
from bookings.guests import forget_guests
from bookings.ledger import Ledger, MoreSlots
from bookings.live import about_bookings, about_slots
from bookings.models import Booking, BookingSlot, Slot
from bookings.requests import Request
from bookings.states import BookingStatus
from reserve.core import stamps, tracing
from reserve.core.broadcast import publish, publishing
from reserve.core.context import on_behalf_of
from reserve.core.errors import Busy, DomainError, ServiceUnavailable
from reserve.core.figures import PUBLISH_SECONDS
from reserve.core.locks import Held, guards
from reserve.core.logging import get_logger
from reserve.outbox.wake import wake_relay

log = get_logger(__name__)

Outcome = Booking | Slot | Difference | Exception

# How long the parts of a batch that failed as a whole are begun anew.
_RETRY_SECONDS = 5.0
# Rounds in which the set of slots to be locked may still grow.
_MAX_ROUNDS = 5
# Whose insertion waited, in PostgreSQL's own account of it.
_KEY_IS_TAKEN = "one_call_per_key"
_TAKEN_MEANWHILE = (postgres.UniqueViolation, postgres.ExclusionViolation)


def _go_on() -> None:
    """Nobody waits for a commit to begin."""


def commit(
    batch: Sequence[Request[Any]],
    *,
    attempts: int = 2,
    at_commit: Callable[[], None] = _go_on,
) -> list[Outcome]:
    """Decide a batch in one transaction; what fails for one fails for that one alone.

    A batch that fails as a whole before its commit is retried in parts, in bounded
    time. One whose commit went unanswered is not: it may have been carried out.

    Args:
        attempts: how often a single request is tried whose key, code or time another
            transaction has just taken: the next attempt sees it, or draws another.
        at_commit: called once everything is decided and written, before the commit.
    """
    outcomes = _commit(batch, attempts=attempts, retry_until=None, at_commit=at_commit)
    count_decisions(
        (request.kind, _code_of(outcome)) for request, outcome in zip(batch, outcomes, strict=True)
    )
    return outcomes


def _code_of(outcome: Outcome) -> str:
    if isinstance(outcome, DomainError):
        return outcome.code
    return DomainError.code if isinstance(outcome, Exception) else "OK"


def _commit(
    batch: Sequence[Request[Any]],
    *,
    attempts: int,
    retry_until: float | None,
    at_commit: Callable[[], None] = _go_on,
) -> list[Outcome]:
    try:
        return _commit_once(batch, at_commit)
    except _CommitUnanswered as error:
        log.exception("commit_unanswered", requests=len(batch), reason=str(error.__cause__))
        return [OutcomeUnknown()] * len(batch)
    except Exception as error:  # noqa: BLE001 (a fault of one must not be the others')
        forget_guests()
        if len(batch) > 1:
            if retry_until is None:
                retry_until = time.monotonic() + _RETRY_SECONDS
            return _retry(batch, error, attempts=attempts, until=retry_until)
        if attempts > 1 and isinstance(error.__cause__, _TAKEN_MEANWHILE):
            return _commit(batch, attempts=attempts - 1, retry_until=retry_until)
        return [_refusal_of(error)]


def _retry(
    batch: Sequence[Request[Any]], error: Exception, *, attempts: int, until: float
) -> list[Outcome]:
    """Decide a batch that failed as a whole in parts; what cannot be begun in time is busy.

    Where another session keeps a slot locked, whoever wants that slot is a part, and
    everybody else another: these must not wait for it, nor each of those anew.
    Otherwise each request is one.
    """
    parts: Iterable[list[int]] = ([position] for position in range(len(batch)))
    if isinstance(error, _SlotsLocked):
        by_slot: dict[UUID | None, list[int]] = {None: []}
        with suppress(DatabaseError, InterfaceError):
            by_slot = _by_locked_slot(batch, error.slot_ids)
        if len(by_slot) > 1:
            parts = by_slot.values()
        elif None not in by_slot:
            return [SlotBusy()] * len(batch)
    BATCHES_RETRIED.inc()
    log.warning("batch_retried", requests=len(batch), reason=type(error).__name__)
    outcomes: dict[int, Outcome] = {}
    for positions in parts:
        part = [batch[position] for position in positions]
        if time.monotonic() < until:
            found = _commit(part, attempts=attempts, retry_until=until)
        else:
            refused = _refusal_of(error)
            found = [refused if isinstance(refused, Busy) else SlotBusy()] * len(part)
        outcomes.update(zip(positions, found, strict=True))
    return [outcomes[position] for position in range(len(batch))]


def _by_locked_slot(
    batch: Sequence[Request[Any]], slot_ids: set[UUID]
) -> dict[UUID | None, list[int]]:
    """Positions in the batch by the slot that they would wait for; first those by none."""
    locked = store.slots_locked_elsewhere(slot_ids)
    by_slot: dict[UUID | None, list[int]] = {None: []}
    for position, request in enumerate(batch):
        awaited = min(_slots_to_lock([request]) & locked, default=None)
        by_slot.setdefault(awaited, []).append(position)
    return {slot_id: positions for slot_id, positions in by_slot.items() if positions}


class _CommitUnanswered(Exception):
    """The connection broke while the database was committing."""


class _SlotsLocked(Exception):
    """Another session keeps one of the slots locked."""

    def __init__(self, slot_ids: set[UUID]) -> None:
        self.slot_ids = slot_ids
        super().__init__(f"one of {len(slot_ids)} slots stays locked")


def _commit_once(
    batch: Sequence[Request[Any]], at_commit: Callable[[], None] = _go_on
) -> list[Outcome]:
    slot_ids = _slots_to_lock(batch)
    booking_ids = {booking_id for request in batch for booking_id in request.booking_ids()}
    for _ in range(_MAX_ROUNDS):
        try:
            ledger, outcomes = _transact_guarded(batch, slot_ids, booking_ids, at_commit)
        except MoreSlots as more:
            slot_ids |= set(more.slot_ids)
        else:
            with _once_committed():
                BATCH_SIZE.observe_soon(len(batch))
                full_slots.note(ledger.slots.values())
                if ledger.changed_slots or ledger.changed_bookings:
                    changed = ledger.changed_bookings
                    if expired := sum(one.status == BookingStatus.EXPIRED for one in changed):
                        HOLDS_EXPIRED.inc(expired)
                    reach("after commit, before the relay is woken")
                    wake_relay()
            return outcomes
    return [SlotBusy()] * len(batch)


def _transact_guarded(
    batch: Sequence[Request[Any]],
    slot_ids: set[UUID],
    booking_ids: set[UUID],
    at_commit: Callable[[], None],
) -> tuple[Ledger, list[Outcome]]:
    with guards(_guard_name(slot_id) for slot_id in slot_ids) as held:
        ledger, outcomes = _transact(batch, slot_ids, booking_ids, at_commit)
        if ledger.changed_slots or ledger.changed_bookings:
            with _once_committed():
                _tell(ledger, held)
    return ledger, outcomes


@contextmanager
def _once_committed() -> Iterator[None]:
    """A fault of ours in what follows a commit must not have the batch decided again."""
    try:
        yield
    except Exception:
        log.exception("after_commit")


def _tell(ledger: Ledger, held: Held) -> None:
    """Have nobody use what was read before the commit, then tell those who watch.

    In the call that lets the guards go; where that cannot be, each by itself.
    """
    subjects = subjects_of(ledger.changed_slots)
    publications = [
        *about_slots(ledger.changed_slots),
        *about_bookings(ledger.changed_bookings),
    ]
    with tracing.Part("publish", PUBLISH_SECONDS, messages=len(publications)):
        if held.let_go([*stamps.voiding(subjects), *publishing(publications)]):
            return
    stamps.void(subjects)
    for publication in publications:
        publish(*publication)


def _transact(
    batch: Sequence[Request[Any]],
    slot_ids: set[UUID],
    booking_ids: set[UUID],
    at_commit: Callable[[], None],
) -> tuple[Ledger, list[Outcome]]:
    ledger: Ledger | None = None
    decided = False
    try:
        with ExitStack() as ending, transaction.atomic(durable=True):
            with tracing.Part("row lock", LOCK_SECONDS, slots=len(slot_ids)):
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
            at_commit()
            decided = True
            # What is left of the block is the commit.
            ending.enter_context(tracing.Part("commit", COMMIT_SECONDS))
        reach("after commit, before answer")
    except (OperationalError, InterfaceError) as error:
        if decided:
            raise _CommitUnanswered from error
        if ledger is None and isinstance(error.__cause__, postgres.LockNotAvailable):
            raise _SlotsLocked(slot_ids) from error
        raise
    return ledger, outcomes


def _decide(request: Request[Any], ledger: Ledger) -> Outcome:
    try:
        with on_behalf_of(request.request_id):
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
    if isinstance(error, _SlotsLocked):
        return SlotBusy()
    if isinstance(cause, postgres.LockNotAvailable) and _KEY_IS_TAKEN in (cause.diag.context or ""):
        return IdempotencyInProgress()
    if isinstance(cause, postgres.LockNotAvailable | postgres.QueryCanceled):
        return SlotBusy()
    if isinstance(cause, postgres.ExclusionViolation):
        return SlotOverlaps()
    if isinstance(error, OperationalError | InterfaceError):
        return ServiceUnavailable()
    return error

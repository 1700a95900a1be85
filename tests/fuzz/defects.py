"""Defects to plant in a worker, each of which a short run has to find.

They live here and nowhere in the engine: a worker patches its own process for
one round and takes the patch back.
"""

import random
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from unittest.mock import PropertyMock, patch
from uuid import UUID

from bookings import batches, changes, store
from bookings.customers import Customer
from bookings.difference import Existing
from bookings.idempotency import IdempotentCall, Memory
from bookings.ledger import Ledger, MoreSlots
from bookings.models import Booking, IdempotencyKey, Slot
from bookings.requests import change, create, publish
from bookings.states import BookingStatus

_LOCKING = "FOR NO KEY UPDATE OF s"
_SORTED = "ORDER BY s.id"
_DIFFERENCE = "s.reserved + c.seats"
_KEPT_FROM_WORKING_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Defect:
    plant: Callable[[], AbstractContextManager[None]]
    kinds: frozenset[str]
    """The kinds of findings (tests/fuzz/invariants.py) that tell of it."""


DEFECTS: dict[str, Defect] = {}


def found_by(*kinds: str) -> Callable[[Callable[[], Iterator[None]]], None]:
    """Register a defect by its name."""

    def register(damage: Callable[[], Iterator[None]]) -> None:
        DEFECTS[damage.__name__] = Defect(contextmanager(damage), frozenset(kinds))

    return register


def _replaced(text: str, old: str, new: str) -> str:
    assert old in text, f"{old} is no longer there to be damaged."
    return text.replace(old, new)


@found_by("versions")
def row_lock_off() -> Iterator[None]:
    """Slots are read without a lock."""
    with patch.object(store, "_LOCK", _replaced(store._LOCK, _LOCKING, "")):
        yield


@found_by("deadlock")
def locks_unsorted() -> Iterator[None]:
    """Slots are locked in any order."""
    with patch.object(store, "_LOCK", _replaced(store._LOCK, _SORTED, "ORDER BY random()")):
        yield


@found_by("versions")
def read_before_the_lock() -> Iterator[None]:
    """What is decided on was read before the lock was had, and is not read again."""
    lock_slots = store.lock_slots

    def stale(slot_ids: Collection[UUID]) -> tuple[dict[UUID, Slot], datetime | None]:
        before = Slot.objects.in_bulk(list(slot_ids))
        slots, now = lock_slots(slot_ids)
        for slot_id, slot in slots.items():
            for name in ("reserved", "capacity", "is_closed", "version", "next_lapse_at"):
                setattr(slot, name, getattr(before[slot_id], name))
        return slots, now

    with patch.object(store, "lock_slots", stale):
        yield


@found_by("fault")
def rules_not_asked() -> Iterator[None]:
    """Seats are taken without looking whether they are free."""
    with (
        patch.object(create, "refusal", lambda **_: None),
        patch.object(change, "refusal", lambda **_: None),
    ):
        yield


@found_by("reserved", "seats")
def more_slots_ignored() -> Iterator[None]:
    """A booking that reaches over slots which are not locked is changed all the same."""
    admit = Ledger._admit

    def admit_anyhow(self: Ledger, bookings: Sequence[Booking]) -> None:
        try:
            admit(self, bookings)
        except MoreSlots:
            for booking in bookings:
                locked = [one for one in self.slots_of[booking.pk] if one in self.slots]
                self.slots_of[booking.pk] = locked
                if locked:
                    slot = self.slots[locked[0]]
                    booking.venue, booking.resource = slot.venue, slot.resource
                else:
                    del self.bookings[booking.pk]

    with patch.object(Ledger, "_admit", admit_anyhow):
        yield


@found_by("reserved")
def counter_absolute() -> Iterator[None]:
    """Seats are written as a number, reckoned from what was read before the lock."""
    slot_row = changes.slot_row

    def absolute(slot: Slot, changed: Any) -> dict[str, Any]:
        return slot_row(slot, changed) | {"seats": slot.reserved}

    with (
        DEFECTS["read_before_the_lock"].plant(),
        patch.object(changes, "slot_row", absolute),
        patch.dict(store._PARTS, slots=_replaced(store._PARTS["slots"], _DIFFERENCE, "c.seats")),
    ):
        store._write_statement.cache_clear()
        yield
    store._write_statement.cache_clear()


@found_by("sequence", "versions")
def event_left_out() -> Iterator[None]:
    """One change in fifty is not recorded."""
    record = Ledger._record

    def forgetful(self: Ledger, event: str, booking: Booking, *rest: Any, **options: Any) -> None:
        before = len(self._changes.events)
        record(self, event, booking, *rest, **options)
        if random.random() < 0.02:
            del self._changes.events[before:]

    with patch.object(Ledger, "_record", forgetful):
        yield


@found_by("key")
def key_not_written() -> Iterator[None]:
    """Idempotency keys are known within their batch only."""
    add = Memory.add

    def forget(self: Memory, call: IdempotentCall, booking: Booking) -> None:
        add(self, call, booking)
        self.added.clear()

    with patch.object(Memory, "add", forget):
        yield


@found_by("key")
def key_written_after_the_commit() -> Iterator[None]:
    """Idempotency keys are written in a transaction of their own, after that of their effect."""
    transact, add = batches._transact_guarded, Memory.add

    def add_for_later(self: Memory, call: IdempotentCall, booking: Booking) -> None:
        add(self, call, booking)
        self.later = [*getattr(self, "later", []), *self.added]  # type: ignore[attr-defined]
        self.added.clear()

    def write_afterwards(*arguments: Any) -> tuple[Ledger, list[batches.Outcome]]:
        found, outcomes = transact(*arguments)
        keys = getattr(found._memory, "later", [])
        # Between the two a process may be kept from working.
        time.sleep(_KEPT_FROM_WORKING_SECONDS)
        IdempotencyKey.objects.bulk_create(keys, ignore_conflicts=True)
        return found, outcomes

    with (
        patch.object(Memory, "add", add_for_later),
        patch.object(batches, "_transact_guarded", write_afterwards),
    ):
        yield


@found_by("limit")
def customer_not_locked() -> Iterator[None]:
    """Bookings of one customer on different slots are counted side by side."""
    anything = PropertyMock(side_effect=lambda: {random.getrandbits(62)})
    with patch.object(Customer, "lock_keys", anything):
        yield


@found_by("fault")
def seats_ignored_by_the_schedule() -> Iterator[None]:
    """A schedule is carried out as if nobody had booked."""

    def free(slot: Slot, **_: Any) -> Existing:
        return existing_of(slot, is_untouched=True)._replace(reserved=0)

    existing_of = publish.existing_of
    with patch.object(publish, "existing_of", free):
        yield


@found_by("lapse")
def holds_end_early() -> Iterator[None]:
    """Whoever reclaims one lapsed hold of a slot reclaims all of its holds."""

    def has_lapsed_at(self: Booking, now: datetime) -> bool:
        return self.status == BookingStatus.HELD

    with patch.object(Booking, "has_lapsed_at", has_lapsed_at):
        yield


@contextmanager
def planted(name: str | None) -> Iterator[None]:
    """Damage this process until the block is left; None damages nothing."""
    with DEFECTS[name].plant() if name else nullcontext():
        yield

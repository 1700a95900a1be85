"""What to do so that the slots of a resource become those that its schedule describes.

Pure: no database, no clock. What republishes and what only shows what a change
would do both ask here.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple
from uuid import UUID

from venues.schedule import PlannedSlot


class Existing(NamedTuple):
    """A slot that is there. `reserved` counts no lapsed holds."""

    id: UUID
    starts_at: datetime
    ends_at: datetime
    capacity: int
    reserved: int = 0
    is_closed: bool = False
    is_withdrawn: bool = False
    is_added_by_hand: bool = False
    has_own_capacity: bool = False
    is_untouched: bool = True
    """Nothing was ever recorded of it, and no booking was ever on it."""


class ConflictKind(Enum):
    NOT_PLANNED = "NOT_PLANNED"
    """Its seats are in use, but the schedule does not offer it any more."""
    CAPACITY = "CAPACITY"
    """More seats are in use than the schedule offers."""
    BLOCKED = "BLOCKED"
    """It is in the way of a planned slot, which is left out."""


class Conflict(NamedTuple):
    """A slot that keeps the schedule from being carried out; `planned` is what it keeps out."""

    kind: ConflictKind
    existing: Existing
    planned: PlannedSlot | None = None


class Recapacitated(NamedTuple):
    existing: Existing
    capacity: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What to do, and what stands in the way. No slot is both removed and withdrawn.

    A slot can be both restored and given another capacity.
    """

    added: list[PlannedSlot] = field(default_factory=list)
    removed: list[Existing] = field(default_factory=list)
    """To be deleted: never used."""
    withdrawn: list[Existing] = field(default_factory=list)
    """To be closed, until the schedule offers them again; their bookings stay."""
    restored: list[Existing] = field(default_factory=list)
    recapacitated: list[Recapacitated] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to do; conflicts may stand all the same."""
        return not (
            self.added or self.removed or self.withdrawn or self.restored or self.recapacitated
        )

    def between(self, begins_at: datetime, ends_at: datetime) -> "Difference":
        """The part of it that concerns slots which begin in [begins_at, ends_at)."""

        def is_in(slot: PlannedSlot | Existing) -> bool:
            return begins_at <= slot.starts_at < ends_at

        return Difference(
            added=[planned for planned in self.added if is_in(planned)],
            removed=[existing for existing in self.removed if is_in(existing)],
            withdrawn=[existing for existing in self.withdrawn if is_in(existing)],
            restored=[existing for existing in self.restored if is_in(existing)],
            recapacitated=[change for change in self.recapacitated if is_in(change.existing)],
            conflicts=[
                conflict
                for conflict in self.conflicts
                if is_in(conflict.planned or conflict.existing)
            ],
        )


def difference(
    existing: Iterable[Existing],
    planned: Iterable[PlannedSlot],
    *,
    begins_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Difference:
    """What makes the slots of one resource those that are planned, as far as that can be.

    What staff have done stays: slots that they closed, added or gave a capacity of
    their own. So do seats in use: such a slot is never deleted, and nothing is
    published over it.

    Args:
        begins_at, ends_at: what exists and begins outside is not changed; it may be in the way.
    """
    found = Difference()
    offered = {(slot.starts_at, slot.ends_at): slot for slot in planned}
    kept = _Timeline()
    restorable: list[tuple[Existing, PlannedSlot]] = []
    # Of several with the same times the one that stands for the plan comes first.
    for slot in sorted(existing, key=_precedence):
        if not _is_between(slot, begins_at, ends_at):
            _keep(kept, slot)
        elif (plan := offered.pop((slot.starts_at, slot.ends_at), None)) is None:
            _take_out(found, kept, slot)
        elif slot.is_withdrawn:
            restorable.append((slot, plan))
        else:
            _keep(kept, slot)
            _fit(found, slot, plan)
    for slot, plan in restorable:
        if obstacle := kept.overlapping(slot):
            found.conflicts.append(Conflict(ConflictKind.BLOCKED, obstacle, plan))
            _keep(kept, slot)
        else:
            found.restored.append(slot)
            _fit(found, slot, plan)
    for plan in offered.values():
        if obstacle := kept.overlapping(plan):
            found.conflicts.append(Conflict(ConflictKind.BLOCKED, obstacle, plan))
        else:
            found.added.append(plan)
    return found


def _is_between(slot: Existing, begins_at: datetime | None, ends_at: datetime | None) -> bool:
    return (begins_at is None or begins_at <= slot.starts_at) and (
        ends_at is None or slot.starts_at < ends_at
    )


def _precedence(slot: Existing) -> tuple[datetime, bool, bool, bool, UUID]:
    return slot.starts_at, slot.is_withdrawn, slot.is_closed, slot.reserved == 0, slot.id


def _take_out(found: Difference, kept: "_Timeline", slot: Existing) -> None:
    """What becomes of a slot that is not planned."""
    if slot.is_added_by_hand:
        _keep(kept, slot)
        return
    if slot.reserved:
        kept.add(slot)
        found.conflicts.append(Conflict(ConflictKind.NOT_PLANNED, slot))
    if slot.is_closed:
        # Withdrawn already, or closed by staff, which must outlast the schedule's changes.
        return
    if slot.is_untouched and not slot.reserved:
        found.removed.append(slot)
    else:
        found.withdrawn.append(slot)


def _fit(found: Difference, slot: Existing, plan: PlannedSlot) -> None:
    """Give a slot the planned capacity, as far as the seats in use allow."""
    if slot.has_own_capacity or slot.is_added_by_hand:
        return
    capacity = max(plan.capacity, slot.reserved)
    if capacity != slot.capacity:
        found.recapacitated.append(Recapacitated(slot, capacity))
    if capacity != plan.capacity:
        found.conflicts.append(Conflict(ConflictKind.CAPACITY, slot, plan))


def _keep(kept: "_Timeline", slot: Existing) -> None:
    if slot.reserved or not slot.is_closed:
        kept.add(slot)


class _Timeline:
    """Slots that stay in the way of others, by their start."""

    def __init__(self) -> None:
        self._slots: list[tuple[datetime, UUID, Existing]] = []
        self._longest = timedelta()

    def add(self, slot: Existing) -> None:
        insort(self._slots, (slot.starts_at, slot.id, slot))
        self._longest = max(self._longest, slot.ends_at - slot.starts_at)

    def overlapping(self, slot: Existing | PlannedSlot) -> Existing | None:
        """One that overlaps this stretch of time, if any does."""
        position = bisect_left(self._slots, slot.ends_at, key=lambda entry: entry[0])
        while position > 0:
            position -= 1
            starts_at, _, other = self._slots[position]
            if other.ends_at > slot.starts_at:
                return other
            if starts_at <= slot.starts_at - self._longest:
                return None
        return None

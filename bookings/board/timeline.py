"""The board's table: resources down, time across, a slot as wide as it is long."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from uuid import UUID

from bookings.board.reading import Board
from bookings.models import Booking, Slot
from bookings.states import SlotStatus
from venues.models import Resource


@dataclass(frozen=True, slots=True)
class Time:
    """A column: from one time at which anything starts or ends to the next."""

    starts_at: datetime
    """In the venue's offset."""
    is_now: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """So many columns of a resource: a slot, or nothing."""

    width: int
    slot: Slot | None = None
    status: SlotStatus | None = None
    held: int = 0
    bookings: Sequence[Booking] = ()

    @property
    def used(self) -> int:
        assert self.slot is not None
        return self.slot.reserved

    @property
    def booked(self) -> int:
        """Seats in use that are not only held."""
        return self.used - self.held

    @property
    def booked_percent(self) -> float:
        return self._percent(self.booked)

    @property
    def held_percent(self) -> float:
        return self._percent(self.held)

    @property
    def kind(self) -> str:
        """How full it is, in a word: for the style."""
        assert self.slot is not None
        if self.status in {SlotStatus.CLOSED, SlotStatus.PAST}:
            return self.status.value.lower()
        if self.used == 0:
            return "free"
        return "full" if self.slot.remaining == 0 else "some"

    def _percent(self, seats: int) -> float:
        assert self.slot is not None
        return round(100 * seats / self.slot.capacity, 2) if self.slot.capacity else 0.0


@dataclass(frozen=True, slots=True)
class Row:
    resource: Resource
    cells: Sequence[Cell]


def times_of(board: Board) -> list[Time]:
    bounds = _bounds(board)
    return [
        Time(board.venue.local(start), start <= board.now < end) for start, end in pairwise(bounds)
    ]


def rows_of(board: Board) -> list[Row]:
    column = {moment: number for number, moment in enumerate(_bounds(board))}
    slots_of: defaultdict[UUID, list[Slot]] = defaultdict(list)
    for slot in board.slots:
        slots_of[slot.resource_id].append(slot)
    last = len(column) - 1
    return [
        Row(resource, _cells(board, slots_of[resource.pk], column, last))
        for resource in board.resources
    ]


def _bounds(board: Board) -> list[datetime]:
    """Every instant at which a slot of the day starts or ends, in order."""
    return sorted({moment for slot in board.slots for moment in (slot.starts_at, slot.ends_at)})


def _cells(
    board: Board, slots: Sequence[Slot], column: dict[datetime, int], last: int
) -> list[Cell]:
    cells: list[Cell] = []
    at = 0
    for slot in slots:
        begins, ends = column[slot.starts_at], column[slot.ends_at]
        if begins < at:
            # Closed ones may overlap an open one; the table has one place for both.
            continue
        if begins > at:
            cells.append(Cell(begins - at))
        cells.append(
            Cell(
                ends - begins,
                slot,
                slot.status_at(board.now),
                board.held_seats(slot),
                board.seated_on.get(slot.pk, ()),
            )
        )
        at = ends
    if at < last:
        cells.append(Cell(last - at))
    return cells

"""From rules of opening to slots. Pure: no database, no clock.

A venue's rules speak wall-clock time; slots are instants. The bounds of each
opening are converted to UTC once and slots are stepped in UTC, so that a day of
23 or 25 hours has as many slots as really fit into it, each with its true
length, and no two of them begin at the same instant.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPattern:
    """One opening by the wall clock, and how slots lie in it.

    is_own: the resource's own rule, and not one of its venue.
    closes_at: not after `opens_at` means on the next day.
    interval: from start to start, at least `length` and both buffers.
    """

    is_own: bool
    opens_at: time
    closes_at: time
    length: timedelta
    interval: timedelta
    buffer_before: timedelta = timedelta()
    buffer_after: timedelta = timedelta()
    capacity: int

    def __post_init__(self) -> None:
        if self.length <= timedelta() or min(self.buffer_before, self.buffer_after) < timedelta():
            raise ValueError("A slot takes time, and a buffer is never negative.")
        if self.interval < self.buffer_before + self.length + self.buffer_after:
            raise ValueError("The interval is shorter than a slot with its buffers.")

    @property
    def is_overnight(self) -> bool:
        return self.closes_at <= self.opens_at


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyHours(SlotPattern):
    """An opening of one weekday; Monday is 0. A date left open is None."""

    weekday: int
    valid_from: date | None = None
    valid_until: date | None = None

    def is_valid_on(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_until is None or day <= self.valid_until
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialDays(SlotPattern):
    """An opening of each day of a range, both ends included, in place of the weekly hours."""

    first_date: date
    last_date: date


@dataclass(frozen=True, slots=True)
class ClosedDays:
    """Days on which nothing opens, both ends included."""

    first_date: date
    last_date: date


@dataclass(frozen=True, slots=True)
class PlannedSlot:
    """A slot as the rules describe it; aware, in UTC."""

    starts_at: datetime
    ends_at: datetime
    capacity: int


_Dated = TypeVar("_Dated", SpecialDays, ClosedDays)
_Ruled = TypeVar("_Ruled", WeeklyHours, SpecialDays)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When one resource offers slots: its own rules, and those of its venue.

    On each day the first of these holds: a closure; the resource's special hours;
    the venue's special hours; the resource's week; the venue's week. A resource
    has a week of its own on every day on which any of its hours is valid, whatever
    their weekday.
    """

    organization_id: UUID
    venue_id: UUID
    resource_id: UUID
    zone: ZoneInfo
    capacity: int
    hours: tuple[WeeklyHours, ...] = ()
    special_hours: tuple[SpecialDays, ...] = ()
    closures: tuple[ClosedDays, ...] = ()

    def slots_of(self, day: date) -> list[PlannedSlot]:
        """The slots that begin in the openings of a local day, in order of their start.

        An opening past midnight belongs to the day on which it opens. No slot
        overlaps another, of this day or any: an opening that begins before an
        earlier one has closed waits until it has. Rules of one owner never do
        that; those of a holiday may, on the morning after a long night.
        """
        openings = self._openings_of(day)
        if not openings:
            return []
        slots: list[PlannedSlot] = []
        free_from = self._night_before(day)
        for opening in sorted(openings, key=lambda opening: (opening.opens_at, opening.closes_at)):
            opens_at, closes_at = _bounds(opening, day, self.zone)
            if free_from is not None:
                opens_at = max(opens_at, free_from)
            slots.extend(_slots_between(opens_at, closes_at, opening))
            free_from = closes_at if free_from is None else max(free_from, closes_at)
        return slots

    def _openings_of(self, day: date) -> Sequence[SlotPattern]:
        if _of_date(self.closures, day):
            return ()
        special_hours = _of_date(self.special_hours, day)
        if special_hours:
            return _nearest(special_hours)
        valid = [hours for hours in self.hours if hours.is_valid_on(day)]
        weekday = day.weekday()
        return [hours for hours in _nearest(valid) if hours.weekday == weekday]

    def _night_before(self, day: date) -> datetime | None:
        """When the last opening of the day before closes, where it runs past midnight.

        By the opening and not by its slots, which depend on the night before that.
        """
        if not any(rule.is_overnight for rule in (*self.hours, *self.special_hours)):
            return None
        yesterday = day - _DAY
        nights = (opening for opening in self._openings_of(yesterday) if opening.is_overnight)
        return max((_bounds(opening, yesterday, self.zone)[1] for opening in nights), default=None)


def instant(day: date, wall_clock: time, zone: ZoneInfo) -> datetime:
    """The instant at which the wall clock of a zone shows this time.

    A time that is skipped in spring counts as the moment of the change; of a
    time that comes twice in autumn the first is meant (PEP 495, fold=0).
    """
    local = datetime.combine(day, wall_clock, tzinfo=zone)
    moment = local.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return moment
    # In a gap fold=0 gives an instant after the change and fold=1 one before
    # it; both miss by the gap, whose end is where the clock resumes.
    before = local.replace(fold=1).astimezone(UTC)
    return _first_change(before, moment, zone)


def _first_change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The instant in (before, after] from which the zone has its later offset."""
    offset = before.astimezone(zone).utcoffset()
    low, high = before, after
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The instants at which a local day begins and ends (UTC)."""
    return instant(day, time.min, zone), instant(day + _DAY, time.min, zone)


def _bounds(opening: SlotPattern, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    closing_day = day + _DAY if opening.is_overnight else day
    return instant(day, opening.opens_at, zone), instant(closing_day, opening.closes_at, zone)


def _slots_between(
    opens_at: datetime, closes_at: datetime, opening: SlotPattern
) -> Iterator[PlannedSlot]:
    starts_at = opens_at + opening.buffer_before
    last_end = closes_at - opening.buffer_after
    while (ends_at := starts_at + opening.length) <= last_end:
        yield PlannedSlot(starts_at, ends_at, opening.capacity)
        starts_at += opening.interval


def _of_date(rules: Iterable[_Dated], day: date) -> list[_Dated]:
    return [rule for rule in rules if rule.first_date <= day <= rule.last_date]


def _nearest(rules: list[_Ruled]) -> list[_Ruled]:
    """The resource's own rules, or else those of its venue."""
    return [rule for rule in rules if rule.is_own] or rules

"""From opening hours to instants. Pure: no database, no clock.

A venue's rules speak wall-clock time; slots are instants. The bounds of each
opening are converted to UTC once and slots are stepped in UTC, so that a day of
23 or 25 hours has as many slots as really fit into it, each with its true
length, and no two of them begin at the same instant.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Generic, Protocol, TypeVar
from zoneinfo import ZoneInfo


class Opening(Protocol):
    """What is read of a rule: `venues.models.OpeningHours`, or anything like it."""

    weekday: int
    opens_at: time
    closes_at: time

    @property
    def slot_duration(self) -> timedelta: ...


Rule = TypeVar("Rule", bound=Opening)


@dataclass(frozen=True, slots=True)
class Interval(Generic[Rule]):
    """A stretch of time, aware and in UTC, with the rule that offers it."""

    starts_at: datetime
    ends_at: datetime
    rule: Rule


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
    return instant(day, time.min, zone), instant(day + timedelta(days=1), time.min, zone)


def slots_of_day(day: date, zone: ZoneInfo, rules: Iterable[Rule]) -> Iterator[Interval[Rule]]:
    """The slots that begin in the openings of a local day, in order of their start."""
    intervals = [
        interval
        for rule in rules
        if rule.weekday == day.weekday()
        for interval in _slots_of_opening(day, zone, rule)
    ]
    return iter(sorted(intervals, key=lambda interval: interval.starts_at))


def _slots_of_opening(day: date, zone: ZoneInfo, rule: Rule) -> Iterator[Interval[Rule]]:
    closing_day = day if rule.closes_at > rule.opens_at else day + timedelta(days=1)
    starts_at = instant(day, rule.opens_at, zone)
    closes_at = instant(closing_day, rule.closes_at, zone)
    while (ends_at := starts_at + rule.slot_duration) <= closes_at:
        yield Interval(starts_at, ends_at, rule)
        starts_at = ends_at

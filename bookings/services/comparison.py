"""How what is published of a venue differs from its schedule, some days at a time."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from bookings.difference import Difference, Existing, difference
from bookings.ledger import MAX_SLOT_LENGTH
from bookings.published import existing_slots
from venues.schedule import PlannedSlot, Schedule, day_bounds

# Days that are read, compared and inserted at once: so much memory it takes.
CHUNK_DAYS = 31


class Bounds:
    """Where some consecutive local days begin and end."""

    def __init__(self, days: Sequence[date], zone: ZoneInfo) -> None:
        self.days = days
        self._starts = [day_bounds(day, zone)[0] for day in days]
        self.begins_at = self._starts[0]
        self.ends_at = day_bounds(days[-1], zone)[1]

    def of(self, day: date) -> tuple[datetime, datetime]:
        position = (day - self.days[0]).days
        following = [*self._starts[position + 1 : position + 2], self.ends_at]
        return self._starts[position], following[0]

    def day_of(self, moment: datetime) -> date:
        """The day of an instant that lies within."""
        return self.days[bisect_right(self._starts, moment) - 1]


@dataclass(frozen=True, slots=True)
class Compared:
    """How some days of a resource differ from its schedule."""

    difference: Difference
    empty_days: list[tuple[date, list[PlannedSlot]]]
    """Days without any slot, with what is to be inserted."""
    differing_days: list[tuple[date, list[PlannedSlot]]]
    """Other days on which there is something to do, with their whole plan."""


def compare(
    schedules: Sequence[Schedule], bounds: Bounds, *, moment: datetime, known: date | None = None
) -> Iterator[tuple[Schedule, Compared]]:
    """Hold what is published of resources against the schedule of each.

    Slots that have begun at `moment` stay as they are, and none that has is added
    on days up to `known`. Around the days so much is read as a slot may reach
    over their edge, of all resources at once.
    """
    begins_at, ends_at = bounds.begins_at - MAX_SLOT_LENGTH, bounds.ends_at + MAX_SLOT_LENGTH
    existing = existing_slots(
        resource_ids=[schedule.resource_id for schedule in schedules],
        begins_at=begins_at,
        ends_at=ends_at,
        now=moment,
    )
    for schedule in schedules:
        of_resource = existing.pop(schedule.resource_id)
        planned = _planned(schedule, bounds.days, begins_at, ends_at)
        yield schedule, _compared(of_resource, planned, bounds, moment=moment, known=known)


def _compared(
    existing: Sequence[Existing],
    of_schedule: Iterable[PlannedSlot],
    bounds: Bounds,
    *,
    moment: datetime,
    known: date | None,
) -> Compared:
    inhabited = {
        bounds.day_of(slot.starts_at)
        for slot in existing
        if bounds.begins_at <= slot.starts_at < bounds.ends_at
    }
    planned = []
    for slot in of_schedule:
        if slot.starts_at <= moment:
            # Only a day that is new altogether gets what has begun already.
            if not bounds.begins_at <= slot.starts_at < bounds.ends_at:
                continue
            day = bounds.day_of(slot.starts_at)
            if day in inhabited or (known is not None and day <= known):
                continue
        planned.append(slot)
    found = difference(existing, planned, begins_at=moment)
    found = found.between(bounds.begins_at, bounds.ends_at)
    plans: Mapping[date, list[PlannedSlot]] = _by_day(planned, bounds)
    added = _by_day(found.added, bounds)
    touched = {
        bounds.day_of(slot.starts_at)
        for slots in (found.removed, found.withdrawn, found.restored)
        for slot in slots
    }
    touched |= {bounds.day_of(change.existing.starts_at) for change in found.recapacitated}
    touched |= added.keys() & inhabited
    return Compared(
        difference=found,
        empty_days=[(day, slots) for day, slots in added.items() if day not in inhabited],
        differing_days=[(day, plans.get(day, [])) for day in sorted(touched)],
    )


def chunks(first_date: date, last_date: date) -> Iterator[list[date]]:
    """Days from the first to the last, as many at a time as are compared at once."""
    number = (last_date - first_date).days + 1
    days = [first_date + timedelta(days=offset) for offset in range(max(number, 0))]
    for start in range(0, len(days), CHUNK_DAYS):
        yield days[start : start + CHUNK_DAYS]


def _planned(
    schedule: Schedule, days: Sequence[date], begins_at: datetime, ends_at: datetime
) -> Iterator[PlannedSlot]:
    """What is planned to begin in [begins_at, ends_at), around these days.

    The slots of an opening may begin on the day after it, and the first of these
    days may be reached into from the one before.
    """
    day, last_day = days[0] - timedelta(days=2), days[-1] + timedelta(days=1)
    while day <= last_day:
        for slot in schedule.slots_of(day):
            if begins_at <= slot.starts_at < ends_at:
                yield slot
        day += timedelta(days=1)


def _by_day(planned: Iterable[PlannedSlot], bounds: Bounds) -> dict[date, list[PlannedSlot]]:
    days: defaultdict[date, list[PlannedSlot]] = defaultdict(list)
    for slot in planned:
        if bounds.begins_at <= slot.starts_at < bounds.ends_at:
            days[bounds.day_of(slot.starts_at)].append(slot)
    return days

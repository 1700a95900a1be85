"""Carrying out a schedule: the slots of a venue over some days, written where they differ.

Days on which nothing was published are filled many at once; every other day that
differs is one transaction of its own at the desk, under the locks of its slots.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import transaction

from bookings import store
from bookings.desk import desk
from bookings.difference import Difference
from bookings.errors import SlotBusy, SlotOverlaps
from bookings.live import announce
from bookings.models import Publication, Slot
from bookings.requests.publish import PublishDay, require_version
from bookings.services.comparison import CHUNK_DAYS, Bounds, chunks, compare
from reserve.core import stamps
from reserve.core.clock import now
from reserve.core.ids import new_id
from reserve.core.logging import get_logger
from venues.models import Resource, Venue
from venues.schedule import PlannedSlot, Schedule, day_bounds

log = get_logger(__name__)

# A slot may have to wait for its neighbour of the next day to make room, and so for a second pass.
_MAX_PASSES = 3
# Newly filled days of which watchers are told; who looks further ahead looks again.
_MAX_ANNOUNCED = 1_000


@dataclass(slots=True)
class Published:
    """What was done, in slots; and what conflicts with the schedule at the end."""

    added: int = 0
    removed: int = 0
    withdrawn: int = 0
    restored: int = 0
    recapacitated: int = 0
    conflicts: int = 0
    is_complete: bool = True
    """Whether all was done: in the time that was given, and by a schedule that still holds."""

    def count(self, done: Difference) -> None:
        self.added += len(done.added)
        self.removed += len(done.removed)
        self.withdrawn += len(done.withdrawn)
        self.restored += len(done.restored)
        self.recapacitated += len(done.recapacitated)


@dataclass(frozen=True, slots=True)
class _Day:
    """A day of a resource that differs from its plan."""

    resource_id: UUID
    begins_at: datetime
    ends_at: datetime
    planned: Sequence[PlannedSlot]


class Run:
    """One go over some days of a venue, in chunks."""

    def __init__(
        self,
        venue: Venue,
        schedules: Sequence[Schedule],
        *,
        deadline: float | None = None,
        known: date | None = None,
    ) -> None:
        """The venue's publication is there, and its schedules were read after the venue itself.

        Args:
            deadline: by `time.monotonic()`; the instant after which nothing further is begun.
            known: the last day that watchers may have looked at already.
        """
        self._venue = venue
        self._schedules = schedules
        self._deadline = deadline
        self._known = known
        self._announced = 0
        self.done = Published()

    def over(self, first_date: date, last_date: date) -> Published:
        """Publish these days, both included, the nearest first.

        Raises:
            ScheduleChanged: it is not the one that was read any more; what was written
                so far may be out of date.
        """
        for days in chunks(first_date, last_date):
            for schedules in self._batches(len(days)):
                if not self._settle(schedules, days):
                    self.done.is_complete = False
                    return self.done
        return self.done

    def _batches(self, days: int) -> Iterator[Sequence[Schedule]]:
        """As many resources at a time as have CHUNK_DAYS days together."""
        size = max(1, CHUNK_DAYS // days)
        for start in range(0, len(self._schedules), size):
            yield self._schedules[start : start + size]

    def _settle(self, schedules: Sequence[Schedule], days: Sequence[date]) -> bool:
        """Publish some days of some resources; returns whether there was the time to finish."""
        conflicts, is_left = 0, False
        for _ in range(_MAX_PASSES):
            if self._is_late():
                return False
            conflicts, differing = self._fill_empty_days(schedules, days)
            is_left = False
            for day in differing:
                if self._is_late():
                    return False
                is_left |= not self._publish_day(day)
            if not differing:
                break
        self.done.conflicts += conflicts
        if is_left:
            # The other days have their slots; this one waits for the next run.
            self.done.is_complete = False
        return True

    def _is_late(self) -> bool:
        return self._deadline is not None and time.monotonic() > self._deadline

    def _fill_empty_days(
        self, schedules: Sequence[Schedule], days: Sequence[date]
    ) -> tuple[int, list[_Day]]:
        """Insert the slots of days that have none; return the conflicts, and what else differs."""
        moment = now()
        bounds = Bounds(days, self._venue.zone)
        conflicts = 0
        differing: list[_Day] = []
        fresh: list[store.NewSlot] = []
        # The row keeps two from filling the same days at once: a slot that staff
        # have closed since would not be in the way of its twin.
        with transaction.atomic():
            Publication.objects.select_for_update(no_key=True).get(venue=self._venue)
            require_version(self._venue.pk, self._venue.schedule_version)
            for schedule, compared in compare(schedules, bounds, moment=moment, known=self._known):
                conflicts += len(compared.difference.conflicts)
                fresh += [
                    store.NewSlot(
                        new_id(), schedule.resource_id, slot.starts_at, slot.ends_at, slot.capacity
                    )
                    for _, planned in compared.empty_days
                    for slot in planned
                ]
                differing += [
                    _Day(schedule.resource_id, *bounds.of(day), planned)
                    for day, planned in compared.differing_days
                ]
            inserted = store.insert_slots(fresh)
        self.done.added += len(inserted)
        if inserted:
            stamps.void_group(Venue.stamp_group(self._venue.pk))
        self._announce(fresh, inserted)
        return conflicts, differing

    def _announce(self, fresh: Sequence[store.NewSlot], inserted: set[UUID]) -> None:
        if self._known is None or not fresh:
            return
        _, end = day_bounds(self._known, self._venue.zone)
        seen = [slot for slot in fresh if slot.id in inserted and slot.starts_at < end]
        seen.sort(key=lambda slot: slot.starts_at)
        nearest = seen[: _MAX_ANNOUNCED - self._announced]
        self._announced += len(nearest)
        announce(Slot(**slot._asdict(), venue=self._venue) for slot in nearest)

    def _publish_day(self, day: _Day) -> bool:
        """Returns whether it could be done."""
        request = PublishDay(
            day.resource_id,
            day.begins_at,
            day.ends_at,
            day.planned,
            schedule_version=self._venue.schedule_version,
        )
        try:
            self.done.count(desk.submit(request))
        except (SlotBusy, SlotOverlaps):
            # Somebody is at work on the same day; the next pass looks again.
            log.info("day_left_for_the_next_pass", resource=Resource.format_id(day.resource_id))
            return False
        return True

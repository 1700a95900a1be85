"""Publishing slots: from a venue's schedule to rows that can be booked, and keeping them right.

Only what differs is written. Days on which nothing was published are filled
many at once; every other day that differs is one transaction of its own at the
desk, under the locks of its slots. Whatever is left out or kept against the
schedule is told as a conflict, and tried again every day.
"""

import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F, Q

from bookings import store
from bookings.desk import desk
from bookings.difference import Difference, difference
from bookings.errors import SlotBusy, SlotOverlaps
from bookings.ledger import MAX_SLOT_LENGTH
from bookings.live import announce
from bookings.models import Publication, Slot
from bookings.offsets import merge_offsets, offsets_between
from bookings.published import existing_slots
from bookings.requests.publish import PublishDay
from reserve.core.clock import now as process_now
from reserve.core.errors import NotFound
from reserve.core.ids import new_id
from reserve.core.logging import get_logger
from venues.models import Resource, Venue
from venues.schedule import PlannedSlot, Schedule, day_bounds
from venues.selectors import schedules_of, schedules_of_venues

log = get_logger(__name__)

# Days that are read, compared and inserted at once: so much memory it takes.
_CHUNK_DAYS = 31
# A slot may have to wait for its neighbour of the next day to make room, and so for a second pass.
_MAX_PASSES = 3
# Newly filled days of which watchers are told; who looks further ahead looks again.
_MAX_ANNOUNCED = 1_000
# Longer than a republication may take in a task.
_CLAIM = timedelta(seconds=60)
_VENUES_AT_ONCE = 50


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
    """Whether all was done in the time that was given."""

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


def publish(*, venue_id: UUID, first_date: date, last_date: date) -> Published:
    """Make the slots of some days what the venue's schedule describes.

    Both dates are the venue's own and included. A day without any slot gets all of
    its slots, also one in the past; of other days only slots that have not begun
    are changed.

    Raises:
        NotFound: there is no such venue.
    """
    venue = _venue(venue_id)
    run = _Run(venue, schedules_of(venue_id=venue_id))
    return run.over(first_date, last_date)


def republish(*, venue_id: UUID, within: timedelta | None = None) -> Published:
    """Make a venue's slots what its schedule describes, from now to the end of what is published.

    That is the booking horizon, or further where it was longer before. Safe to
    repeat, and to do twice at once.

    Args:
        within: time after which no further day is begun; the next call goes on.

    Raises:
        NotFound: there is no such venue.
    """
    venue = _venue(venue_id)
    began_at = process_now()
    today = venue.local(began_at).date()
    publication = _publication_of(venue)
    last_date = max(today + venue.booking_horizon, publication.published_until or today)
    run = _Run(
        venue, schedules_of(venue_id=venue_id), within=within, known=publication.published_until
    )
    done = run.over(today, last_date)
    if done.is_complete:
        _note(publication, venue, began_at, last_date, done, is_whole=True)
    log.info(
        "venue_republished",
        venue=venue.public_id,
        added=done.added,
        removed=done.removed,
        withdrawn=done.withdrawn,
        conflicts=done.conflicts,
    )
    return done


def roll(*, within: timedelta | None = None) -> int:
    """Publish the days that have come within each venue's horizon; return how many venues had any.

    Each venue has its turn once its own day has begun, and what conflicts with its
    schedule is then tried again. A venue that fails is left for the next call.

    Args:
        within: time after which no further venue is begun; the next call goes on.
    """
    deadline = _deadline(within)
    rolled = 0
    for venues in _batches(_due_venues(), _VENUES_AT_ONCE):
        schedules = schedules_of_venues([venue.pk for venue in venues])
        for venue in venues:
            if deadline is not None and time.monotonic() > deadline:
                return rolled
            try:
                _roll_venue(venue, schedules[venue.pk])
            except Exception:
                # One venue's fault must not keep the others from having a tomorrow.
                log.exception("roll_failed", venue=venue.public_id)
            else:
                rolled += 1
    return rolled


def request_republication(*, venue_ids: Iterable[UUID]) -> None:
    """Have venues republished soon, by whichever worker comes first."""
    moment = process_now()
    venues = Venue.objects.filter(pk__in=set(venue_ids)).order_by("pk")
    Publication.objects.bulk_create(
        [
            Publication(
                organization_id=venue.organization_id,
                venue=venue,
                requested_at=moment,
                updated_at=moment,
            )
            for venue in venues
        ],
        update_conflicts=True,
        unique_fields=["venue"],
        update_fields=["requested_at"],
    )


def republish_requested(*, within: timedelta) -> int:
    """Republish venues whose schedule has changed; return how many were finished.

    A venue is claimed first, so that workers do not all take the same. What a
    worker that died has left is claimed again when its claim has passed.
    """
    deadline = time.monotonic() + within.total_seconds()
    finished = 0
    while (left := deadline - time.monotonic()) > 0 and (claimed := _claim()) is not None:
        done = republish(venue_id=claimed.venue_id, within=timedelta(seconds=left))
        mine = Publication.objects.filter(pk=claimed.pk, claimed_until=claimed.claimed_until)
        mine.update(claimed_until=None)
        if done.is_complete:
            finished += 1
            # Asked for again meanwhile, it stays asked for.
            same = Publication.objects.filter(pk=claimed.pk, requested_at=claimed.requested_at)
            same.update(requested_at=None)
    return finished


def _claim() -> Publication | None:
    moment = process_now()
    with transaction.atomic():
        wanted = Publication.objects.filter(
            Q(claimed_until=None) | Q(claimed_until__lte=moment), requested_at__isnull=False
        )
        claimed = (
            wanted.select_for_update(skip_locked=True, no_key=True).order_by("requested_at").first()
        )
        if claimed is not None:
            claimed.claimed_until = moment + _CLAIM
            claimed.save(update_fields=["claimed_until"])
    return claimed


# --- One venue -------------------------------------------------------------------------


def _venue(venue_id: UUID) -> Venue:
    venue = Venue.objects.filter(pk=venue_id).first()
    if venue is None:
        raise NotFound
    return venue


def _publication_of(venue: Venue) -> Publication:
    found, _ = Publication.objects.get_or_create(
        venue=venue, defaults={"organization_id": venue.organization_id}
    )
    return found


def _due_venues() -> Iterator[Venue]:
    """The venues that have a day within their horizon that is not published yet."""
    moment = process_now()
    venues = Venue.objects.annotate(until=F("publication__published_until")).order_by("pk")
    for venue in venues.iterator(chunk_size=500):
        last_date = venue.local(moment).date() + venue.booking_horizon
        if venue.until is None or venue.until < last_date:
            yield venue


def _roll_venue(venue: Venue, schedules: Sequence[Schedule]) -> None:
    publication = _publication_of(venue)
    began_at = process_now()
    today = venue.local(began_at).date()
    until = publication.published_until
    if until is None or until < today or publication.conflict_count:
        republish(venue_id=venue.pk)
        return
    last_date = today + venue.booking_horizon
    done = _Run(venue, schedules).over(until + timedelta(days=1), last_date)
    _note(publication, venue, began_at, last_date, done, is_whole=False)


def _note(
    publication: Publication,
    venue: Venue,
    began_at: datetime,
    last_date: date,
    done: Published,
    *,
    is_whole: bool,
) -> None:
    """Record how far a venue is published, and what its zone's offsets were taken to be."""
    first = began_at
    if not is_whole and publication.published_until is not None:
        _, first = day_bounds(publication.published_until, venue.zone)
    _, end = day_bounds(last_date, venue.zone)
    offsets = offsets_between(venue.zone, first, end)
    if not is_whole:
        offsets = merge_offsets(publication.offsets, offsets, since=began_at)
    Publication.objects.filter(pk=publication.pk).update(
        published_until=last_date,
        timezone=venue.timezone,
        offsets=offsets,
        conflict_count=done.conflicts,
        updated_at=process_now(),
    )


class _Run:
    """One go over some days of a venue, in chunks."""

    def __init__(
        self,
        venue: Venue,
        schedules: Sequence[Schedule],
        *,
        within: timedelta | None = None,
        known: date | None = None,
    ) -> None:
        """`known`: the last day that watchers may have looked at already."""
        self._venue = venue
        self._schedules = schedules
        self._deadline = _deadline(within)
        self._known = known
        _publication_of(venue)
        self._announced = 0
        self._done = Published()

    def over(self, first_date: date, last_date: date) -> Published:
        for days in chunks(first_date, last_date):
            for _ in range(_MAX_PASSES):
                conflicts, differing = self._fill_empty_days(days)
                for day, planned in differing:
                    if self._is_late():
                        self._done.is_complete = False
                        return self._done
                    self._publish_day(day, planned)
                if not differing:
                    break
            self._done.conflicts += conflicts
        return self._done

    def _is_late(self) -> bool:
        return self._deadline is not None and time.monotonic() > self._deadline

    def _fill_empty_days(
        self, days: Sequence[date]
    ) -> tuple[int, list[tuple[_Day, list[PlannedSlot]]]]:
        """Insert the slots of days that have none; return what else differs, and the conflicts."""
        moment = process_now()
        bounds = Bounds(days, self._venue.zone)
        conflicts = 0
        differing: list[tuple[_Day, list[PlannedSlot]]] = []
        fresh: list[store.NewSlot] = []
        # The row keeps two from filling the same days at once: a slot that staff
        # have closed since would not be in the way of its twin.
        with transaction.atomic():
            Publication.objects.select_for_update(no_key=True).get(venue=self._venue)
            for schedule in self._schedules:
                compared = compare(schedule, bounds, moment=moment, known=self._known)
                conflicts += len(compared.difference.conflicts)
                fresh += [
                    store.NewSlot(
                        new_id(), schedule.resource_id, slot.starts_at, slot.ends_at, slot.capacity
                    )
                    for _, planned in compared.empty_days
                    for slot in planned
                ]
                differing += [
                    (_Day(schedule.resource_id, *bounds.of(day)), planned)
                    for day, planned in compared.differing_days
                ]
            inserted = store.insert_slots(fresh)
        self._done.added += len(inserted)
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

    def _publish_day(self, day: _Day, planned: Sequence[PlannedSlot]) -> None:
        request = PublishDay(day.resource_id, day.begins_at, day.ends_at, planned)
        try:
            self._done.count(desk.submit(request))
        except (SlotBusy, SlotOverlaps):
            # Somebody is at work on the same day; the next pass looks again.
            log.info("day_left_for_the_next_pass", resource=Resource.format_id(day.resource_id))


# --- What differs ----------------------------------------------------------------------


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
    schedule: Schedule, bounds: Bounds, *, moment: datetime, known: date | None = None
) -> Compared:
    """Hold what is published of a resource against its schedule.

    Slots that have begun at `moment` stay as they are, and none that has is added
    on days up to `known`. Around the days so much is read as a slot may reach
    over their edge.
    """
    begins_at, ends_at = bounds.begins_at - MAX_SLOT_LENGTH, bounds.ends_at + MAX_SLOT_LENGTH
    existing = existing_slots(
        resource_id=schedule.resource_id, begins_at=begins_at, ends_at=ends_at, now=moment
    )
    inhabited = {
        bounds.day_of(slot.starts_at)
        for slot in existing
        if bounds.begins_at <= slot.starts_at < bounds.ends_at
    }
    planned = []
    for slot in _planned(schedule, bounds.days, begins_at, ends_at):
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
    for start in range(0, len(days), _CHUNK_DAYS):
        yield days[start : start + _CHUNK_DAYS]


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


def _batches(venues: Iterator[Venue], size: int) -> Iterator[list[Venue]]:
    while batch := list(islice(venues, size)):
        yield batch


def _deadline(within: timedelta | None) -> float | None:
    return None if within is None else time.monotonic() + within.total_seconds()

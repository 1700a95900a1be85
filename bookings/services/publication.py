"""Publishing slots: from a venue's schedule to rows that can be booked, and keeping them right.

Only what differs is written. Whatever is left out or kept against the schedule is
told as a conflict, and tried again every day.

A venue is read before its schedules, and its `schedule_version` with it: that is
compared under the locks of every write, and once more when all is written. What
was carried out by a schedule that has changed meanwhile is asked for again.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import islice
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from bookings.errors import ScheduleChanged
from bookings.models import Publication
from bookings.offsets import merge_offsets, offsets_between
from bookings.services.run import Published, Run
from bookings.services.timezones import keep_moves
from reserve.core.clock import now as process_now
from reserve.core.errors import NotFound
from reserve.core.logging import get_logger
from venues.models import Venue
from venues.schedule import Schedule, day_bounds
from venues.selectors import schedules_of_venues

log = get_logger(__name__)

# Longer than a republication may take in a task.
_CLAIM = timedelta(seconds=60)
_VENUES_AT_ONCE = 50


def publish(*, venue_id: UUID, first_date: date, last_date: date) -> Published:
    """Make the slots of some days what the venue's schedule describes.

    Both dates are the venue's own and included. A day without any slot gets all of
    its slots, also one in the past; of other days only slots that have not begun
    are changed. Where the schedule changes meanwhile, the rest is left to a
    republication, which is asked for.

    Raises:
        NotFound: there is no such venue.
    """
    venue, schedules = _described_venue(venue_id)
    _publication_of(venue)
    return _carried_out(Run(venue, schedules), venue, first_date, last_date)


def republish(*, venue_id: UUID, within: timedelta | None = None) -> Published:
    """Make a venue's slots what its schedule describes, from now to the end of what is published.

    That is the booking horizon, or further where it was longer before. Safe to
    repeat, and to do twice at once. Where the schedule changes meanwhile, the rest
    is left to the next republication, which is asked for.

    Args:
        within: time after which nothing further is begun; the next call goes on.

    Raises:
        NotFound: there is no such venue.
    """
    venue, schedules = _described_venue(venue_id)
    return _republish(venue, schedules, _deadline(within))


def _republish(venue: Venue, schedules: Sequence[Schedule], deadline: float | None) -> Published:
    began_at = process_now()
    today = venue.local(began_at).date()
    publication = _publication_of(venue)
    keep_moves(publication, venue)
    last_date = max(today + venue.booking_horizon, publication.published_until or today)
    run = Run(venue, schedules, deadline=deadline, known=publication.published_until)
    done = _carried_out(run, venue, today, last_date)
    if done.is_complete:
        _note(publication, venue, began_at, last_date, done, is_whole=True)
    log.info(
        "venue_republished",
        venue=venue.public_id,
        added=done.added,
        removed=done.removed,
        withdrawn=done.withdrawn,
        conflicts=done.conflicts,
        is_complete=done.is_complete,
    )
    return done


def roll(*, within: timedelta | None = None) -> int:
    """Publish the days that have come within each venue's horizon; return how many venues had any.

    Each venue has its turn once its own day has begun, and what conflicts with its
    schedule is then tried again. A venue that fails is left for the next call; one
    whose schedule waits to be republished gets its new days with that.

    Args:
        within: time after which nothing further is begun; the next call goes on.
    """
    deadline = _deadline(within)
    _request_where_the_length_changed()
    rolled = 0
    for venue_ids in _batches(_due_venue_ids(), _VENUES_AT_ONCE):
        for venue, schedules in _described(venue_ids):
            if deadline is not None and time.monotonic() > deadline:
                return rolled
            try:
                rolled += _roll_venue(venue, schedules, deadline)
            except Exception:
                # One venue's fault must not keep the others from having a tomorrow.
                log.exception("roll_failed", venue=venue.public_id)
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
    worker that died has left, or failed at, is claimed again when its claim has passed.
    """
    deadline = time.monotonic() + within.total_seconds()
    finished = 0
    while (left := deadline - time.monotonic()) > 0 and (claimed := _claim()) is not None:
        try:
            done = republish(venue_id=claimed.venue_id, within=timedelta(seconds=left))
        except Exception:
            # Its claim keeps it from the others' way until it passes.
            log.exception("republication_failed", venue=Venue.format_id(claimed.venue_id))
            continue
        mine = Publication.objects.filter(pk=claimed.pk, claimed_until=claimed.claimed_until)
        mine.update(claimed_until=None)
        finished += done.is_complete
        # Asked for again meanwhile, it stays asked for; unfinished, it waits behind the others.
        same = Publication.objects.filter(pk=claimed.pk, requested_at=claimed.requested_at)
        same.update(requested_at=None if done.is_complete else process_now())
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


def _described_venue(venue_id: UUID) -> tuple[Venue, list[Schedule]]:
    for described in _described([venue_id]):
        return described
    raise NotFound


def _described(venue_ids: Sequence[UUID]) -> Iterator[tuple[Venue, list[Schedule]]]:
    """Venues with their schedules, which are read later and so never older than the version."""
    venues = Venue.objects.in_bulk(venue_ids)
    schedules = schedules_of_venues(venue_ids)
    for venue_id in venue_ids:
        if venue := venues.get(venue_id):
            yield venue, schedules[venue_id]


def _publication_of(venue: Venue) -> Publication:
    found, _ = Publication.objects.get_or_create(
        venue=venue, defaults={"organization_id": venue.organization_id}
    )
    return found


def _carried_out(run: Run, venue: Venue, first_date: date, last_date: date) -> Published:
    """What a run has done; where its schedule has changed, it is asked for again."""
    try:
        done = run.over(first_date, last_date)
    except ScheduleChanged:
        done = run.done
        done.is_complete = False
    # Whatever changes from here on finds all that was written, when it is published itself.
    version = Venue.objects.filter(pk=venue.pk).values_list("schedule_version", flat=True).first()
    if version is not None and version != venue.schedule_version:
        log.info("schedule_changed_meanwhile", venue=venue.public_id)
        request_republication(venue_ids=[venue.pk])
    return done


def _request_where_the_length_changed() -> None:
    """Have venues republished whose slots were published by another default length."""
    published = Publication.objects.exclude(published_until=None).filter(requested_at=None)
    published.exclude(default_slot_minutes=_default_slot_minutes()).update(
        requested_at=process_now()
    )


def _default_slot_minutes() -> int:
    return int(settings.SLOT_DURATION / timedelta(minutes=1))


def _due_venue_ids() -> Iterator[UUID]:
    """The venues that have a day within their horizon that is not published yet."""
    moment = process_now()
    venues = Venue.objects.filter(publication__requested_at=None)
    venues = venues.annotate(until=F("publication__published_until")).order_by("pk")
    for venue in venues.iterator(chunk_size=500):
        last_date = venue.local(moment).date() + venue.booking_horizon
        if venue.until is None or venue.until < last_date:
            yield venue.pk


def _roll_venue(venue: Venue, schedules: Sequence[Schedule], deadline: float | None) -> bool:
    """Publish a venue's new days; returns whether there was the time to finish."""
    publication = _publication_of(venue)
    began_at = process_now()
    today = venue.local(began_at).date()
    until = publication.published_until
    if until is None or until < today or publication.conflict_count:
        done = _republish(venue, schedules, deadline)
    else:
        last_date = today + venue.booking_horizon
        run = Run(venue, schedules, deadline=deadline)
        done = _carried_out(run, venue, until + timedelta(days=1), last_date)
        if done.is_complete:
            _note(publication, venue, began_at, last_date, done, is_whole=False)
    if not done.is_complete:
        # Republished, it takes turns with others; here it would be the first again.
        request_republication(venue_ids=[venue.pk])
    return done.is_complete


def _note(
    publication: Publication,
    venue: Venue,
    began_at: datetime,
    last_date: date,
    done: Published,
    *,
    is_whole: bool,
) -> None:
    """Record how far a venue is published, and by which offsets and default length."""
    first = began_at
    if not is_whole and publication.published_until is not None:
        _, first = day_bounds(publication.published_until, venue.zone)
    _, end = day_bounds(last_date, venue.zone)
    offsets = offsets_between(venue.zone, first, end)
    length = publication.default_slot_minutes
    if is_whole:
        length = _default_slot_minutes()
    else:
        offsets = merge_offsets(publication.offsets, offsets, since=began_at)
    Publication.objects.filter(pk=publication.pk).update(
        published_until=last_date,
        timezone=venue.timezone,
        offsets=offsets,
        default_slot_minutes=length,
        conflict_count=done.conflicts,
        updated_at=process_now(),
    )


def _batches(venue_ids: Iterator[UUID], size: int) -> Iterator[list[UUID]]:
    while batch := list(islice(venue_ids, size)):
        yield batch


def _deadline(within: timedelta | None) -> float | None:
    return None if within is None else time.monotonic() + within.total_seconds()

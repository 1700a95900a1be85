"""What an update of the time-zone data would move: published slots keep their instants,
and so are at other local times than the schedule says."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q, Value
from django.db.models.functions import Coalesce

from bookings.models import Booking, Publication, Slot
from bookings.offsets import Offsets, Shift, offsets_between, shifts
from bookings.states import SEATED
from reserve.core.clock import now as process_now
from reserve.core.logging import get_logger
from venues.models import Venue
from venues.schedule import day_bounds

log = get_logger(__name__)

# Unreported moves of one venue; there is about one in a country's decade.
_MAX_KEPT = 20


@dataclass(frozen=True, slots=True)
class MovedSlots:
    """The coming slots of a venue that are not where its schedule has them any more."""

    venue: Venue
    timezone: str
    first_date: date
    """The first day that is concerned."""
    distance: timedelta
    """How much later, in UTC, the same local time is now, on the first day."""
    slot_count: int
    booking_count: int
    is_followed: bool = False
    """Whether the venue has been republished since: what was free is where it belongs again."""


def moved_slots() -> Iterator[MovedSlots]:
    """Venues with coming slots that were published by other offsets than hold now, by name.

    Also those that have been republished since, until `mark_reported` is told of them.
    Slots that staff added are instants of their own and do not count.
    """
    published = Publication.objects.exclude(offsets=[]).exclude(published_until=None)
    for publication in (
        published.select_related("venue").order_by("venue__name", "pk").iterator(chunk_size=500)
    ):
        for kept in publication.unreported_moves:
            yield _kept(publication.venue, kept)
        moved, _ = _compared(publication)
        if moved:
            yield moved


def keep_moves(publication: Publication, venue: Venue) -> None:
    """Keep what an update of the time-zone data moves, for a venue that is about to follow it.

    Once what is free has been moved, the slots alone would tell nobody any more. The
    present offsets are recorded with it, so that it is kept once, and a republication
    is asked for, so that one that ends half-way is done again.
    """
    if publication.published_until is None or publication.timezone != venue.timezone:
        # The venue's own move to another zone was asked for.
        return
    moved, present = _compared(publication)
    if moved is None:
        return
    # Of two who republish at once, one.
    unchanged = Publication.objects.filter(pk=publication.pk, offsets=publication.offsets)
    kept = unchanged.update(
        offsets=present,
        unreported_moves=[*publication.unreported_moves, _to_keep(moved)][-_MAX_KEPT:],
        requested_at=Coalesce("requested_at", Value(process_now())),
    )
    if kept:
        log.warning(
            "timezone_data_moved_slots",
            venue=venue.public_id,
            timezone=moved.timezone,
            first_date=moved.first_date.isoformat(),
            seconds=moved.distance.total_seconds(),
            slots=moved.slot_count,
            bookings=moved.booking_count,
        )


def mark_reported(moved: MovedSlots) -> None:
    """Forget what was kept of a move, which somebody has now been told of."""
    with transaction.atomic():
        publication = Publication.objects.select_for_update(no_key=True).get(venue=moved.venue)
        told = _key(_to_keep(moved))
        publication.unreported_moves = [
            kept for kept in publication.unreported_moves if _key(kept) != told
        ]
        publication.save(update_fields=["unreported_moves"])


def _compared(publication: Publication) -> tuple[MovedSlots | None, Offsets]:
    """The slots that the present offsets have moved, and those offsets."""
    moment = process_now()
    if not publication.offsets:
        return None, []
    zone = ZoneInfo(publication.timezone)
    assert publication.published_until is not None
    _, ends_at = day_bounds(publication.published_until, zone)
    present = offsets_between(zone, moment, max(ends_at, moment + timedelta(seconds=1)))
    found = list(shifts(publication.offsets, present, ends_at))
    return (_moved(publication, zone, found, moment) if found else None), present


def _to_keep(moved: MovedSlots) -> dict[str, Any]:
    return {
        "timezone": moved.timezone,
        "first_date": moved.first_date.isoformat(),
        "seconds": int(moved.distance.total_seconds()),
        "slots": moved.slot_count,
        "bookings": moved.booking_count,
    }


def _key(kept: dict[str, Any]) -> tuple[Any, ...]:
    return kept["timezone"], kept["first_date"], kept["seconds"]


def _kept(venue: Venue, kept: dict[str, Any]) -> MovedSlots:
    return MovedSlots(
        venue=venue,
        timezone=kept["timezone"],
        first_date=date.fromisoformat(kept["first_date"]),
        distance=timedelta(seconds=kept["seconds"]),
        slot_count=kept["slots"],
        booking_count=kept["bookings"],
        is_followed=True,
    )


def _moved(
    publication: Publication, zone: ZoneInfo, found: list[Shift], moment: datetime
) -> MovedSlots | None:
    within = Q()
    for shift in found:
        within |= Q(starts_at__gte=shift.begins_at, starts_at__lt=shift.ends_at)
    slots = Slot.objects.filter(
        within, venue=publication.venue, starts_at__gt=moment, is_added_by_hand=False
    ).exclude(is_closed=True, reserved=0)
    first = slots.order_by("starts_at").first()
    if first is None:
        return None
    bookings = Booking.objects.filter(slot_links__slot__in=slots, status__in=SEATED)
    (shift,) = (shift for shift in found if shift.begins_at <= first.starts_at < shift.ends_at)
    return MovedSlots(
        venue=publication.venue,
        timezone=publication.timezone,
        first_date=first.starts_at.astimezone(zone).date(),
        distance=shift.distance,
        slot_count=slots.count(),
        booking_count=bookings.distinct().count(),
    )

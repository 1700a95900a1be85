"""What an update of the time-zone data would move: published slots keep their instants,
and so are at other local times than the schedule says."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q

from bookings.models import Booking, Publication, Slot
from bookings.offsets import Shift, offsets_between, shifts
from bookings.states import SEATED
from reserve.core.clock import now as process_now
from venues.models import Venue
from venues.schedule import day_bounds


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


def moved_slots() -> Iterator[MovedSlots]:
    """Venues with coming slots that were published by other offsets than hold now, by name.

    Slots that staff added are instants of their own and do not count.
    """
    moment = process_now()
    published = Publication.objects.exclude(offsets=[]).exclude(published_until=None)
    for publication in (
        published.select_related("venue").order_by("venue__name", "pk").iterator(chunk_size=500)
    ):
        zone = ZoneInfo(publication.timezone)
        assert publication.published_until is not None
        _, ends_at = day_bounds(publication.published_until, zone)
        present = offsets_between(zone, moment, max(ends_at, moment + timedelta(seconds=1)))
        found = list(shifts(publication.offsets, present, ends_at))
        if found and (moved := _moved(publication, zone, found, moment)):
            yield moved


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

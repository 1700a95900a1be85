"""A venue's days at a glance, counted by the database."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import ArrayField
from django.db.models import Count, DateTimeField, F, Func, IntegerField, Q, Sum, Value

from accounts.actors import Actor
from bookings.customers import count_open_bookings
from bookings.models import Slot
from bookings.rules import Party, bookable, free_seats, is_limit_reached, taken
from bookings.selectors.availability import check_days, check_party
from reserve.core.clock import now as process_now
from venues.models import Venue
from venues.schedule import day_bounds
from venues.selectors import visible_venue

# A quarter of a year: three pages of a calendar.
MAX_CALENDAR_DAYS = 92


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One day of a venue's calendar, for a party of some size."""

    date: date
    slot_count: int = 0
    """Bookable or not; withdrawn ones are not counted."""
    available_slot_count: int = 0
    remaining_capacity: int = 0
    """Seats that are free on the available slots."""


def availability_calendar(
    *,
    actor: Actor,
    venue_id: UUID,
    first_day: date,
    last_day: date,
    guest_count: int | None = None,
) -> list[CalendarDay]:
    """What each local day of a venue offers a party now, both days included.

    Two statements, however many days and slots, and one more where the venue limits
    the caller. Without `guest_count` the smallest party that the venue takes is meant.

    Raises:
        Invalid: no days, more than MAX_CALENDAR_DAYS, or no party of that size.
    """
    check_days(**{"from": first_day, "to": last_day}, maximum=MAX_CALENDAR_DAYS)
    check_party(guest_count)
    venue = visible_venue(actor=actor, venue_id=venue_id)
    now = process_now()
    days = list(_days(first_day, last_day))
    bounds = _bounds(days, venue.zone)
    fits = bookable(venue=venue, party=Party(guest_count or venue.minimum_party_size), now=now)
    open_bookings = count_open_bookings(actor=actor, venues=[venue], now=now)
    if is_limit_reached(venue, open_bookings.get(venue.pk, 0)):
        fits = Q(pk__in=())
    counted = (
        Slot.objects.filter(venue=venue, starts_at__gte=bounds[0], starts_at__lt=bounds[-1])
        .values(number=_day_number(bounds))
        .annotate(
            slot_count=Count("pk", filter=Q(is_withdrawn=False)),
            available_slot_count=Count("pk", filter=fits),
            remaining_capacity=Sum(free_seats(now), filter=fits, default=0),
        )
        .order_by()
    )
    found = {
        number: CalendarDay(days[number - 1], *counts)
        for number, *counts in counted.values_list(
            "number", "slot_count", "available_slot_count", "remaining_capacity"
        )
    }
    return [found.get(number) or CalendarDay(day) for number, day in enumerate(days, start=1)]


def fully_booked_days(
    *, venue: Venue, days: Sequence[CalendarDay], guest_count: int
) -> frozenset[date]:
    """Those of consecutive days on which others have taken all that a party could have booked.

    Days that are over, that staff have closed, or that cannot be booked yet are none of them.
    """
    now = process_now()
    bounds = _bounds([day.date for day in days], venue.zone)
    numbers = (
        Slot.objects.filter(
            taken(venue=venue, party=Party(guest_count), now=now),
            venue=venue,
            starts_at__gte=bounds[0],
            starts_at__lt=bounds[-1],
        )
        .order_by()
        .values_list(_day_number(bounds), flat=True)
        .distinct()
    )
    found = (days[number - 1] for number in numbers)
    return frozenset(day.date for day in found if not day.available_slot_count)


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def _bounds(days: Sequence[date], zone: ZoneInfo) -> list[datetime]:
    """Where each day begins, and where the last one ends (UTC)."""
    return [*(day_bounds(day, zone)[0] for day in days), day_bounds(days[-1], zone)[1]]


def _day_number(bounds: list[datetime]) -> Func:
    """Of a slot, in which of the days it starts, from 1.

    The days are ours: the database may know another version of the time zones.
    """
    days = Value(bounds, output_field=ArrayField(DateTimeField()))
    return Func(F("starts_at"), days, function="width_bucket", output_field=IntegerField())

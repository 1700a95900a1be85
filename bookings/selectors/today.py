"""What staff want to know first: how full their venues are today, who comes, who waits."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from accounts.actors import Actor
from accounts.selectors import works_at_condition
from bookings.models import Booking, Publication, Slot
from bookings.selectors.seats import lapsed_seats
from bookings.states import BookingStatus
from reserve.core.clock import now as process_now
from venues.models import ConfirmationMode, OpeningHours, SpecialHours, Venue
from venues.schedule import day_bounds

MAX_VENUES_TODAY = 50
# Of arrivals that are late, and how far ahead the next are looked for.
_LATE, _AHEAD = timedelta(hours=1), timedelta(days=1)
# The queue confirms within a second; who waits longer waits for workers.
_STUCK = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Seats in use and seats altogether, of a venue's day; closed slots are no part of it."""

    day: date
    used: int = 0
    capacity: int = 0

    @property
    def percent(self) -> int:
        return round(100 * self.used / self.capacity) if self.capacity else 0


@dataclass(frozen=True, slots=True)
class Today:
    """Of the venues where somebody works, at one moment."""

    now: datetime
    occupancies: Sequence[tuple[Venue, Occupancy]]
    has_more_venues: bool
    arrivals: Sequence[Booking]
    pending: Sequence[Booking]
    """The first that staff have to answer; with venue and guest at hand."""
    has_more_pending: bool
    stuck: int
    """Bookings that the queue should have confirmed; counted to a limit."""
    without_hours: Sequence[Venue]
    in_conflict: Sequence[Publication]
    """With their venues at hand."""


def today_of(*, actor: Actor, first: int = 10) -> Today:
    """Today at the venues where the actor works, of each by its own calendar.

    A constant number of statements, however many venues.

    Args:
        first: how many arrivals, and how many of the pending.
    """
    now = process_now()
    worked_at = _worked_at(actor).order_by("name", "pk")
    venues = list(worked_at[: MAX_VENUES_TODAY + 1])
    shown = venues[:MAX_VENUES_TODAY]
    bookings = Booking.objects.filter(venue__in=shown).select_related("venue", "guest")
    arrivals = bookings.filter(
        status=BookingStatus.CONFIRMED, starts_at__gt=now - _LATE, starts_at__lt=now + _AHEAD
    )
    waiting = bookings.filter(status=BookingStatus.PENDING, starts_at__gt=now)
    pending = list(
        waiting.filter(venue__confirmation_mode=ConfirmationMode.MANUAL).order_by(
            "starts_at", "pk"
        )[: first + 1]
    )
    stuck = waiting.filter(
        venue__confirmation_mode=ConfirmationMode.AUTOMATIC, created_at__lt=now - _STUCK
    )
    return Today(
        now=now,
        occupancies=_occupancies_today(shown, now),
        has_more_venues=len(venues) > MAX_VENUES_TODAY,
        arrivals=list(arrivals.order_by("starts_at", "pk")[:first]),
        pending=pending[:first],
        has_more_pending=len(pending) > first,
        stuck=stuck.order_by()[:1_000].count(),
        without_hours=list(_without_hours(worked_at)[:first]),
        in_conflict=list(
            Publication.objects.filter(venue__in=shown, conflict_count__gt=0)
            .select_related("venue")
            .order_by("-conflict_count")[:first]
        ),
    )


def occupancy_of_days(*, venue: Venue, first_day: date, last_day: date) -> dict[date, Occupancy]:
    """How full a venue is on each of some local days, both included; by two statements.

    The caller may see the venue's bookings.
    """
    begins_at, _ = day_bounds(first_day, venue.zone)
    _, ends_at = day_bounds(last_day, venue.zone)
    now = process_now()
    slots = _open_slots().filter(venue=venue, starts_at__gte=begins_at, starts_at__lt=ends_at)
    sums = slots.annotate(day=TruncDate("starts_at", tzinfo=venue.zone)).values("day")
    found = {
        row["day"]: (row["used"], row["seats"])
        for row in sums.annotate(used=Sum("reserved"), seats=Sum("capacity"))
    }
    freed: defaultdict[date, int] = defaultdict(int)
    for slot, seats in _lapsed(slots, now):
        freed[venue.local(slot.starts_at).date()] += seats
    days = (last_day - first_day).days + 1
    return {
        day: Occupancy(day, found[day][0] - freed[day], found[day][1])
        if day in found
        else Occupancy(day)
        for day in (first_day + timedelta(days=number) for number in range(days))
    }


def _worked_at(actor: Actor) -> QuerySet[Venue]:
    if actor.user_id is None:
        return Venue.objects.none()
    return Venue.objects.filter(works_at_condition(actor.user_id, venue="pk"))


def _open_slots() -> QuerySet[Slot]:
    return Slot.objects.filter(is_closed=False).order_by()


def _occupancies_today(venues: Sequence[Venue], now: datetime) -> list[tuple[Venue, Occupancy]]:
    by_zone: defaultdict[str, list[UUID]] = defaultdict(list)
    days = {venue.pk: venue.local(now).date() for venue in venues}
    zones = {venue.timezone: venue for venue in venues}
    for venue in venues:
        by_zone[venue.timezone].append(venue.pk)
    is_today = Q(pk__in=())
    for name, venue_ids in by_zone.items():
        venue = zones[name]
        begins_at, ends_at = day_bounds(days[venue.pk], venue.zone)
        is_today |= Q(venue__in=venue_ids, starts_at__gte=begins_at, starts_at__lt=ends_at)
    slots = _open_slots().filter(is_today)
    found = {
        row["venue"]: (row["used"], row["seats"])
        for row in slots.values("venue").annotate(used=Sum("reserved"), seats=Sum("capacity"))
    }
    freed: defaultdict[UUID, int] = defaultdict(int)
    for slot, seats in _lapsed(slots, now):
        freed[slot.venue_id] += seats
    return [
        (
            venue,
            Occupancy(days[venue.pk], found[venue.pk][0] - freed[venue.pk], found[venue.pk][1])
            if venue.pk in found
            else Occupancy(days[venue.pk]),
        )
        for venue in venues
    ]


def _lapsed(slots: QuerySet[Slot], now: datetime) -> Iterable[tuple[Slot, int]]:
    """Slots with seats that lapsed holds still have, and how many: few, since they are swept."""
    due = {slot.pk: slot for slot in slots.filter(next_lapse_at__lte=now)}
    return [(due[slot_id], seats) for slot_id, seats in lapsed_seats(due, now).items()]


def _without_hours(venues: QuerySet[Venue]) -> QuerySet[Venue]:
    """Those at which nothing can be booked, as nobody has said when they are open."""
    hours, special = OpeningHours.objects.values("venue"), SpecialHours.objects.values("venue")
    return venues.exclude(pk__in=hours).exclude(pk__in=special)

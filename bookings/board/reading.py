"""What a venue's board shows of a day."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from uuid import UUID

from django.db.models import Q, Sum
from django.db.models.functions import TruncDate

from accounts.actors import Actor
from bookings.board.sentences import sentence_of
from bookings.models import Booking, BookingSlot, Slot
from bookings.selectors import free_lapsed_seats
from bookings.selectors.availability import check_days
from bookings.states import SEATED, BookingStatus
from reserve.core.clock import now as process_now
from reserve.core.errors import NotFound
from reserve.outbox.models import Event
from venues.models import Resource, Venue
from venues.schedule import day_bounds
from venues.selectors import require_works_at, visible_venue

_FEED_LENGTH = 20
_WEEK = 7
# Of arrivals that are late, and of those that are next.
_LATE = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Load:
    """Seats in use and seats altogether, of a day or a part of it."""

    label: datetime | date
    used: int
    capacity: int

    @property
    def percent(self) -> int:
        return round(100 * self.used / self.capacity) if self.capacity else 0


@dataclass(frozen=True, slots=True)
class Happening:
    """An event of a booking, as the feed tells it."""

    id: UUID
    name: str
    recorded_at: datetime
    booking: Booking

    @property
    def kind(self) -> str:
        """The event's name without what it is about, for the style: `confirmed`."""
        return self.name.partition(".")[2]

    @property
    def sentence(self) -> str:
        return sentence_of(self.name, self.booking)


@dataclass(frozen=True)
class Board:
    """A day of a venue: slots by resource, bookings, and what happened to them."""

    venue: Venue
    day: date
    now: datetime
    resources: Sequence[Resource]
    slots: Sequence[Slot]
    """Those of the day in order of their start; lapsed holds are free."""
    bookings: Sequence[Booking]
    """Those that start on the day, in order, with guest and `slots_at_hand`."""
    week: Sequence[Load]
    feed: Sequence[Happening]

    @cached_property
    def seated_on(self) -> dict[UUID, list[Booking]]:
        """By slot: the bookings that use seats on it."""
        found: defaultdict[UUID, list[Booking]] = defaultdict(list)
        for booking in self.bookings:
            if booking.status_at(self.now) in SEATED:
                for slot in booking.slots_at_hand or ():
                    found[slot.pk].append(booking)
        return found

    def held_seats(self, slot: Slot) -> int:
        return sum(
            booking.seats
            for booking in self.seated_on.get(slot.pk, ())
            if booking.status == BookingStatus.HELD
        )

    def in_status(self, *statuses: BookingStatus) -> list[Booking]:
        return [one for one in self.bookings if one.status_at(self.now) in statuses]

    @cached_property
    def arrivals(self) -> list[Booking]:
        """Who is expected: not long overdue, and not there yet."""
        expected = self.in_status(BookingStatus.CONFIRMED)
        return [one for one in expected if one.starts_at > self.now - _LATE]

    @cached_property
    def load(self) -> Load:
        opened = [slot for slot in self.slots if not slot.is_closed]
        return Load(
            self.day,
            sum(slot.reserved for slot in opened),
            sum(slot.capacity for slot in opened),
        )

    @cached_property
    def loads_by_start(self) -> list[Load]:
        """How full the venue is at each time at which a slot starts."""
        used: defaultdict[datetime, int] = defaultdict(int)
        capacity: defaultdict[datetime, int] = defaultdict(int)
        for slot in self.slots:
            if not slot.is_closed:
                used[slot.starts_at] += slot.reserved
                capacity[slot.starts_at] += slot.capacity
        return [
            Load(self.venue.local(start), used[start], capacity[start]) for start in sorted(used)
        ]


def board_venue(*, actor: Actor, venue_id: UUID) -> Venue:
    """A venue whose board the actor may see.

    Raises:
        NotFound: it is not theirs to see.
        Forbidden: they see it, but do not work there.
    """
    venue = visible_venue(actor=actor, venue_id=venue_id)
    require_works_at(actor=actor, venue=venue)
    return venue


def board_of(*, actor: Actor, venue_id: UUID, day: date | None = None) -> Board:
    """The board of a day of the venue's calendar; today's without one.

    A constant number of statements. Raises as `board_venue`, and Invalid for a day out
    of reach.
    """
    venue = board_venue(actor=actor, venue_id=venue_id)
    now = process_now()
    day = day or venue.local(now).date()
    check_days(date=day)
    begins_at, ends_at = day_bounds(day, venue.zone)
    resources = list(venue.resources.order_by("position", "name"))
    by_id = {resource.pk: resource for resource in resources}
    slots = list(
        Slot.objects.filter(venue=venue, starts_at__gte=begins_at, starts_at__lt=ends_at)
        .exclude(is_withdrawn=True, reserved=0)
        .order_by("starts_at", "resource__position", "pk")
    )
    for slot in slots:
        slot.venue, slot.resource = venue, by_id[slot.resource_id]
    free_lapsed_seats(slots, now)
    bookings = _bookings_between(venue, begins_at, ends_at)
    _bring_slots(bookings, slots)
    for booking in bookings:
        booking.resource = by_id[booking.resource_id]
    return Board(
        venue=venue,
        day=day,
        now=now,
        resources=resources,
        slots=slots,
        bookings=bookings,
        week=_week_of(venue, day),
        feed=_feed_of(venue, bookings),
    )


def slot_on_board(*, actor: Actor, venue_id: UUID, slot_id: UUID) -> tuple[Board, Slot]:
    """A slot with the board of its day. Raises as `board_of`; NotFound for another venue's slot."""
    venue = board_venue(actor=actor, venue_id=venue_id)
    slot = Slot.objects.filter(venue=venue, pk=slot_id).first()
    if slot is None:
        raise NotFound
    board = board_of(actor=actor, venue_id=venue_id, day=venue.local(slot.starts_at).date())
    for known in board.slots:
        if known.pk == slot.pk:
            return board, known
    raise NotFound


def booking_on_board(*, venue: Venue, booking_id: UUID) -> Booking | None:
    """A booking of the venue as its board shows it; None where there is none.

    The caller may see the venue's board.
    """
    booking = (
        Booking.objects.filter(venue=venue, pk=booking_id)
        .select_related("guest", "resource")
        .first()
    )
    if booking is not None:
        booking.venue = venue
        booking.slots_at_hand = list(
            Slot.objects.filter(booking_links__booking=booking).order_by("starts_at")
        )
    return booking


def _bookings_between(venue: Venue, begins_at: datetime, ends_at: datetime) -> list[Booking]:
    found = list(
        Booking.objects.filter(venue=venue, starts_at__gte=begins_at, starts_at__lt=ends_at)
        .select_related("guest")
        .order_by("starts_at", "pk")
    )
    for booking in found:
        booking.venue = venue
    return found


def _bring_slots(bookings: Sequence[Booking], slots: Sequence[Slot]) -> None:
    by_id = {slot.pk: slot for slot in slots}
    slots_of: defaultdict[UUID, list[Slot]] = defaultdict(list)
    links = BookingSlot.objects.filter(booking__in=[booking.pk for booking in bookings])
    for booking_id, slot_id in links.values_list("booking_id", "slot_id"):
        # One after midnight is on the next day's board.
        if slot_id in by_id:
            slots_of[booking_id].append(by_id[slot_id])
    for booking in bookings:
        found = slots_of[booking.pk]
        booking.slots_at_hand = sorted(found, key=lambda slot: slot.starts_at)


def _week_of(venue: Venue, day: date) -> list[Load]:
    monday = day - timedelta(days=day.weekday())
    days = [monday + timedelta(days=number) for number in range(_WEEK)]
    begins_at, _ = day_bounds(days[0], venue.zone)
    _, ends_at = day_bounds(days[-1], venue.zone)
    sums = (
        Slot.objects.filter(
            Q(is_closed=False), venue=venue, starts_at__gte=begins_at, starts_at__lt=ends_at
        )
        .annotate(day=TruncDate("starts_at", tzinfo=venue.zone))
        .values("day")
        .order_by("day")
        .annotate(used=Sum("reserved"), seats=Sum("capacity"))
    )
    found = {row["day"]: row for row in sums}
    return [
        Load(each, found[each]["used"], found[each]["seats"]) if each in found else Load(each, 0, 0)
        for each in days
    ]


def _feed_of(venue: Venue, bookings: Sequence[Booking]) -> list[Happening]:
    """The latest events of these bookings, the newest first."""
    by_id = {booking.pk: booking for booking in bookings}
    events = Event.objects.filter(
        organization_id=venue.organization_id, subject_id__in=by_id
    ).order_by("-pk")[:_FEED_LENGTH]
    return [
        Happening(event.pk, event.name, event.recorded_at, by_id[event.subject_id])
        for event in events
    ]

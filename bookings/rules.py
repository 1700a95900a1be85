"""The rules of a venue, in one place: they decide under the lock and explain availability."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    Case,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact, GreaterThanOrEqual

from bookings.errors import (
    BookingLimitReached,
    OutsideBookingWindow,
    OutsideCancellationWindow,
    PartySizeNotAllowed,
    SlotClosed,
    SlotInPast,
    SlotUnavailable,
)
from bookings.models import Booking, BookingSlot, Slot
from bookings.states import BookingStatus
from reserve.core.errors import DomainError
from venues.models import BookingMode, Resource, Venue
from venues.schedule import day_bounds

MAX_SLOT_COUNT = 48
MAX_GUEST_COUNT = 100_000


@dataclass(frozen=True, slots=True)
class Party:
    """Who wants the seats: how many they are, and whether staff ask for them."""

    size: int
    by_staff: bool = False
    open_bookings: int = 0
    """Holds and coming bookings that their customer has at the venue, where it limits them."""


def seats_taken(resource: Resource, slot: Slot, party_size: int) -> int:
    """Seats that a party uses on a slot: its own, or on an exclusive resource all of them."""
    return slot.capacity if resource.is_exclusive else party_size


def refusal(
    *, venue: Venue, resource: Resource, slots: Sequence[Slot], party: Party, now: datetime
) -> DomainError | None:
    """Why this party cannot book these slots now, or None where it can.

    `slots` are consecutive and taken whole or not at all.
    """
    first = slots[0]
    over = first.ends_at <= now if party.by_staff else first.starts_at <= now
    if over:
        return SlotInPast()
    if any(slot.is_closed for slot in slots):
        return SlotClosed()
    if not party.by_staff and not is_in_booking_window(venue, first.starts_at, now):
        return OutsideBookingWindow()
    if not is_party_size_allowed(venue, resource, slots, party):
        return PartySizeNotAllowed()
    for slot in slots:
        if slot.remaining < seats_taken(resource, slot, party.size):
            return SlotUnavailable(remaining_capacity=slot.remaining)
    is_limited = not party.by_staff and is_limit_reached(venue, party.open_bookings)
    return BookingLimitReached() if is_limited else None


def refusal_to_give_up(booking: Booking, now: datetime) -> DomainError | None:
    """Why its customer cannot cancel or move a booking now, or None where they can.

    A hold is given back at any time: nobody counts on it yet, and it would lapse anyway.
    """
    is_late = booking.starts_at - now < booking.venue.cancellation_cutoff
    if booking.status != BookingStatus.HELD and is_late:
        return OutsideCancellationWindow()
    return None


def why_unavailable(slot: Slot, now: datetime) -> DomainError | None:
    """Why even the smallest party of whoever reads a slot cannot book it, as the desk says it."""
    venue = slot.venue
    return refusal(
        venue=venue,
        resource=slot.resource,
        slots=[slot],
        party=Party(venue.minimum_party_size, open_bookings=slot.open_bookings_of_reader),
        now=now,
    )


def is_limit_reached(venue: Venue, open_bookings: int) -> bool:
    """Whether somebody with so many open bookings at a venue may not add one."""
    limit = venue.open_bookings_per_customer
    return limit is not None and open_bookings >= limit


def is_in_booking_window(venue: Venue, starts_at: datetime, now: datetime) -> bool:
    """Whether a start is neither too near nor too far."""
    return starts_at - now >= venue.minimum_notice and is_within_horizon(venue, starts_at, now)


def is_within_horizon(venue: Venue, starts_at: datetime, now: datetime) -> bool:
    """Whether a start is not too far ahead; the horizon counts the venue's days."""
    # Calendars are slow and most starts are near: whatever clocks do, it is within two days.
    if starts_at - now <= venue.booking_horizon - timedelta(days=2):
        return True
    return starts_at.astimezone(venue.zone).date() <= _last_date(venue, now)


def _last_date(venue: Venue, now: datetime) -> date:
    return now.astimezone(venue.zone).date() + venue.booking_horizon


def is_party_size_allowed(
    venue: Venue, resource: Resource, slots: Sequence[Slot], party: Party
) -> bool:
    if resource.is_exclusive and any(party.size > slot.capacity for slot in slots):
        return False
    return _is_within_limits(venue, party)


def _is_within_limits(venue: Venue, party: Party) -> bool:
    if party.by_staff:
        return True
    maximum = venue.maximum_party_size
    return party.size >= venue.minimum_party_size and (maximum is None or party.size <= maximum)


Offers = Callable[[datetime, int, int, bool], bool]
"""Whether an open slot suits a party: by its start, capacity, free seats, and exclusiveness."""


def offers(*, venue: Venue, party: Party, now: datetime) -> Offers:
    """The rules as one question to ask of many open slots of a venue, each one slot long.

    It says yes where `refusal` finds nothing against a customer's party.
    """
    if not _is_within_limits(venue, party):
        return lambda *_: False
    earliest = now + venue.minimum_notice
    _, until = day_bounds(_last_date(venue, now), venue.zone)

    def can_book(starts_at: datetime, capacity: int, remaining: int, is_exclusive: bool) -> bool:
        return (
            now < starts_at
            and earliest <= starts_at < until
            and party.size <= capacity
            and remaining >= (capacity if is_exclusive else party.size)
        )

    return can_book


# --- The same rules as conditions on rows -------------------------------------------------
#
# Where thousands of slots are asked about, PostgreSQL decides. tests/bookings holds these
# conditions and `refusal` against each other.


def bookable(*, venue: Venue, party: Party, now: datetime) -> Q:
    """The condition on slots of a venue under which `refusal` finds nothing against one of them."""
    if not _is_within_limits(venue, party):
        return Q(pk__in=())
    if party.by_staff:
        return Q(ends_at__gt=now) & has_room(party=party, now=now)
    return _in_window(venue, now) & has_room(party=party, now=now)


def taken(*, venue: Venue, party: Party, now: datetime) -> Q:
    """The condition on slots of a venue that a customer's party could book, had others not."""
    if not _is_within_limits(venue, party):
        return Q(pk__in=())
    large_enough = Q(is_closed=False, capacity__gte=party.size)
    return _in_window(venue, now) & large_enough & ~has_room(party=party, now=now)


def _in_window(venue: Venue, now: datetime) -> Q:
    """The condition on slots of a venue that start neither too soon nor too late for a customer."""
    earliest = now + venue.minimum_notice
    _, until = day_bounds(_last_date(venue, now), venue.zone)
    return Q(starts_at__gt=now, starts_at__gte=earliest, starts_at__lt=until)


def has_room(*, party: Party, now: datetime) -> Q:
    """The condition on slots that are open and have the seats for a party, whenever they are."""
    is_exclusive = Q(resource__booking_mode=BookingMode.EXCLUSIVE)
    wanted = Case(When(is_exclusive, then=F("capacity")), default=Value(party.size))
    return Q(GreaterThanOrEqual(free_seats(now), wanted), is_closed=False, capacity__gte=party.size)


def begins_a_run(*, length: int, party: Party, now: datetime) -> Q:
    """The condition on slots from which so many consecutive ones have room for a party.

    `length` is 2 or more. Open slots of a resource do not overlap, so that those of a run
    are the next ones with room, each of which starts where the one before ends.
    """
    run = Slot.objects.filter(
        has_room(party=party, now=now),
        resource=OuterRef("resource"),
        capacity=OuterRef("capacity"),
        starts_at__gte=OuterRef("starts_at"),
    ).order_by("starts_at")
    starts = _part_of_array(run.values("starts_at")[:length], 2, length)
    ends = _part_of_array(run.values("ends_at")[:length], 1, length - 1)
    return Q(Exact(starts, ends))


def free_seats(now: datetime) -> Combinable:
    """The seats of a slot that nobody uses, as a number of its row: lapsed holds use none."""
    lapsed = (
        BookingSlot.objects.filter(
            slot=OuterRef("pk"),
            booking__status=BookingStatus.HELD,
            booking__hold_expires_at__lte=now,
        )
        .order_by()
        .values("slot")
        .annotate(total=Sum("booking__seats"))
        .values("total")
    )
    # Only where something is due are bookings looked at.
    returned = Case(
        When(next_lapse_at__lte=now, then=Coalesce(Subquery(lapsed), Value(0))),
        default=Value(0),
        output_field=IntegerField(),
    )
    return F("capacity") - F("reserved") + returned


def _part_of_array(rows: QuerySet[Slot, Any], first: int, last: int) -> Func:
    return Func(ArraySubquery(rows), template=f"(%(expressions)s)[{first}:{last}]")

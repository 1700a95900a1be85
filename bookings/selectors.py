"""Reading slots and bookings. What is out of the actor's reach is NotFound."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet, Sum

from accounts.actors import Actor
from accounts.selectors import works_for
from bookings.manage_tokens import hash_of
from bookings.models import Booking, BookingSlot, Guest, Slot
from bookings.rules import Party, refusal
from bookings.states import BookingStatus
from reserve.core.clock import now as process_now
from reserve.core.errors import Invalid, NotFound
from venues.schedule import day_bounds
from venues.selectors import visible_venue

# Days of one answer: a month's calendar and some.
MAX_DAYS = 42


def available_slots(
    *,
    actor: Actor,
    venue_id: UUID,
    day: date,
    guest_count: int | None = None,
    slot_count: int = 1,
    resource_id: UUID | None = None,
) -> list[Slot]:
    """The slots of a venue's local day from which a party may book now, in order of their start.

    Without `guest_count` the smallest party that the venue takes is meant.
    """
    venue = visible_venue(actor=actor, venue_id=venue_id)
    now = process_now()
    begins_at, ends_at = day_bounds(day, venue.zone)
    # Consecutive slots may run on past midnight.
    reach = ends_at if slot_count == 1 else ends_at + timedelta(days=1)
    slots = Slot.objects.filter(venue=venue, starts_at__gte=begins_at, starts_at__lt=reach)
    if resource_id is not None:
        slots = slots.filter(resource_id=resource_id)
    found = list(slots.select_related("resource").order_by("starts_at", "resource__position"))
    for slot in found:
        slot.venue = venue
    free_lapsed_seats(found, now)
    party = Party(guest_count or venue.minimum_party_size)
    return [
        slots[0]
        for slots in _runs(found, slot_count)
        if slots[0].starts_at < ends_at
        and not refusal(venue=venue, resource=slots[0].resource, slots=slots, party=party, now=now)
    ]


def slots_between(*, actor: Actor, venue_id: UUID, first_day: date, last_day: date) -> list[Slot]:
    """Every slot of some local days of a venue, both included, bookable or not.

    Raises:
        Invalid: no days, or more than MAX_DAYS.
    """
    venue = visible_venue(actor=actor, venue_id=venue_id)
    days = (last_day - first_day).days + 1
    if not 1 <= days <= MAX_DAYS:
        raise Invalid.field("to", f"This must be up to {MAX_DAYS - 1} days after the first.")
    begins_at, _ = day_bounds(first_day, venue.zone)
    _, ends_at = day_bounds(last_day, venue.zone)
    slots = Slot.objects.filter(venue=venue, starts_at__gte=begins_at, starts_at__lt=ends_at)
    found = list(slots.select_related("resource").order_by("starts_at", "resource__position"))
    for slot in found:
        slot.venue = venue
    free_lapsed_seats(found, process_now())
    return found


def _runs(slots: Sequence[Slot], length: int) -> Iterator[list[Slot]]:
    """From each slot the run of that many consecutive slots of its resource, where there is one."""
    by_start = {(slot.resource_id, slot.starts_at): slot for slot in slots}
    for first in slots:
        run = [first]
        while len(run) < length:
            following = by_start.get((first.resource_id, run[-1].ends_at))
            if following is None or following.capacity != first.capacity:
                break
            run.append(following)
        else:
            yield run


def free_lapsed_seats(slots: Sequence[Slot], now: datetime) -> None:
    """Count the seats of lapsed holds as free, in memory, as the desk will."""
    due = {
        slot.pk: slot
        for slot in slots
        if slot.next_lapse_at is not None and slot.next_lapse_at <= now
    }
    if not due:
        return
    lapsed = (
        Booking.objects.filter(
            status=BookingStatus.HELD, hold_expires_at__lte=now, slot_links__slot_id__in=due
        )
        .values_list("slot_links__slot_id")
        .annotate(seats=Sum("seats"))
    )
    for slot_id, seats in lapsed:
        due[slot_id].reserved -= seats


def consecutive_slot_ids(*, slot_id: UUID, count: int) -> list[UUID]:
    """A slot and those that follow it on its resource, read without a lock."""
    first = Slot.objects.filter(pk=slot_id).values("resource_id", "starts_at").first()
    if first is None:
        return [slot_id]
    following = Slot.objects.filter(
        resource_id=first["resource_id"], starts_at__gt=first["starts_at"], is_withdrawn=False
    )
    ids = following.order_by("starts_at").values_list("pk", flat=True)
    return [slot_id, *ids[: count - 1]]


def slot_count_of(*, booking_id: UUID) -> int:
    """How many slots a booking has, read without a lock; 1 where there is no such booking."""
    return BookingSlot.objects.filter(booking_id=booking_id).count() or 1


def guests_by_id(ids: Sequence[UUID]) -> dict[UUID, Guest]:
    return Guest.objects.in_bulk(ids)


def bookings_visible_to(actor: Actor) -> QuerySet[Booking]:
    """The actor's own bookings and those of the organizations they work for."""
    if actor.is_system:
        return Booking.objects.all()
    reach = Q(pk__in=())
    if actor.manage_token is not None:
        reach |= Q(manage_token_hash=hash_of(actor.manage_token))
    if actor.user_id is not None:
        reach |= Q(customer_id=actor.user_id) | Q(works_for(actor.user_id))
    return Booking.objects.filter(reach)


def visible_booking(*, actor: Actor, booking_id: UUID) -> Booking:
    """Raises NotFound where the booking is not the actor's to see."""
    bookings = bookings_visible_to(actor).select_related("venue", "resource", "guest")
    booking = bookings.filter(pk=booking_id).first()
    if booking is None:
        raise NotFound
    return booking


def lapsed_hold_ids(*, limit: int) -> list[UUID]:
    """Holds whose time is over and that nobody has expired yet, oldest first."""
    lapsed = Booking.objects.filter(status=BookingStatus.HELD, hold_expires_at__lte=process_now())
    return list(lapsed.order_by("hold_expires_at").values_list("pk", flat=True)[:limit])


def unanswered_booking_ids(*, limit: int) -> list[UUID]:
    """Pending bookings whose slot has started."""
    unanswered = Booking.objects.filter(status=BookingStatus.PENDING, starts_at__lte=process_now())
    return list(unanswered.order_by("starts_at").values_list("pk", flat=True)[:limit])


def bookings_by_id(ids: Sequence[UUID]) -> dict[UUID, Booking]:
    return Booking.objects.in_bulk(ids)


def slots_of_bookings(ids: Sequence[UUID]) -> dict[UUID, list[Slot]]:
    """The slots of each booking, in order of their start."""
    slots: dict[UUID, list[Slot]] = {booking_id: [] for booking_id in ids}
    links = BookingSlot.objects.filter(booking_id__in=ids).select_related(
        "slot__resource", "slot__venue"
    )
    for link in links.order_by("slot__starts_at"):
        slots[link.booking_id].append(link.slot)
    free_lapsed_seats([slot for found in slots.values() for slot in found], process_now())
    return slots

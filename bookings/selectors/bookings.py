"""Reading bookings. What is out of the actor's reach is NotFound."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.actors import Actor
from accounts.selectors import works_for
from bookings.manage_tokens import hash_of
from bookings.models import Booking, BookingSlot, Guest, Slot
from bookings.selectors.seats import free_lapsed_seats
from bookings.states import BookingStatus
from reserve.core.clock import now as process_now
from reserve.core.errors import NotFound


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

"""Guests who stand at the door."""

from datetime import timedelta
from uuid import UUID

from accounts.actors import Actor
from bookings.errors import InvalidState
from bookings.guests import GuestDetails
from bookings.models import Booking
from bookings.requests.create import SeatsWanted
from bookings.services.bookings import apply_transition, create_booking
from bookings.states import APPROVE, CHECK_IN, Transition
from reserve.core.clock import now

# Whoever comes for a slot that begins later than this waits elsewhere.
_AT_THE_DOOR = timedelta(minutes=30)


def seat_walk_in(
    *, actor: Actor, venue_id: UUID, slot_id: UUID, guest_count: int, guest: GuestDetails
) -> Booking:
    """Book for a guest at the door, confirmed at once; checked in where the slot is about to begin.

    Each step is a transaction: a booking whose confirmation or check-in fails is kept as
    it then is, and staff see it on their board. Refuses as `create_booking` does.
    """
    seats = SeatsWanted(venue_id, slot_id, guest_count, guest=guest)
    booking = create_booking(actor=actor, seats=seats)
    booking = _moved(actor, booking, APPROVE)
    if booking.starts_at - now() <= _AT_THE_DOOR:
        booking = _moved(actor, booking, CHECK_IN)
    return booking


def _moved(actor: Actor, booking: Booking, transition: Transition) -> Booking:
    try:
        return apply_transition(actor=actor, booking_id=booking.pk, transition=transition)
    except InvalidState:
        # The queue, or a colleague, was quicker.
        booking.refresh_from_db(fields=["status"])
        return booking

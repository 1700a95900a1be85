"""What is recorded of slots and bookings. Payloads carry ids, facts and versions."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from accounts.actors import Actor
from accounts.models import User
from bookings.models import Booking, Slot
from reserve.core.context import request_id
from reserve.outbox.models import Event
from venues.models import Venue


@dataclass(frozen=True, slots=True)
class SeatChange:
    """One change of the seats in use on a slot, and what the slot was after it."""

    slot_id: UUID
    version: int
    seats: int
    reserved: int
    capacity: int


def booking_event(
    name: str,
    booking: Booking,
    changes: Sequence[SeatChange],
    *,
    actor: Actor,
    reason: str = "",
) -> Event:
    """The event of a booking's latest change; its version counts its events."""
    return Event(
        organization_id=booking.organization_id,
        name=name,
        subject_id=booking.pk,
        sequence=booking.version,
        request_id=request_id(),
        payload={
            "booking": booking.public_id,
            "venue": Venue.format_id(booking.venue_id),
            "status": booking.status,
            "guest_count": booking.guest_count,
            "reason": reason,
            "actor": User.format_id(actor.user_id) if actor.user_id else actor.kind.value,
            "slots": [
                {
                    "slot": Slot.format_id(change.slot_id),
                    "version": change.version,
                    "seats": change.seats,
                    "reserved": change.reserved,
                    "capacity": change.capacity,
                }
                for change in changes
            ],
        },
    )

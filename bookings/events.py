"""What is recorded of slots and bookings. Payloads carry ids, facts and versions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from accounts.actors import Actor
from accounts.models import User
from bookings.models import Booking, Slot
from reserve.core.context import request_id
from reserve.core.ids import new_id

EventRow = dict[str, Any]
"""A row of the event log as `bookings.store` writes it."""


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
) -> EventRow:
    """The event of a booking's latest change; its version counts its events."""
    payload = {
        "booking": booking.public_id,
        "venue": booking.venue.public_id,
        "status": booking.status,
        "resource": booking.resource.public_id,
        "guest_count": booking.guest_count,
        "seats": booking.seats,
        # Whoever is told later is told of the times as they were.
        "starts_at": booking.starts_at.isoformat(),
        "ends_at": booking.ends_at.isoformat(),
        "reason": reason,
        "actor": _name_of(actor),
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
    }
    return _row(name, booking.organization_id, booking.pk, booking.version, payload)


def slot_event(slot: Slot, *, actor: Actor, reason: str = "") -> EventRow:
    """The event of a change of a slot's capacity or closure."""
    payload = {
        "slot": slot.public_id,
        "venue": slot.venue.public_id,
        "version": slot.version,
        "reserved": slot.reserved,
        "capacity": slot.capacity,
        "is_closed": slot.is_closed,
        "is_withdrawn": slot.is_withdrawn,
        "reason": reason,
        "actor": _name_of(actor),
    }
    return _row("slot.changed", slot.organization_id, slot.pk, slot.version, payload)


def _row(
    name: str, organization_id: UUID, subject_id: UUID, sequence: int, payload: dict[str, Any]
) -> EventRow:
    return {
        "id": new_id(),
        "organization_id": organization_id,
        "name": name,
        "subject_id": subject_id,
        "sequence": sequence,
        "payload": payload,
        "request_id": request_id(),
    }


def _name_of(actor: Actor) -> str:
    return User.format_id(actor.user_id) if actor.user_id else actor.kind.value

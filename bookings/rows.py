"""What a ledger writes, as rows of the desk's second statement (`bookings.store`)."""

from dataclasses import dataclass, field
from typing import Any

from bookings.models import Booking, IdempotencyKey, Slot

Row = dict[str, Any]


@dataclass(slots=True)
class SlotChanges:
    """What a batch adds up for one slot."""

    seats: int = 0
    changes: int = 0
    columns: dict[str, int | bool] = field(default_factory=dict)
    """Other columns than seats, with their last values."""


def slot_row(slot: Slot, changes: SlotChanges) -> Row:
    return {
        "id": slot.pk,
        "seats": changes.seats,
        "changes": changes.changes,
        "next_lapse_at": slot.next_lapse_at,
        **changes.columns,
    }


def created_row(booking: Booking) -> Row:
    token_hash = booking.manage_token_hash
    return {
        "id": booking.pk,
        "organization_id": booking.organization_id,
        "venue_id": booking.venue_id,
        "resource_id": booking.resource_id,
        "hold_expires_at": booking.hold_expires_at,
        "confirmation_code": booking.confirmation_code,
        "manage_token_hash": bytes(token_hash).hex() if token_hash else None,
        "created_at": booking.created_at,
        **changed_row(booking),
    }


def changed_row(booking: Booking) -> Row:
    return {
        "id": booking.pk,
        "customer_id": booking.customer_id,
        "guest_id": booking.guest_id,
        "status": booking.status,
        "version": booking.version,
        "cancelled_at": booking.cancelled_at,
        "guest_count": booking.guest_count,
        "seats": booking.seats,
        "notes": booking.notes,
        "resource_id": booking.resource_id,
        "starts_at": booking.starts_at,
        "ends_at": booking.ends_at,
    }


def key_row(key: IdempotencyKey) -> Row:
    return {
        "id": key.pk,
        "caller": key.caller,
        "key": key.key,
        "fingerprint": key.fingerprint.hex(),
        "booking_id": key.booking_id,
        "created_at": key.created_at,
    }

"""What operations on bookings have in common: headers, refusals, and who asks."""

from typing import Any

from rest_framework.request import Request

from accounts.actors import Actor
from accounts.api.authentication import actor_of
from bookings.errors import (
    BookingLimitReached,
    HoldExpired,
    IdempotencyInProgress,
    IdempotencyMismatch,
    InvalidState,
    OutsideBookingWindow,
    PartySizeNotAllowed,
    SlotBusy,
    SlotClosed,
    SlotInPast,
    SlotUnavailable,
)
from bookings.idempotency import MAX_KEY
from reserve.core.errors import Forbidden, NotFound
from reserve.core.idempotency import IDEMPOTENCY_HEADER

# The secret of a booking made without an account; never in the address, which logs keep.
MANAGE_TOKEN_HEADER = "Manage-Token"  # noqa: S105 (its name, not a secret)

MANAGE: dict[str, tuple[str, dict[str, Any]]] = {
    MANAGE_TOKEN_HEADER: (
        "The secret of a booking that was made without an account, in place of a token.",
        {},
    )
}
IDEMPOTENT = {
    IDEMPOTENCY_HEADER: (
        "Names this call: sent again within 24 hours, it is answered with the same booking.",
        {"minLength": 1, "maxLength": MAX_KEY},
    )
}
EXAMPLE_SEATS = {
    "venue_id": "venue_01HQ3K5W6X7Y8Z9A0B1C2D3E4F",
    "slot_id": "slot_01HQ3K5W6X7Y8Z9A0B1C2D3E4F",
    "guest_count": 4,
    "notes": "Window seat preferred",
}
TAKEN = (
    NotFound,
    Forbidden,
    SlotUnavailable,
    SlotClosed,
    SlotInPast,
    OutsideBookingWindow,
    PartySizeNotAllowed,
    BookingLimitReached,
    SlotBusy,
)
TAKING = (*TAKEN, IdempotencyMismatch, IdempotencyInProgress)
MOVED = (Forbidden, InvalidState, HoldExpired, SlotBusy)


def holder(request: Request) -> Actor:
    """Whoever asks, with the secret of the booking where they hold it."""
    return actor_of(request).with_manage_token(request.headers.get(MANAGE_TOKEN_HEADER))

"""The secret of a booking that was made without an account.

It is derived from the booking's id, so that a repeated call can be answered
with it again, and stored as its hash only, so that the database tells nobody.
"""

import hashlib
from uuid import UUID

from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.actors import Actor
from bookings.models import Booking

_SALT = "bookings.manage_tokens"


def manage_token_of(booking_id: UUID) -> str:
    return salted_hmac(_SALT, booking_id.hex, algorithm="sha256").hexdigest()


def hash_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def is_owner(actor: Actor, booking: Booking) -> bool:
    """Whether the booking is the actor's own: by their account, or by its secret."""
    if actor.user_id is not None and actor.user_id == booking.customer_id:
        return True
    if actor.manage_token is None or booking.manage_token_hash is None:
        return False
    return constant_time_compare(hash_of(actor.manage_token), bytes(booking.manage_token_hash))

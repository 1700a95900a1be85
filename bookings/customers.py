"""How much one customer may have open at a venue, against hoarding."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Q

from accounts.actors import Actor
from bookings.guests import GuestDetails
from bookings.models import Booking
from bookings.states import BookingStatus


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody at a venue: an account, or a person known by e-mail address or phone."""

    venue_id: UUID
    account_id: UUID | None = None
    contact: str = ""

    @classmethod
    def at(cls, venue_id: UUID, actor: Actor, guest: GuestDetails | None) -> "Customer":
        if actor.user_id is not None:
            return cls(venue_id, account_id=actor.user_id)
        return cls(venue_id, contact=guest.contact if guest else "")

    @property
    def lock_key(self) -> int:
        """A 64-bit number for PostgreSQL's advisory locks."""
        text = f"{self.venue_id}{self.account_id}{self.contact}"
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        return int.from_bytes(digest, signed=True)

    @property
    def bookings(self) -> Q:
        if self.account_id is not None:
            return Q(venue_id=self.venue_id, customer_id=self.account_id)
        is_theirs = Q(guest__email=self.contact) | Q(guest__phone=self.contact)
        return Q(venue_id=self.venue_id, customer=None) & is_theirs


def count_open_bookings(customers: Collection[Customer], now: datetime) -> dict[Customer, int]:
    """Holds and coming bookings of each, while nobody else can add one.

    Two bookings of one customer on two slots lock different rows, so the
    customer is locked too: until the commit, after the slots, and in order.
    """
    with connection.cursor() as cursor:
        keys = sorted(customer.lock_key for customer in customers)
        cursor.execute("SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) key", [keys])
    is_open = Q(status=BookingStatus.HELD, hold_expires_at__gt=now) | Q(
        status__in=(BookingStatus.PENDING, BookingStatus.CONFIRMED), ends_at__gt=now
    )
    return {
        customer: Booking.objects.filter(is_open, customer.bookings).count()
        for customer in customers
    }

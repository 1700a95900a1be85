"""How much one customer may have open at a venue, against hoarding."""

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q

from accounts.actors import Actor
from bookings.guests import GuestDetails
from bookings.models import Booking, phone_number_of
from bookings.states import BookingStatus
from venues.models import Venue

Account = tuple[UUID, UUID]
"""Somebody's account, and a venue where they book."""

_NO_DIGIT = re.compile(r"[^0-9]")


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody at a venue: an account, or a person known by e-mail address and phone.

    Of people without an account two are the same where they share either.
    """

    organization_id: UUID
    venue_id: UUID
    account_id: UUID | None = None
    contacts: frozenset[str] = frozenset()

    @classmethod
    def with_account(cls, venue: Venue, user_id: UUID) -> "Customer":
        return cls(venue.organization_id, venue.pk, account_id=user_id)

    @classmethod
    def without_account(cls, venue: Venue, guest: GuestDetails) -> "Customer":
        contacts = frozenset({guest.email, phone_number(guest.phone)} - {""})
        return cls(venue.organization_id, venue.pk, contacts=contacts)

    def is_same_as(self, other: "Customer") -> bool:
        if self.venue_id != other.venue_id or self.account_id != other.account_id:
            return False
        return self.account_id is not None or not self.contacts.isdisjoint(other.contacts)

    @property
    def lock_keys(self) -> set[int]:
        """64-bit numbers for PostgreSQL's advisory locks: one for each name of theirs."""
        names = self.contacts if self.account_id is None else {str(self.account_id)}
        digests = (
            hashlib.blake2b(f"{self.venue_id}{name}".encode(), digest_size=8) for name in names
        )
        return {int.from_bytes(digest.digest(), signed=True) for digest in digests}


def phone_number(phone: str) -> str:
    """What two spellings of a number share: its digits, without zeros in front.

    As `phone_number_of` has it of a row: +45 12 34 and 0045-1234 are one.
    """
    return _NO_DIGIT.sub("", phone).lstrip("0")


def read_open_bookings(customers: Collection[Customer], now: datetime) -> dict[Customer, set[UUID]]:
    """Holds and coming bookings of each, while nobody else can add one.

    Two bookings of one customer on two slots lock different rows, so the
    customer is locked too: until the commit, after the slots, and in order. Then
    one statement reads, however many customers.
    """
    keys = sorted({key for customer in customers for key in customer.lock_keys})
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) key", [keys])
    found: dict[Customer, set[UUID]] = {customer: set() for customer in customers}
    for booking_id, whose in _open_bookings(customers, now):
        for customer in customers:
            if customer.is_same_as(whose):
                found[customer].add(booking_id)
    return found


def count_open_bookings(*, actor: Actor, venues: Sequence[Venue], now: datetime) -> dict[UUID, int]:
    """How many bookings an account has open at each of these venues that limits it.

    Read without a lock, to explain. No statement where there is nothing to count.
    """
    accounts = [found for venue in venues if (found := limited_account(actor, venue))]
    counts = count_open_bookings_of(accounts, now) if accounts else {}
    return {venue_id: number for (_, venue_id), number in counts.items()}


def limited_account(actor: Actor, venue: Venue) -> Account | None:
    """Whose open bookings say whether an actor may book at a venue; None where nobody's do."""
    # At a venue that is not public whoever may book is staff.
    is_limited = venue.is_public and venue.open_bookings_per_customer is not None
    return (actor.user_id, venue.pk) if is_limited and actor.user_id is not None else None


def count_open_bookings_of(accounts: Sequence[Account], now: datetime) -> dict[Account, int]:
    """How many bookings accounts have open at venues, by one statement."""
    rows = Booking.objects.filter(
        is_open(now),
        customer_id__in={user_id for user_id, _ in accounts},
        venue_id__in={venue_id for _, venue_id in accounts},
    )
    counted = rows.order_by().values_list("customer_id", "venue_id").annotate(Count("pk"))
    return {(user_id, venue_id): number for user_id, venue_id, number in counted}


def is_open(now: datetime) -> Q:
    """The condition on bookings that count: holds that last, and what is still to come."""
    return Q(status=BookingStatus.HELD, hold_expires_at__gt=now) | Q(
        status__in=(BookingStatus.PENDING, BookingStatus.CONFIRMED), ends_at__gt=now
    )


def _open_bookings(customers: Collection[Customer], now: datetime) -> list[tuple[UUID, Customer]]:
    """Bookings of any of these, each with whose it is: perhaps of one at another's venue."""
    rows = Booking.objects.filter(
        is_open(now), venue_id__in={customer.venue_id for customer in customers}
    ).annotate(number=phone_number_of("guest__phone"))
    accounts = {customer.account_id for customer in customers} - {None}
    contacts = {contact for customer in customers for contact in customer.contacts}
    arms = []
    if accounts:
        arms.append(rows.filter(customer_id__in=accounts))
    if contacts:
        by_contact = Q(guest__email__in=contacts) | Q(number__in=contacts)
        organizations = {customer.organization_id for customer in customers}
        arms.append(
            rows.filter(by_contact, guest__organization_id__in=organizations, customer=None)
        )
    if not arms:
        return []
    columns = ("pk", "organization_id", "venue_id", "customer_id", "guest__email", "number")
    first, *others = (arm.order_by().values_list(*columns) for arm in arms)
    return [
        (
            booking_id,
            Customer(
                organization_id,
                venue_id,
                account_id,
                frozenset() if account_id else frozenset({email, number} - {""}),
            ),
        )
        for booking_id, organization_id, venue_id, account_id, email, number in (
            first.union(*others, all=True) if others else first
        )
    ]

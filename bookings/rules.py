"""The rules of a venue, in one place: they decide under the lock and explain availability."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bookings.errors import (
    OutsideBookingWindow,
    PartySizeNotAllowed,
    SlotClosed,
    SlotInPast,
    SlotUnavailable,
)
from bookings.models import Slot
from reserve.core.errors import DomainError
from venues.models import Resource, Venue


@dataclass(frozen=True, slots=True)
class Party:
    """Who wants the seats: how many they are, and whether staff ask for them."""

    size: int
    by_staff: bool = False


def seats_taken(resource: Resource, slot: Slot, party_size: int) -> int:
    """Seats that a party uses on a slot: its own, or on an exclusive resource all of them."""
    return slot.capacity if resource.is_exclusive else party_size


def refusal(
    *, venue: Venue, resource: Resource, slots: Sequence[Slot], party: Party, now: datetime
) -> DomainError | None:
    """Why this party cannot book these slots now, or None where it can.

    `slots` are consecutive and taken whole or not at all.
    """
    first = slots[0]
    over = first.ends_at <= now if party.by_staff else first.starts_at <= now
    if over:
        return SlotInPast()
    if any(slot.is_closed for slot in slots):
        return SlotClosed()
    if not party.by_staff and not is_in_booking_window(venue, first.starts_at, now):
        return OutsideBookingWindow()
    if not is_party_size_allowed(venue, resource, slots, party):
        return PartySizeNotAllowed()
    for slot in slots:
        if slot.remaining < seats_taken(resource, slot, party.size):
            return SlotUnavailable(remaining_capacity=slot.remaining)
    return None


def why_unavailable(slot: Slot, now: datetime) -> DomainError | None:
    """Why even the smallest party cannot book a slot now; as the desk would say it."""
    venue = slot.venue
    return refusal(
        venue=venue,
        resource=slot.resource,
        slots=[slot],
        party=Party(venue.minimum_party_size),
        now=now,
    )


def is_in_booking_window(venue: Venue, starts_at: datetime, now: datetime) -> bool:
    """Whether a start is neither too near nor too far."""
    return starts_at - now >= venue.minimum_notice and is_within_horizon(venue, starts_at, now)


def is_within_horizon(venue: Venue, starts_at: datetime, now: datetime) -> bool:
    """Whether a start is not too far ahead; the horizon counts the venue's days."""
    last_date = now.astimezone(venue.zone).date() + venue.booking_horizon
    return starts_at.astimezone(venue.zone).date() <= last_date


def is_party_size_allowed(
    venue: Venue, resource: Resource, slots: Sequence[Slot], party: Party
) -> bool:
    if resource.is_exclusive and any(party.size > slot.capacity for slot in slots):
        return False
    if party.by_staff:
        return True
    maximum = venue.maximum_party_size
    return party.size >= venue.minimum_party_size and (maximum is None or party.size <= maximum)

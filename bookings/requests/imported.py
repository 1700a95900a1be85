"""Bookings that were made elsewhere."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts.actors import Actor
from bookings.errors import SlotUnavailable
from bookings.guests import GuestDetails
from bookings.ledger import Ledger
from bookings.models import Booking
from bookings.requests import Request
from bookings.requests.create import consecutive_slots, new_confirmation_code
from bookings.rules import seats_taken
from bookings.selectors import consecutive_slot_ids
from bookings.states import SEATED, BookingStatus
from reserve.core.ids import new_id
from venues.selectors import require_works_at


@dataclass(frozen=True, slots=True)
class ImportBooking(Request[Booking]):
    """Record a booking as it stood elsewhere. The rules of the venue do not apply; seats do.

    Without `guest` it is for the account `customer_id`.
    """

    actor: Actor
    slot_id: UUID
    status: BookingStatus
    guest_count: int
    guest: GuestDetails | None
    created_at: datetime
    customer_id: UUID | None = None
    notes: str = ""
    slot_count: int = 1

    def slot_ids(self) -> Collection[UUID]:
        if self.slot_count == 1:
            return (self.slot_id,)
        return consecutive_slot_ids(slot_id=self.slot_id, count=self.slot_count)

    def decide(self, ledger: Ledger) -> Booking:
        slots = consecutive_slots(ledger, first_id=self.slot_id, count=self.slot_count)
        first = slots[0]
        require_works_at(actor=self.actor, venue=first.venue)
        seats = seats_taken(first.resource, first, self.guest_count)
        if self.status in SEATED:
            remaining = min(slot.remaining for slot in slots)
            if seats > remaining or self.guest_count > first.capacity:
                raise SlotUnavailable(remaining_capacity=remaining)
        booking = Booking(
            id=new_id(),
            organization_id=first.organization_id,
            venue=first.venue,
            resource=first.resource,
            customer_id=self.customer_id,
            status=self.status,
            guest_count=self.guest_count,
            seats=seats,
            notes=self.notes,
            confirmation_code=new_confirmation_code(),
            starts_at=first.starts_at,
            ends_at=slots[-1].ends_at,
            hold_expires_at=ledger.now if self.status == BookingStatus.HELD else None,
            created_at=self.created_at,
            cancelled_at=self.created_at if self.status == BookingStatus.CANCELLED else None,
        )
        return ledger.add(
            booking, slots, event="booking.imported", actor=self.actor, guest=self.guest
        )

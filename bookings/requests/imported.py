"""Bookings that were made elsewhere."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts.actors import Actor
from accounts.selectors import require_member
from bookings.errors import SlotUnavailable
from bookings.guests import GuestDetails
from bookings.ledger import Ledger
from bookings.models import Booking
from bookings.requests.create import new_confirmation_code
from bookings.rules import seats_taken
from bookings.states import SEATED, BookingStatus
from reserve.core.errors import NotFound
from reserve.core.ids import new_id


@dataclass(frozen=True, slots=True)
class ImportBooking:
    """Record a booking as it stood elsewhere. The rules of the venue do not apply; seats do."""

    actor: Actor
    slot_id: UUID
    status: BookingStatus
    guest_count: int
    guest: GuestDetails
    created_at: datetime
    customer_id: UUID | None = None
    notes: str = ""

    def slot_ids(self) -> Collection[UUID]:
        return (self.slot_id,)

    def booking_ids(self) -> Collection[UUID]:
        return ()

    def decide(self, ledger: Ledger) -> Booking:
        slot = ledger.slots.get(self.slot_id)
        if slot is None:
            raise NotFound
        require_member(actor=self.actor, organization_id=slot.organization_id)
        seats = seats_taken(slot.resource, slot, self.guest_count)
        if self.status in SEATED and (seats > slot.remaining or self.guest_count > slot.capacity):
            raise SlotUnavailable(remaining_capacity=slot.remaining)
        booking = Booking(
            id=new_id(),
            organization_id=slot.organization_id,
            venue=slot.venue,
            resource=slot.resource,
            customer_id=self.customer_id,
            status=self.status,
            guest_count=self.guest_count,
            seats=seats,
            notes=self.notes,
            confirmation_code=new_confirmation_code(),
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            hold_expires_at=ledger.now if self.status == BookingStatus.HELD else None,
            created_at=self.created_at,
            cancelled_at=self.created_at if self.status == BookingStatus.CANCELLED else None,
        )
        return ledger.add(
            booking, [slot], event="booking.imported", actor=self.actor, guest=self.guest
        )

"""Moving a booking along the state machine."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from accounts.actors import Actor
from accounts.selectors import is_member
from bookings.errors import OutsideCancellationWindow
from bookings.ledger import Ledger
from bookings.models import Booking
from bookings.states import BookingStatus
from reserve.core.errors import Forbidden, NotFound

# What customers may do with bookings of their own; the rest is for staff.
_BY_CUSTOMERS = frozenset({BookingStatus.PENDING, BookingStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class ChangeStatus:
    """Give a booking its next status."""

    actor: Actor
    booking_id: UUID
    status: BookingStatus
    reason: str = ""

    def slot_ids(self) -> Collection[UUID]:
        return ()

    def booking_ids(self) -> Collection[UUID]:
        return (self.booking_id,)

    def decide(self, ledger: Ledger) -> Booking:
        booking = ledger.booking(self.booking_id)
        by_staff = self._permit(booking)
        if self.status == BookingStatus.CANCELLED and booking.uses_seats and not by_staff:
            venue = booking.venue
            if booking.starts_at - ledger.now < venue.cancellation_cutoff:
                raise OutsideCancellationWindow
        return ledger.change_status(booking, self.status, actor=self.actor, reason=self.reason)

    def _permit(self, booking: Booking) -> bool:
        """Whether staff ask; raises where the actor may not do this at all."""
        is_owner = self.actor.user_id is not None and self.actor.user_id == booking.customer_id
        if is_owner and self.status in _BY_CUSTOMERS:
            return False
        if is_member(actor=self.actor, organization_id=booking.organization_id):
            return True
        if is_owner:
            raise Forbidden
        raise NotFound


@dataclass(frozen=True, slots=True)
class ExpireHold:
    """Give back the seats of a hold that has lapsed. One that has not is left alone."""

    booking_id: UUID

    def slot_ids(self) -> Collection[UUID]:
        return ()

    def booking_ids(self) -> Collection[UUID]:
        return (self.booking_id,)

    def decide(self, ledger: Ledger) -> Booking:
        # Reading the ledger has reclaimed whatever has lapsed on these slots.
        return ledger.booking(self.booking_id)

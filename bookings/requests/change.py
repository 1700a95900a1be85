"""Moving a booking along the state machine."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from accounts.actors import Actor
from accounts.selectors import is_member
from bookings.errors import OutsideCancellationWindow
from bookings.ledger import Ledger
from bookings.models import Booking
from bookings.states import CANCEL, Transition
from reserve.core.errors import Forbidden, NotFound


@dataclass(frozen=True, slots=True)
class ApplyTransition:
    """Move a booking along the state machine."""

    actor: Actor
    booking_id: UUID
    transition: Transition
    reason: str = ""

    def slot_ids(self) -> Collection[UUID]:
        return ()

    def booking_ids(self) -> Collection[UUID]:
        return (self.booking_id,)

    def decide(self, ledger: Ledger) -> Booking:
        booking = ledger.booking(self.booking_id)
        is_owner = self.actor.user_id is not None and self.actor.user_id == booking.customer_id
        if not (is_owner and self.transition.by_customers):
            if not self._is_staff_of(booking):
                raise Forbidden if is_owner else NotFound
        elif (
            self.transition is CANCEL
            and _is_too_late(booking, ledger)
            # Whoever works there may always cancel, their own booking too.
            and not self._is_staff_of(booking)
        ):
            raise OutsideCancellationWindow
        return ledger.apply(self.transition, booking, actor=self.actor, reason=self.reason)

    def _is_staff_of(self, booking: Booking) -> bool:
        return is_member(actor=self.actor, organization_id=booking.organization_id)


def _is_too_late(booking: Booking, ledger: Ledger) -> bool:
    notice = booking.starts_at - ledger.now
    return booking.uses_seats and notice < booking.venue.cancellation_cutoff


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

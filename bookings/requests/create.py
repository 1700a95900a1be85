"""Taking seats: a hold, or a booking at once."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from accounts.actors import Actor
from accounts.selectors import is_member
from bookings.guests import GuestDetails
from bookings.ledger import Ledger
from bookings.models import Booking, Slot
from bookings.rules import Party, refusal, seats_taken
from bookings.selectors import consecutive_slot_ids
from bookings.states import BookingStatus
from reserve.core.errors import Forbidden, NotFound
from reserve.core.ids import new_id

# No 0 and O, no 1, I and L: read out over a telephone, written down by hand.
_CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_CODE_LENGTH = 8


def new_confirmation_code() -> str:
    """8 characters, 39 bits. A collision fails the insert, and the desk tries again."""
    return "".join(secrets.choice(_CODE_ALPHABET) for _ in range(_CODE_LENGTH))


def consecutive_slots(ledger: Ledger, *, first_id: UUID, count: int) -> list[Slot]:
    """A slot and those that follow it on its resource, as they are under the lock.

    Raises:
        NotFound: there is no such slot, or fewer follow it without a gap.
    """
    first = ledger.slots.get(first_id)
    if first is None:
        raise NotFound
    slots = [first]
    followers = {
        slot.starts_at: slot
        for slot in ledger.slots.values()
        if slot.resource_id == first.resource_id
    }
    while len(slots) < count:
        following = followers.get(slots[-1].ends_at)
        if following is None or following.capacity != first.capacity:
            raise NotFound("That many consecutive slots do not follow this one.")
        slots.append(following)
    return slots


@dataclass(frozen=True, slots=True)
class SeatsWanted:
    """Which seats, for how many, and for whom.

    Without `guest` they are for the actor's own account; naming somebody else
    is for staff.
    """

    venue_id: UUID
    slot_id: UUID
    guest_count: int
    slot_count: int = 1
    notes: str = ""
    guest: GuestDetails | None = None


@dataclass(frozen=True, slots=True)
class TakeSeats:
    """Take seats on a slot, and on those that follow it: HELD for a hold, PENDING for a booking."""

    actor: Actor
    seats: SeatsWanted
    status: BookingStatus

    def slot_ids(self) -> Collection[UUID]:
        wanted = self.seats
        if wanted.slot_count == 1:
            return (wanted.slot_id,)
        return consecutive_slot_ids(slot_id=wanted.slot_id, count=wanted.slot_count)

    def booking_ids(self) -> Collection[UUID]:
        return ()

    def decide(self, ledger: Ledger) -> Booking:
        wanted = self.seats
        slots = self._slots(ledger)
        first = slots[0]
        venue, resource = first.venue, first.resource
        by_staff = self._is_by_staff(first)
        party = Party(wanted.guest_count, by_staff)
        refused = refusal(venue=venue, resource=resource, slots=slots, party=party, now=ledger.now)
        if refused:
            raise refused
        is_hold = self.status == BookingStatus.HELD
        booking = Booking(
            id=new_id(),
            organization_id=first.organization_id,
            venue=venue,
            resource=resource,
            customer_id=self.actor.user_id if wanted.guest is None else None,
            status=self.status,
            guest_count=wanted.guest_count,
            seats=seats_taken(resource, first, wanted.guest_count),
            notes=wanted.notes,
            confirmation_code=new_confirmation_code(),
            starts_at=first.starts_at,
            ends_at=slots[-1].ends_at,
            hold_expires_at=ledger.now + venue.hold_ttl if is_hold else None,
            created_at=ledger.now,
        )
        event = "booking.held" if is_hold else "booking.created"
        return ledger.add(booking, slots, event=event, actor=self.actor, guest=wanted.guest)

    def _slots(self, ledger: Ledger) -> list[Slot]:
        """The wanted slots as they are under the lock: of this venue, one after the other."""
        first = ledger.slots.get(self.seats.slot_id)
        if first is None or first.venue_id != self.seats.venue_id:
            raise NotFound
        return consecutive_slots(ledger, first_id=first.pk, count=self.seats.slot_count)

    def _is_by_staff(self, slot: Slot) -> bool:
        if self.seats.guest is None and slot.venue.is_public:
            return False
        if is_member(actor=self.actor, organization_id=slot.organization_id):
            return True
        if not slot.venue.is_public:
            raise NotFound
        raise Forbidden("Only staff book for somebody else.")

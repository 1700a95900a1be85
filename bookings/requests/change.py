"""Changing a booking: its status, its party, its slots."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from accounts.actors import Actor
from bookings.customers import Customer
from bookings.errors import BookingLimitReached, HoldExpired, InvalidState
from bookings.guests import GuestDetails, can_reach, require_reachable
from bookings.ledger import Ledger
from bookings.manage_tokens import is_owner
from bookings.models import Booking, Slot
from bookings.requests import Request
from bookings.requests.create import consecutive_slots, require_verified
from bookings.rules import (
    Party,
    is_limit_reached,
    refusal,
    refusal_to_give_up,
    seats_taken,
)
from bookings.selectors import consecutive_slot_ids, slot_count_of
from bookings.states import CANCEL, CHANGEABLE, BookingStatus, Transition
from reserve.core.errors import Forbidden, NotFound


@dataclass(frozen=True, slots=True)
class _OfOneBooking(Request[Booking]):
    """What all changes of one booking have in common."""

    actor: Actor
    booking_id: UUID

    def booking_ids(self) -> Collection[UUID]:
        return (self.booking_id,)

    def _is_by_staff(self, ledger: Ledger, booking: Booking) -> bool:
        """Whether it is not the booking's owner who asks, but staff. Raises NotFound for others."""
        if is_owner(self.actor, booking):
            return False
        if ledger.is_staff_of(booking, actor=self.actor):
            return True
        raise NotFound


@dataclass(frozen=True, slots=True)
class ApplyTransition(_OfOneBooking):
    """Move a booking along the state machine."""

    transition: Transition
    reason: str = ""

    @property
    def kind(self) -> str:
        return self.transition.verb

    def decide(self, ledger: Ledger) -> Booking:
        booking = ledger.booking(self.booking_id)
        by_staff = self._is_by_staff(ledger, booking)
        if (
            not by_staff
            and not self.transition.by_customers
            and not ledger.is_staff_of(booking, actor=self.actor)
        ):
            raise Forbidden
        if (
            not by_staff
            and self.transition is CANCEL
            and booking.uses_seats
            and (refused := refusal_to_give_up(booking, ledger.now))
            # Whoever works there may always cancel, their own booking too.
            and not ledger.is_staff_of(booking, actor=self.actor)
        ):
            raise refused
        return ledger.apply(self.transition, booking, actor=self.actor, reason=self.reason)


@dataclass(frozen=True, slots=True)
class ConfirmHold(ApplyTransition):
    """Turn a hold into a booking; `guest` says who comes, where that is now another person."""

    guest: GuestDetails | None = None

    def limited_customer(self, ledger: Ledger) -> Customer | None:
        """Whoever comes instead, so that one who has enough is not named afterwards."""
        booking = ledger.bookings.get(self.booking_id)
        if booking is None or booking.venue.open_bookings_per_customer is None:
            return None
        if self._takes_over(booking):
            return Customer.with_account(booking.venue, cast(UUID, self.actor.user_id))
        if self.guest is None or not is_owner(self.actor, booking):
            return None
        return Customer.without_account(booking.venue, self.guest)

    def decide(self, ledger: Ledger) -> Booking:
        booking = ledger.booking(self.booking_id)
        if (
            self.guest
            and not self._is_by_staff(ledger, booking)
            and booking.customer_id is not None
            and not ledger.is_staff_of(booking, actor=self.actor)
        ):
            raise Forbidden("Only staff book for somebody else.")
        takes_over = self._takes_over(booking)
        if takes_over:
            require_verified(self.actor, booking.venue)
        elif not self.guest and booking.customer_id is None and is_owner(self.actor, booking):
            require_reachable(booking.guest)
        customer = self.limited_customer(ledger)
        if customer and booking.status in self.transition.sources:
            others = ledger.open_bookings(customer, besides=booking.pk)
            if is_limit_reached(booking.venue, others):
                raise BookingLimitReached
        # Named, as a class with slots is made anew and `super()` would mean the first.
        confirmed = ApplyTransition.decide(self, ledger)
        if takes_over:
            confirmed.customer_id = self.actor.user_id
        if self.guest or takes_over:
            ledger.name_guest(confirmed, self.guest, customer=customer)
        return confirmed

    def _takes_over(self, booking: Booking) -> bool:
        """Whether somebody held as nobody in particular, and confirms as an account."""
        return (
            self.actor.user_id is not None
            and self.guest is None
            and booking.customer_id is None
            and not can_reach(booking.guest)
            and is_owner(self.actor, booking)
        )


@dataclass(frozen=True, slots=True)
class MoveToSlot(_OfOneBooking):
    """Give a booking the same number of slots elsewhere: the old go back only if the new are had.

    Its id and code stay.
    """

    slot_id: UUID
    reason: str = ""

    def slot_ids(self) -> Collection[UUID]:
        count = slot_count_of(booking_id=self.booking_id)
        return consecutive_slot_ids(slot_id=self.slot_id, count=count)

    def decide(self, ledger: Ledger) -> Booking:
        booking = ledger.booking(self.booking_id)
        by_staff = self._is_by_staff(ledger, booking)
        _refuse_unless_changeable(booking)
        old = ledger.slots_of[booking.pk]
        if ledger.slot(self.slot_id).venue_id != booking.venue_id:
            raise NotFound
        slots = consecutive_slots(ledger, first_id=self.slot_id, count=len(old))
        if not by_staff and (refused := refusal_to_give_up(booking, ledger.now)):
            raise refused
        if [slot.pk for slot in slots] == old:
            return booking
        _refuse_unless_free(ledger, booking, slots, Party(booking.guest_count, by_staff))
        seats = seats_taken(slots[0].resource, slots[0], booking.guest_count)
        return ledger.replace_seats(
            booking,
            slots,
            seats,
            event="booking.rescheduled",
            actor=self.actor,
            reason=self.reason,
        )


@dataclass(frozen=True, slots=True)
class ChangeParty(_OfOneBooking):
    """Give a booking another size of party, or other notes; None leaves either as it is."""

    guest_count: int | None = None
    notes: str | None = None
    reason: str = ""

    def decide(self, ledger: Ledger) -> Booking:
        booking = ledger.booking(self.booking_id)
        by_staff = self._is_by_staff(ledger, booking)
        _refuse_unless_changeable(booking)
        guest_count = self.guest_count or booking.guest_count
        if guest_count == booking.guest_count and self.notes in {None, booking.notes}:
            return booking
        slots = [ledger.slot(slot_id) for slot_id in ledger.slots_of[booking.pk]]
        if guest_count != booking.guest_count:
            _refuse_unless_free(ledger, booking, slots, Party(guest_count, by_staff))
        booking.guest_count = guest_count
        if self.notes is not None:
            booking.notes = self.notes
        # Whoever has a resource to themselves has all of it, however many they are.
        seats = booking.seats if slots[0].resource.is_exclusive else guest_count
        return ledger.replace_seats(
            booking,
            slots,
            seats,
            event="booking.updated",
            actor=self.actor,
            reason=self.reason,
        )


@dataclass(frozen=True, slots=True)
class ExpireHold(Request[Booking]):
    """Give back the seats of a hold that has lapsed. One that has not is left alone."""

    booking_id: UUID

    def booking_ids(self) -> Collection[UUID]:
        return (self.booking_id,)

    def decide(self, ledger: Ledger) -> Booking:
        # Reading the ledger has reclaimed whatever has lapsed on these slots.
        return ledger.booking(self.booking_id)


def _refuse_unless_changeable(booking: Booking) -> None:
    status = BookingStatus(booking.status)
    if status not in CHANGEABLE:
        if status == BookingStatus.EXPIRED:
            raise HoldExpired
        raise InvalidState(status=status, done="changed")


def _refuse_unless_free(ledger: Ledger, booking: Booking, slots: list[Slot], party: Party) -> None:
    """Refuse where the venue's rules do, the booking's own seats counted as free."""
    free = _as_if_given_back(slots, ledger.slots_of[booking.pk], booking.seats)
    venue, resource = slots[0].venue, slots[0].resource
    if refused := refusal(venue=venue, resource=resource, slots=free, party=party, now=ledger.now):
        raise refused


def _as_if_given_back(slots: Sequence[Slot], slot_ids: Collection[UUID], seats: int) -> list[Slot]:
    """Slots as they would be if a booking's seats went back: to decide on, not to write."""
    return [_with_reserved(slot, seats) if slot.pk in slot_ids else slot for slot in slots]


def _with_reserved(slot: Slot, seats: int) -> Slot:
    copy = Slot(pk=slot.pk, resource_id=slot.resource_id)
    copy.starts_at, copy.ends_at, copy.is_closed = slot.starts_at, slot.ends_at, slot.is_closed
    copy.capacity, copy.reserved = slot.capacity, slot.reserved - seats
    return copy

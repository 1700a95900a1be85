"""Taking seats: a hold, or a booking at once."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import orjson

from accounts.actors import Actor
from accounts.selectors import is_verified
from bookings.customers import Customer
from bookings.errors import SlotUnavailable
from bookings.guests import GuestDetails
from bookings.idempotency import IdempotentCall, caller_of
from bookings.ledger import Ledger
from bookings.manage_tokens import hash_of, manage_token_of
from bookings.models import Booking, Slot, know_place
from bookings.requests import Request
from bookings.rules import Party, refusal, seats_taken
from bookings.selectors import consecutive_slot_ids
from bookings.states import BookingStatus
from reserve.core.entropy import entropy
from reserve.core.errors import Forbidden, NotFound
from reserve.core.ids import new_id
from venues.models import Venue
from venues.selectors import require_works_at

# No 0 and O, no 1, I and L: read out over a telephone, written down by hand.
_CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_CODE_LENGTH = 8
UNVERIFIED = "This venue takes bookings only from accounts with a verified e-mail address."

_CODES = len(_CODE_ALPHABET) ** _CODE_LENGTH


def new_confirmation_code() -> str:
    """8 characters, 39 bits. A collision fails the insert, and the desk tries again."""
    number = entropy.randrange(_CODES)
    characters = []
    for _ in range(_CODE_LENGTH):
        number, position = divmod(number, len(_CODE_ALPHABET))
        characters.append(_CODE_ALPHABET[position])
    return "".join(characters)


def consecutive_slots(ledger: Ledger, *, first_id: UUID, count: int) -> list[Slot]:
    """A slot and those that follow it on its resource, as they are under the lock.

    Raises:
        NotFound: there is no such slot, or fewer follow it without a gap.
    """
    slots = [ledger.slot(first_id)]
    if count == 1:
        return slots
    followers = {
        slot.starts_at: slot
        for slot in ledger.slots.values()
        # A withdrawn slot may begin when its successor does.
        if slot.resource_id == slots[0].resource_id and not slot.is_withdrawn
    }
    while len(slots) < count:
        following = followers.get(slots[-1].ends_at)
        if following is None or following.capacity != slots[0].capacity:
            raise NotFound("That many consecutive slots do not follow this one.")
        slots.append(following)
    return slots


def require_verified(actor: Actor, venue: Venue) -> None:
    """Raises Forbidden for an account that is not, where the venue wants that.

    Whoever works there may always book.
    """
    if venue.accepts_unverified or actor.user_id is None or is_verified(actor.user_id):
        return
    require_works_at(actor=actor, venue=venue, sentence=UNVERIFIED)


@dataclass(frozen=True, slots=True)
class SeatsWanted:
    """Which seats, for how many, and for whom.

    Without `guest` they are for the actor's own account. Who has an account and
    names somebody else is staff; who has none names themselves.
    """

    venue_id: UUID
    slot_id: UUID
    guest_count: int
    slot_count: int = 1
    notes: str = ""
    guest: GuestDetails | None = None
    idempotency_key: str | None = None

    @property
    def fingerprint(self) -> bytes:
        """What makes two calls the same: everything that is asked for."""
        guest = self.guest
        asked = (
            *(self.venue_id, self.slot_id, self.guest_count, self.slot_count, self.notes),
            (guest.name, guest.email, guest.phone, guest.locale) if guest else None,
        )
        return hashlib.sha256(orjson.dumps(asked)).digest()


@dataclass(frozen=True, slots=True)
class TakeSeats(Request[Booking]):
    """Take seats on a slot, and on those that follow it: HELD for a hold, PENDING for a booking."""

    actor: Actor
    seats: SeatsWanted
    status: BookingStatus
    call: IdempotentCall | None = field(init=False, default=None)  # type: ignore[misc]

    def __post_init__(self) -> None:
        if self.seats.idempotency_key is not None:
            fingerprint = self.status.encode() + self.seats.fingerprint
            call = IdempotentCall(
                caller_of(self.actor, self.seats.guest),
                self.seats.idempotency_key,
                hashlib.sha256(fingerprint).digest(),
            )
            object.__setattr__(self, "call", call)

    @property
    def kind(self) -> str:
        return "hold" if self.status == BookingStatus.HELD else "create"

    @property
    def named_slot(self) -> UUID:
        return self.seats.slot_id

    def slot_ids(self) -> Collection[UUID]:
        wanted = self.seats
        if wanted.slot_count == 1:
            return (wanted.slot_id,)
        return consecutive_slot_ids(slot_id=wanted.slot_id, count=wanted.slot_count)

    def limited_customer(self, ledger: Ledger) -> Customer | None:
        """Whoever is to be counted, where the venue limits what one customer may have open."""
        slot = ledger.slots.get(self.seats.slot_id)
        if slot is None or slot.venue.open_bookings_per_customer is None:
            return None
        if self.actor.is_system or (self.actor.user_id is not None and self.seats.guest):
            return None
        if self.actor.user_id is not None:
            return Customer.with_account(slot.venue, self.actor.user_id)
        return Customer.without_account(slot.venue, self.seats.guest) if self.seats.guest else None

    def refusal_if_plainly_full(self, slot: Slot, now: datetime) -> SlotUnavailable | None:
        """Why this need not be asked under the lock, by what a slot was a moment ago.

        Only for those who are not staff, for whom nothing but seats is left to ask.
        """
        wanted = self.seats
        if self.call or wanted.slot_count != 1 or wanted.guest or not slot.venue.is_public:
            return None
        if slot.venue_id != wanted.venue_id:
            return None
        party = Party(wanted.guest_count)
        refused = refusal(
            venue=slot.venue, resource=slot.resource, slots=[slot], party=party, now=now
        )
        return refused if isinstance(refused, SlotUnavailable) else None

    def decide(self, ledger: Ledger) -> Booking:
        if earlier := ledger.recall(self.call):
            if earlier.manage_token_hash is not None:
                earlier.manage_token = manage_token_of(earlier.pk)
            return earlier
        wanted = self.seats
        first = ledger.slot(wanted.slot_id)
        if first.venue_id != wanted.venue_id:
            raise NotFound
        venue, resource = first.venue, first.resource
        # Before anything is said of the slots that follow: they may not be the actor's to see.
        customer = self.limited_customer(ledger)
        party = Party(
            wanted.guest_count,
            by_staff=self._is_by_staff(first),
            open_bookings=ledger.open_bookings(customer) if customer else 0,
        )
        slots = consecutive_slots(ledger, first_id=wanted.slot_id, count=wanted.slot_count)
        if refused := refusal(
            venue=venue, resource=resource, slots=slots, party=party, now=ledger.now
        ):
            raise refused
        return ledger.add(
            self._booking(slots, ledger.now),
            slots,
            event="booking.held" if self.status == BookingStatus.HELD else "booking.created",
            actor=self.actor,
            guest=wanted.guest,
            call=self.call,
            customer=customer,
        )

    def _booking(self, slots: list[Slot], now: datetime) -> Booking:
        wanted, first = self.seats, slots[0]
        is_hold = self.status == BookingStatus.HELD
        booking = Booking(
            id=new_id(),
            organization_id=first.organization_id,
            venue_id=first.venue_id,
            resource_id=first.resource_id,
            customer_id=self.actor.user_id if wanted.guest is None else None,
            status=self.status,
            guest_count=wanted.guest_count,
            seats=seats_taken(first.resource, first, wanted.guest_count),
            notes=wanted.notes,
            confirmation_code=new_confirmation_code(),
            starts_at=first.starts_at,
            ends_at=slots[-1].ends_at,
            hold_expires_at=now + first.venue.hold_ttl if is_hold else None,
            created_at=now,
        )
        know_place(booking, venue=first.venue, resource=first.resource)
        if self.actor.user_id is None and not self.actor.is_system:
            booking.manage_token = manage_token_of(booking.pk)
            booking.manage_token_hash = hash_of(booking.manage_token)
        return booking

    def _is_by_staff(self, slot: Slot) -> bool:
        venue = slot.venue
        has_account = self.actor.user_id is not None or self.actor.is_system
        books_for_themselves = self.seats.guest is None or not has_account
        if books_for_themselves and venue.is_public:
            if not has_account and not venue.accepts_guests:
                raise Forbidden("This venue takes bookings from people with an account only.")
            require_verified(self.actor, venue)
            return False
        require_works_at(
            actor=self.actor, venue=venue, sentence="Only staff book for somebody else."
        )
        return True

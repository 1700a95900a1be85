"""What a batch sees and changes while its slots are locked.

A ledger is read once, after the lock, and written once, before the commit. In
between requests decide on it in memory, each on what the earlier ones left. A
request that raises must not have changed it.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from accounts.actors import SYSTEM, Actor
from accounts.selectors import works_at
from bookings import store
from bookings.changes import Changes
from bookings.customers import Customer, read_open_bookings
from bookings.errors import HoldExpired, InvalidState
from bookings.events import SeatChange, booking_event, slot_event
from bookings.guests import GuestDetails
from bookings.idempotency import IdempotentCall, Memory
from bookings.models import Booking, BookingSlot, Slot, know_place
from bookings.selectors import free_lapsed_seats
from bookings.states import EXPIRE, SEATED, BookingStatus, Transition
from reserve.core.clock import database_now
from reserve.core.errors import NotFound
from reserve.core.ids import following_ids

MAX_SLOT_LENGTH = timedelta(days=1)


class MoreSlots(Exception):
    """Bookings that the batch must change use slots that it has not locked."""

    def __init__(self, slot_ids: Collection[UUID]) -> None:
        self.slot_ids = slot_ids
        super().__init__(f"{len(slot_ids)} more slots are needed")


class Ledger:
    """The locked slots, the bookings to be changed, and the changes so far."""

    def __init__(self, slots: dict[UUID, Slot], now: datetime) -> None:
        self.slots = slots
        self.now = now
        self.bookings: dict[UUID, Booking] = {}
        self.slots_of: dict[UUID, list[UUID]] = {}
        self._memory = Memory((), now)
        self._open_bookings: dict[Customer, set[UUID]] = {}
        self._staff: dict[tuple[Actor, UUID], bool] = {}
        # In the order in which they happened.
        self._event_ids = following_ids()
        self._changes = Changes(self.slots, self.bookings, self.slots_of)

    # --- Reading, under the lock ------------------------------------------------

    @classmethod
    def lock(cls, *, slot_ids: Collection[UUID], booking_ids: Collection[UUID]) -> "Ledger":
        """Lock the slots and read the bookings that will be changed.

        Raises:
            MoreSlots: a booking to be changed uses a slot that is not among them.
        """
        slots, now = store.lock_slots(slot_ids)
        ledger = cls(slots, now or database_now())
        ledger._read_bookings(booking_ids)
        ledger._reclaim_lapsed_holds()
        return ledger

    def read_calls(self, calls: Collection[IdempotentCall]) -> None:
        """Read which of these calls were made before."""
        if calls:
            self._memory = Memory(calls, self.now)

    def read_customers(self, customers: Collection[Customer]) -> None:
        """Read which bookings these customers have open, and let nobody else add one."""
        if customers:
            self._open_bookings = read_open_bookings(customers, self.now)

    def _read_bookings(self, booking_ids: Collection[UUID]) -> None:
        if booking_ids:
            self._admit(list(Booking.objects.filter(pk__in=booking_ids)))

    def _reclaim_lapsed_holds(self) -> None:
        """Give back the seats of holds whose time is over, before anybody decides."""
        due = [
            slot.pk
            for slot in self.slots.values()
            if slot.next_lapse_at is not None and slot.next_lapse_at <= self.now
        ]
        if not due:
            return
        held = Booking.objects.filter(status=BookingStatus.HELD, slot_links__slot_id__in=due)
        self._admit(list(held.distinct()))
        self._changes.lapses_due.update(due)
        for booking in list(self.bookings.values()):
            if booking.has_lapsed_at(self.now):
                self.apply(EXPIRE, booking, actor=SYSTEM)

    def _admit(self, bookings: Sequence[Booking]) -> None:
        unknown = [booking for booking in bookings if booking.pk not in self.bookings]
        links = BookingSlot.objects.filter(booking__in=unknown).order_by("slot__starts_at")
        for booking in unknown:
            self.bookings[booking.pk] = booking
            self.slots_of[booking.pk] = []
        for booking_id, slot_id in links.values_list("booking_id", "slot_id"):
            self.slots_of[booking_id].append(slot_id)
        missing = {
            slot_id
            for booking in unknown
            for slot_id in self.slots_of[booking.pk]
            if slot_id not in self.slots
        }
        if missing:
            raise MoreSlots(missing)
        for booking in unknown:
            slot = self.slots[self.slots_of[booking.pk][0]]
            know_place(booking, venue=slot.venue, resource=slot.resource)

    def booking(self, booking_id: UUID) -> Booking:
        try:
            return self.bookings[booking_id]
        except KeyError:
            raise NotFound from None

    def slot(self, slot_id: UUID) -> Slot:
        try:
            return self.slots[slot_id]
        except KeyError:
            raise NotFound from None

    def recall(self, call: IdempotentCall | None) -> Booking | None:
        """The booking of an earlier call with the same key and content, if there is one."""
        return self._memory.recall(call) if call else None

    def open_bookings(self, customer: Customer, *, besides: UUID | None = None) -> int:
        """How many a customer has open now, one that is named not counted."""
        return len(self._open_bookings.get(customer, set()) - {besides})

    def is_staff_of(self, booking: Booking, *, actor: Actor) -> bool:
        """Whether the actor works where a booking is. Read once for each venue of a batch."""
        place = actor, booking.venue_id
        if place not in self._staff:
            self._staff[place] = works_at(
                actor=actor,
                organization_id=booking.organization_id,
                venue_id=booking.venue_id,
            )
        return self._staff[place]

    def _note_whose(self, booking: Booking, customer: Customer | None) -> None:
        """Have an open booking count for a customer and nobody else; for None, not at all."""
        for known, booking_ids in self._open_bookings.items():
            if customer is not None and known.is_same_as(customer):
                booking_ids.add(booking.pk)
            else:
                booking_ids.discard(booking.pk)

    # --- Changing, in memory ------------------------------------------------------

    def add(
        self,
        booking: Booking,
        slots: Sequence[Slot],
        *,
        event: str,
        actor: Actor,
        guest: GuestDetails | None,
        call: IdempotentCall | None = None,
        customer: Customer | None = None,
    ) -> Booking:
        """Record a new booking and take its seats. The caller has checked that they are free."""
        booking.version = 1
        self.bookings[booking.pk] = booking
        self.slots_of[booking.pk] = [slot.pk for slot in slots]
        self._changes.created[booking.pk] = booking, guest
        changes = self._use_seats(booking, booking.seats) if booking.uses_seats else []
        _note_lapse(booking, slots)
        if call:
            self._memory.add(call, booking)
        self._note_whose(booking, customer)
        self._record(event, booking, changes, actor=actor)
        return booking

    def apply(
        self, transition: Transition, booking: Booking, *, actor: Actor, reason: str = ""
    ) -> Booking:
        """Move a booking along the state machine; its seats go back where they must.

        Raises:
            HoldExpired: the booking is a hold that lapsed.
            InvalidState: its status does not allow it.
        """
        status = BookingStatus(booking.status)
        if status not in transition.sources:
            if status == BookingStatus.EXPIRED:
                raise HoldExpired
            raise InvalidState(status=status, done=transition.done)
        frees_seats = booking.uses_seats and transition.target not in SEATED
        booking.status = transition.target
        if transition.target == BookingStatus.CANCELLED:
            booking.cancelled_at = self.now
        changes = self._use_seats(booking, -booking.seats) if frees_seats else []
        if frees_seats:
            self._note_whose(booking, None)
        self._change(transition.event, booking, changes, actor=actor, reason=reason)
        return booking

    def replace_seats(
        self,
        booking: Booking,
        slots: Sequence[Slot],
        seats: int,
        *,
        event: str,
        actor: Actor,
        reason: str = "",
    ) -> Booking:
        """Give back a booking's seats and take others, which the caller has found free.

        The caller has set what else changes; `slots` may overlap with those it has.
        """
        if seats == booking.seats and [slot.pk for slot in slots] == self.slots_of[booking.pk]:
            self._change(event, booking, [], actor=actor, reason=reason)
            return booking
        self._changes.note_move(booking)
        returned = self._use_seats(booking, -booking.seats)
        self.slots_of[booking.pk] = [slot.pk for slot in slots]
        booking.seats = seats
        booking.resource_id = slots[0].resource_id
        know_place(booking, venue=slots[0].venue, resource=slots[0].resource)
        booking.starts_at, booking.ends_at = slots[0].starts_at, slots[-1].ends_at
        taken = self._use_seats(booking, seats)
        _note_lapse(booking, slots)
        self._change(event, booking, [*returned, *taken], actor=actor, reason=reason)
        return booking

    def name_guest(
        self, booking: Booking, guest: GuestDetails | None, *, customer: Customer | None = None
    ) -> None:
        """Say who comes, of a booking that is being changed; None is its customer."""
        self._changes.named[booking.pk] = booking, guest
        self._note_whose(booking, customer)

    def change_slot(
        self,
        slot: Slot,
        *,
        actor: Actor,
        capacity: int | None = None,
        is_closed: bool | None = None,
        is_withdrawn: bool | None = None,
        is_added_by_hand: bool | None = None,
        has_own_capacity: bool | None = None,
        reason: str = "",
    ) -> Slot:
        """Give a slot another capacity, close or reopen it; None leaves a column as it is.

        The caller has checked the capacity, and that nothing overlaps a slot that reopens.
        """
        changes = self._changes.of_slots[slot.pk]
        wanted = {
            "capacity": capacity,
            "is_closed": is_closed,
            "is_withdrawn": is_withdrawn,
            "is_added_by_hand": is_added_by_hand,
            "has_own_capacity": has_own_capacity,
        }
        for name, value in wanted.items():
            if value is not None:
                setattr(slot, name, value)
                changes.columns[name] = value
        slot.version += 1
        changes.changes += 1
        self._changes.events.append(
            slot_event(next(self._event_ids), slot, actor=actor, reason=reason)
        )
        return slot

    def add_slot(self, slot: Slot, *, actor: Actor, reason: str = "") -> Slot:
        """Add a slot by hand, with an event. One that turns out to overlap fails the batch."""
        slot.version = 1
        self._changes.added_slots[slot.pk] = slot
        self._changes.events.append(
            slot_event(next(self._event_ids), slot, actor=actor, reason=reason)
        )
        return slot

    def publish_slots(self, slots: Iterable[Slot]) -> None:
        """Add slots that the schedule offers, without events; what overlaps by then is left out."""
        self._changes.added_slots.update((slot.pk, slot) for slot in slots)

    @property
    def deleted_slot_ids(self) -> Collection[UUID]:
        return self._changes.deleted_slots.keys()

    def delete_slot(self, slot: Slot) -> None:
        """Delete a slot of which nothing was ever recorded, and of which no event will tell."""
        self._changes.deleted_slots[slot.pk] = self.slots.pop(slot.pk)
        # As watchers are to see it.
        slot.is_closed = True
        slot.version += 1

    def occupied(
        self, *, resource_id: UUID, starts_at: datetime, ends_at: datetime
    ) -> Iterator[Slot]:
        """The slots of a resource that overlap a stretch of time and are open or in use.

        Read unlocked, but for those that are locked anyway: of two that come at
        once the constraint stops the second.
        """
        found = Slot.objects.filter(
            resource_id=resource_id,
            starts_at__lt=ends_at,
            starts_at__gt=starts_at - MAX_SLOT_LENGTH,
            ends_at__gt=starts_at,
        )
        stored = [slot for slot in found if slot.pk not in self._changes.deleted_slots]
        free_lapsed_seats([slot for slot in stored if slot.pk not in self.slots], self.now)
        added = [
            slot
            for slot in self._changes.added_slots.values()
            if slot.resource_id == resource_id
            and slot.starts_at < ends_at
            and slot.ends_at > starts_at
        ]
        for slot in (*(self.slots.get(slot.pk, slot) for slot in stored), *added):
            if slot.reserved or not slot.is_closed:
                yield slot

    def _use_seats(self, booking: Booking, seats: int) -> list[SeatChange]:
        used = []
        for slot_id in self.slots_of[booking.pk]:
            slot = self.slots[slot_id]
            slot.reserved += seats
            slot.version += 1
            changes = self._changes.of_slots[slot_id]
            changes.seats += seats
            changes.changes += 1
            used.append(SeatChange(slot, slot.version, seats, slot.reserved, slot.capacity))
        return used

    def _change(
        self,
        event: str,
        booking: Booking,
        changes: Sequence[SeatChange],
        *,
        actor: Actor,
        reason: str = "",
    ) -> None:
        booking.version += 1
        self._changes.note_change(booking)
        self._record(event, booking, changes, actor=actor, reason=reason)

    def _record(
        self,
        event: str,
        booking: Booking,
        changes: Sequence[SeatChange],
        *,
        actor: Actor,
        reason: str = "",
    ) -> None:
        booking.slots_at_hand = [self.slots[slot_id] for slot_id in self.slots_of[booking.pk]]
        self._changes.events.append(
            booking_event(
                next(self._event_ids), event, booking, changes, actor=actor, reason=reason
            )
        )

    # --- Writing, before the commit -----------------------------------------------

    @property
    def changed_slots(self) -> list[Slot]:
        """What watchers should hear of, once it is committed; a slot that is gone as closed."""
        return self._changes.changed_slots

    @property
    def changed_bookings(self) -> list[Booking]:
        """New ones, and those of which an event tells."""
        return self._changes.changed_bookings

    def write(self) -> None:
        """Write the changes, and nothing where there are none.

        Raises:
            SlotOverlaps: a slot that was added by hand would overlap an open one.
        """
        self._changes.write(self._memory.added)


def _note_lapse(booking: Booking, slots: Sequence[Slot]) -> None:
    """Have the slots of a hold know when it lapses, if that is the first to come."""
    lapse = booking.hold_expires_at
    if booking.status == BookingStatus.HELD and lapse is not None:
        for slot in slots:
            slot.next_lapse_at = min(slot.next_lapse_at or lapse, lapse)

"""What a batch sees and changes while its slots are locked.

A ledger is read once, after the lock, and written once, before the commit. In
between requests decide on it in memory, each on what the earlier ones left. A
request that raises must not have changed it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Case, DateTimeField, F, Field, IntegerField, Value, When
from django.db.models.functions import Cast

from accounts.actors import SYSTEM, Actor
from bookings.errors import HoldExpired, InvalidState
from bookings.events import SeatChange, booking_event
from bookings.guests import GuestDetails, assign_guests
from bookings.models import Booking, BookingSlot, Slot
from bookings.states import EXPIRE, SEATED, BookingStatus, Transition
from reserve.core.clock import database_now
from reserve.core.errors import NotFound
from reserve.outbox import services as outbox
from reserve.outbox.models import Event


class MoreSlots(Exception):
    """Bookings that the batch must change use slots that it has not locked."""

    def __init__(self, slot_ids: Collection[UUID]) -> None:
        self.slot_ids = slot_ids
        super().__init__(f"{len(slot_ids)} more slots are needed")


@dataclass
class _Tally:
    """What a batch adds up for one slot."""

    seats: int = 0
    changes: int = 0


@dataclass
class Ledger:
    now: datetime
    slots: dict[UUID, Slot]
    bookings: dict[UUID, Booking] = field(default_factory=dict)
    slots_of: dict[UUID, list[UUID]] = field(default_factory=dict)
    _tallies: dict[UUID, _Tally] = field(default_factory=dict)
    _created: dict[UUID, tuple[Booking, GuestDetails | None]] = field(default_factory=dict)
    _changed: dict[UUID, Booking] = field(default_factory=dict)
    _events: list[Event] = field(default_factory=list)
    _rescheduled_lapses: set[UUID] = field(default_factory=set)

    # --- Reading, under the lock ------------------------------------------------

    @classmethod
    def lock(cls, *, slot_ids: Collection[UUID], booking_ids: Collection[UUID]) -> "Ledger":
        """Lock the slots and read everything that will be decided on.

        Raises:
            MoreSlots: a booking to be changed uses a slot that is not among them.
        """
        locked = lock_slots(slot_ids)
        ledger = cls(now=database_now(), slots=locked)
        ledger._read_bookings(booking_ids)
        ledger._reclaim_lapsed_holds()
        return ledger

    def _read_bookings(self, booking_ids: Collection[UUID]) -> None:
        if not booking_ids:
            return
        bookings = Booking.objects.filter(pk__in=booking_ids)
        self._admit(list(bookings.select_related("venue", "resource", "guest")))

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
        self._admit(list(held.select_related("venue", "resource", "guest").distinct()))
        self._rescheduled_lapses.update(due)
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

    def booking(self, booking_id: UUID) -> Booking:
        try:
            return self.bookings[booking_id]
        except KeyError:
            raise NotFound from None

    # --- Changing, in memory --------------------------------------------------------

    def add(
        self,
        booking: Booking,
        slots: Sequence[Slot],
        *,
        event: str,
        actor: Actor,
        guest: GuestDetails | None,
    ) -> Booking:
        """Record a new booking and take its seats. The caller has checked that they are free."""
        booking.version = 1
        self.bookings[booking.pk] = booking
        self.slots_of[booking.pk] = [slot.pk for slot in slots]
        booking.slots_at_hand = list(slots)
        self._created[booking.pk] = booking, guest
        changes = self._use_seats(booking, booking.seats) if booking.uses_seats else []
        if booking.status == BookingStatus.HELD and booking.hold_expires_at:
            for slot in slots:
                slot.next_lapse_at = min(
                    slot.next_lapse_at or booking.hold_expires_at, booking.hold_expires_at
                )
        self._events.append(booking_event(event, booking, changes, actor=actor))
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
            raise InvalidState(status=status, transition=transition)
        frees_seats = booking.uses_seats and transition.target not in SEATED
        booking.status = transition.target
        booking.version += 1
        if transition.target == BookingStatus.CANCELLED:
            booking.cancelled_at = self.now
        changes = self._use_seats(booking, -booking.seats) if frees_seats else []
        booking.slots_at_hand = [self.slots[slot_id] for slot_id in self.slots_of[booking.pk]]
        self._changed[booking.pk] = booking
        self._events.append(
            booking_event(transition.event, booking, changes, actor=actor, reason=reason)
        )
        return booking

    def _use_seats(self, booking: Booking, seats: int) -> list[SeatChange]:
        changes = []
        for slot_id in self.slots_of[booking.pk]:
            slot = self.slots[slot_id]
            slot.reserved += seats
            slot.version += 1
            tally = self._tallies.setdefault(slot_id, _Tally())
            tally.seats += seats
            tally.changes += 1
            changes.append(SeatChange(slot_id, slot.version, seats, slot.reserved, slot.capacity))
        return changes

    # --- Writing, before the commit -----------------------------------------------------

    @property
    def changed_slots(self) -> list[Slot]:
        return [self.slots[slot_id] for slot_id in self._tallies]

    def write(self) -> None:
        """Seats, bookings and events, one statement each."""
        self._write_slots()
        assign_guests(list(self._created.values()))
        created = [booking for booking, _ in self._created.values()]
        if created:
            Booking.objects.bulk_create(created)
            BookingSlot.objects.bulk_create(
                BookingSlot(
                    booking_id=booking.pk,
                    slot_id=slot_id,
                    organization_id=booking.organization_id,
                )
                for booking in created
                for slot_id in self.slots_of[booking.pk]
            )
        changed = [booking for booking in self._changed.values() if booking.pk not in self._created]
        if changed:
            Booking.objects.bulk_update(changed, ["status", "version", "cancelled_at"])
        if self._events:
            outbox.record(self._events)

    def _write_slots(self) -> None:
        self._recompute_lapses()
        touched = self._tallies.keys() | self._rescheduled_lapses
        if not touched:
            return
        tallies = {slot_id: self._tallies.get(slot_id, _Tally()) for slot_id in touched}
        Slot.objects.filter(pk__in=touched).update(
            # F, not the number that was read: a stale number would slip past
            # the constraint, a difference cannot.
            reserved=F("reserved")
            + _by_slot(((slot_id, tallies[slot_id].seats) for slot_id in touched), IntegerField()),
            version=F("version")
            + _by_slot(
                ((slot_id, tallies[slot_id].changes) for slot_id in touched), IntegerField()
            ),
            next_lapse_at=_by_slot(
                ((slot_id, self.slots[slot_id].next_lapse_at) for slot_id in touched),
                DateTimeField(),
            ),
        )

    def _recompute_lapses(self) -> None:
        """The next lapse of each slot whose lapsed holds were just reclaimed."""
        for slot_id in self._rescheduled_lapses:
            lapses = [
                booking.hold_expires_at
                for booking in self.bookings.values()
                if booking.status == BookingStatus.HELD
                and booking.hold_expires_at is not None
                and slot_id in self.slots_of[booking.pk]
            ]
            self.slots[slot_id].next_lapse_at = min(lapses, default=None)


def lock_slots(slot_ids: Collection[UUID]) -> dict[UUID, Slot]:
    """Lock slots against every other change of their seats until the commit.

    In order of their ids, or two batches could wait for each other; `no_key`,
    or bookings that refer to a slot could not be inserted meanwhile; evaluated
    at once, or nothing would be locked.
    """
    slots = (
        Slot.objects.select_for_update(of=("self",), no_key=True)
        .select_related("venue", "resource")
        .filter(pk__in=slot_ids)
        .order_by("pk")
    )
    return {slot.pk: slot for slot in slots}


def _by_slot(values: Iterable[tuple[UUID, object]], kind: "Field[Any, Any]") -> Cast:
    # A CASE of nothing but NULLs would be text to PostgreSQL.
    return Cast(Case(*(When(pk=slot_id, then=Value(value)) for slot_id, value in values)), kind)

"""What a batch has changed in memory, and how it is written: once, before the commit."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from bookings import store
from bookings.errors import SlotOverlaps
from bookings.events import EventRow
from bookings.guests import GuestDetails, assign_guests
from bookings.models import Booking, IdempotencyKey, Slot
from bookings.rows import SlotChanges, changed_row, created_row, key_row, slot_row
from bookings.states import BookingStatus


class Changes:
    """New and changed rows, over the slots and bookings that a ledger holds."""

    def __init__(
        self,
        slots: dict[UUID, Slot],
        bookings: Mapping[UUID, Booking],
        slots_of: Mapping[UUID, list[UUID]],
    ) -> None:
        """The three stay the ledger's own: what they hold when it is written is what counts."""
        self._slots = slots
        self._bookings = bookings
        self._slots_of = slots_of
        self._slots_before: dict[UUID, list[UUID]] = {}
        self.of_slots: defaultdict[UUID, SlotChanges] = defaultdict(SlotChanges)
        self.created: dict[UUID, tuple[Booking, GuestDetails | None]] = {}
        self.changed: dict[UUID, Booking] = {}
        self.named: dict[UUID, tuple[Booking, GuestDetails | None]] = {}
        self.events: list[EventRow] = []
        self.lapses_due: set[UUID] = set()
        """Slots of which lapsed holds were reclaimed."""
        self.added_slots: dict[UUID, Slot] = {}
        self.deleted_slots: dict[UUID, Slot] = {}

    def note_change(self, booking: Booking) -> None:
        """Have a booking written. A new one is anyway, as it is by then."""
        if booking.pk not in self.created:
            self.changed[booking.pk] = booking

    def note_move(self, booking: Booking) -> None:
        """Have a booking's links to its slots written; to be told before they change."""
        self._slots_before.setdefault(booking.pk, self._slots_of[booking.pk])

    @property
    def changed_slots(self) -> list[Slot]:
        """What watchers should hear of, once it is committed; a slot that is gone as closed."""
        return [
            *(self._slots[slot_id] for slot_id in self.of_slots),
            *self.deleted_slots.values(),
            *self.added_slots.values(),
        ]

    @property
    def changed_bookings(self) -> list[Booking]:
        """New ones, and those of which an event tells."""
        return [*(booking for booking, _ in self.created.values()), *self.changed.values()]

    def write(self, keys: Collection[IdempotencyKey]) -> None:
        """Write the changes, and nothing where there are none.

        What makes room for a slot comes before it: no two open ones may overlap,
        not even for a moment.

        Raises:
            SlotOverlaps: a slot that was added by hand would overlap an open one.
        """
        self._recompute_lapses()
        if self.created or self.named:
            assign_guests([*self.created.values(), *self.named.values()])
        if self.deleted_slots:
            store.delete_slots(self.deleted_slots)
        rows = self._rows(keys)
        reopened = [row for row in rows["slots"] if row.get("is_closed") is False]
        if reopened:
            rows["slots"] = [row for row in rows["slots"] if row.get("is_closed") is not False]
        store.write(rows)
        if reopened:
            store.write({"slots": reopened})
        if self.added_slots:
            self._insert_slots()

    def _insert_slots(self) -> None:
        inserted = store.insert_slots(list(self.added_slots.values()))
        for slot in list(self.added_slots.values()):
            if slot.pk not in inserted:
                if slot.version:
                    raise SlotOverlaps
                del self.added_slots[slot.pk]

    def _rows(self, keys: Collection[IdempotencyKey]) -> dict[str, list[dict[str, Any]]]:
        linked, unlinked = self._link_changes()
        return {
            "slots": [
                slot_row(self._slots[slot_id], self.of_slots.get(slot_id, _NO_CHANGES))
                for slot_id in self.of_slots.keys() | self.lapses_due
            ],
            "created": [created_row(booking) for booking, _ in self.created.values()],
            "changed": [changed_row(booking) for booking in self.changed.values()],
            "linked": linked,
            "unlinked": unlinked,
            "keys": [key_row(key) for key in keys],
            "events": self.events,
        }

    def _link_changes(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        linked, unlinked = [], []
        before: Mapping[UUID, Collection[UUID]] = {
            **dict.fromkeys(self.created, ()),
            **self._slots_before,
        }
        for booking_id, old in before.items():
            new = self._slots_of[booking_id]
            organization_id = self._bookings[booking_id].organization_id
            linked += [
                {"booking_id": booking_id, "slot_id": slot_id, "organization_id": organization_id}
                for slot_id in new
                if slot_id not in old or booking_id in self.created
            ]
            if booking_id not in self.created:
                unlinked += [
                    {"booking_id": booking_id, "slot_id": slot_id}
                    for slot_id in old
                    if slot_id not in new
                ]
        return linked, unlinked

    def _recompute_lapses(self) -> None:
        """The next lapse of each slot whose lapsed holds were just reclaimed."""
        for slot_id in self.lapses_due:
            lapses = [
                booking.hold_expires_at
                for booking in self._bookings.values()
                if booking.status == BookingStatus.HELD
                and booking.hold_expires_at is not None
                and slot_id in self._slots_of[booking.pk]
            ]
            self._slots[slot_id].next_lapse_at = min(lapses, default=None)


_NO_CHANGES = SlotChanges()

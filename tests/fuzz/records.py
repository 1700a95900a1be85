"""What must hold between the tables and the log, whatever callers were told."""

from collections import Counter, defaultdict
from datetime import datetime
from itertools import pairwise
from uuid import UUID

from accounts.models import User
from bookings.models import Booking, Slot
from bookings.states import CHANGEABLE, CONFIRM, SEATED, TRANSITIONS, BookingStatus
from reserve.outbox.models import Event
from tests.fuzz.evidence import Entry, Evidence

_BY_NAME = {transition.event: transition for transition in TRANSITIONS if transition != CONFIRM}
_CLOSING = {
    "booking.expired",
    "booking.declined",
    "booking.cancelled",
    "booking.checked_in",
    "booking.no_show",
}


class RecordChecks(Evidence):
    """Of `Audit`: the tables, held against the log as it is replayed."""

    def check_records(self) -> None:
        for check in (
            self._check_slots,
            self._check_bookings,
            self._replay_slots,
            self._replay_bookings,
            self._replay_limits,
        ):
            check()

    # --- The tables --------------------------------------------------------------------

    def _check_slots(self) -> None:
        seated = self.seated_on()
        for slot in self.slots.values():
            bookings = seated[slot.pk]
            if not 0 <= slot.reserved <= slot.capacity:
                self.find("oversold", f"{slot.public_id}: {slot.reserved} of {slot.capacity}")
            total = sum(booking.seats for booking in bookings)
            if slot.reserved != total:
                self.find(
                    "reserved", f"{slot.public_id}: {slot.reserved}, but bookings use {total}"
                )
            if slot.resource.is_exclusive and len(bookings) > 1:
                self.find("exclusive", f"{slot.public_id} has {len(bookings)} bookings")
            lapses = [
                booking.hold_expires_at
                for booking in bookings
                if booking.status == BookingStatus.HELD and booking.hold_expires_at
            ]
            if lapses and (slot.next_lapse_at is None or slot.next_lapse_at > min(lapses)):
                self.find("lapse", f"{slot.public_id}: {slot.next_lapse_at} after {min(lapses)}")
            if slot.is_withdrawn and not slot.is_closed:
                self.find("withdrawn", f"{slot.public_id} is open")
        offered = [slot for slot in self.slots.values() if not slot.is_closed]
        offered.sort(key=lambda slot: (slot.resource_id, slot.starts_at))
        for one, other in pairwise(offered):
            if one.resource_id == other.resource_id and one.ends_at > other.starts_at:
                self.find("overlap", f"{one.public_id} and {other.public_id}")

    def _check_bookings(self) -> None:
        for booking in self.bookings.values():
            slots = self.slots_of[booking.pk]
            if not slots:
                self.find("slots", f"{booking.public_id} has none")
                continue
            told = booking.starts_at, booking.ends_at, booking.resource_id, booking.venue_id
            first, last = slots[0], slots[-1]
            if told != (first.starts_at, last.ends_at, first.resource_id, first.venue_id):
                self.find("slots", f"{booking.public_id} tells of other times than its slots")
            for one, following in pairwise(slots):
                if (one.resource_id, one.ends_at) != (following.resource_id, following.starts_at):
                    self.find("slots", f"{booking.public_id} has slots with a gap between")
            if (booking.status == BookingStatus.CANCELLED) != (booking.cancelled_at is not None):
                self.find("cancelled_at", booking.public_id)
            if not first.resource.is_exclusive and booking.seats != booking.guest_count:
                self.find("seats", f"{booking.public_id}: {booking.seats} seats")

    # --- The log, replayed ---------------------------------------------------------------

    def _replay_slots(self) -> None:
        capacities = {UUID(place.id): place.capacity for place in self.world.slots}
        for slot in self.slots.values():
            entries = self.entries.get(slot.pk, [])
            first = entries[0].capacity if entries else slot.capacity
            # Of a slot that the schedule brought nothing tells how it began.
            self._replay_slot(slot, entries, capacities.get(slot.pk, first))
        for slot_id in self.entries.keys() - self.slots.keys():
            self.find("deleted", f"{slot_id} has a history")

    def _replay_slot(self, slot: Slot, entries: list[Entry], capacity: int) -> None:
        reserved, is_closed, is_withdrawn, used = 0, False, False, Counter[UUID]()
        versions = [entry.version for entry in entries]
        if versions != list(range(1, slot.version + 1)):
            self.find("versions", f"{slot.public_id}: {_gaps(versions, slot.version)}")
            return
        for entry in entries:
            where = f"{slot.public_id}, version {entry.version}, {entry.event.name}"
            reserved += entry.seats
            if entry.is_closed is not None:
                is_closed, capacity = entry.is_closed, entry.capacity
                is_withdrawn = bool(entry.is_withdrawn)
            if (entry.reserved, entry.capacity) != (reserved, capacity):
                told = f"{entry.reserved} of {entry.capacity}"
                self.find("replay", f"{where}: {told}, but it was {reserved} of {capacity}")
                return
            if not 0 <= reserved <= capacity:
                self.find("oversold", f"{where}: {reserved} of {capacity}")
            if entry.booking is not None:
                used[entry.booking] += entry.seats
                self._check_use(slot, entry, used, where, is_closed=is_closed)
        told = reserved, capacity, is_closed, is_withdrawn
        if (slot.reserved, slot.capacity, slot.is_closed, slot.is_withdrawn) != told:
            self.find("replay", f"{slot.public_id} is not what its log tells")
        self._check_used(slot, used)

    def _check_use(
        self, slot: Slot, entry: Entry, used: Counter[UUID], where: str, *, is_closed: bool
    ) -> None:
        """What one booking took or gave back, at its moment."""
        assert entry.booking is not None
        if used[entry.booking] < 0:
            self.find("seats", f"{where}: given back more than once")
        if slot.resource.is_exclusive and sum(seats > 0 for seats in used.values()) > 1:
            self.find("exclusive", f"{where}: two bookings at once")
        takes = entry.event.name in {"booking.created", "booking.held", "booking.rescheduled"}
        if is_closed and takes and 0 < entry.seats == used[entry.booking]:
            self.find("closed", f"{where}: seats were taken on a closed slot")

    def _check_used(self, slot: Slot, used: Counter[UUID]) -> None:
        """What bookings use at last: their seats while they are seated, and else nothing."""
        for booking_id, seats in used.items():
            booking = self.bookings.get(booking_id)
            has_it = booking and booking.status in SEATED and slot in self.slots_of[booking_id]
            expected = booking.seats if booking and has_it else 0
            if seats != expected:
                self.find("seats", f"{slot.public_id}: {seats}, not {expected}, by {booking_id}")

    def _replay_bookings(self) -> None:
        for booking_id in self.events_of.keys() - self.bookings.keys():
            self.find("events", f"of a booking that is not there: {booking_id}")
        for booking in self.bookings.values():
            events = self.events_of.get(booking.pk, [])
            sequences = [event.sequence for event in events]
            if sequences != list(range(1, booking.version + 1)):
                self.find("sequence", f"{booking.public_id}: {sequences} of {booking.version}")
                continue
            last = events[-1].payload
            if (last["status"], last["guest_count"]) != (booking.status, booking.guest_count):
                self.find("replay", f"{booking.public_id} is not what its last event tells")
            for before, event in pairwise(events):
                if before.recorded_at > event.recorded_at:
                    self.find("order", f"{booking.public_id}: {event.name} before its time")
            self._replay_statuses(booking, events)

    def _replay_statuses(self, booking: Booking, events: list[Event]) -> None:
        status: BookingStatus | None = None
        for event in events:
            told = BookingStatus(event.payload["status"])
            if status is None:
                starts = {"booking.created": BookingStatus.PENDING, "booking.held": "HELD"}
                is_right = starts.get(event.name) == told
            elif event.name in {"booking.rescheduled", "booking.updated"}:
                is_right = status in CHANGEABLE and told == status
            else:
                step = CONFIRM if event.name == CONFIRM.event else _BY_NAME[event.name]
                is_right = status in step.sources and told == step.target
            if not is_right:
                self.find("states", f"{booking.public_id}: {event.name} from {status} to {told}")
            if event.name == "booking.expired":
                lapse = booking.hold_expires_at
                if lapse is None or event.recorded_at < lapse:
                    self.find("lapse", f"{booking.public_id} expired before {lapse}")
            status = told

    def _replay_limits(self) -> None:
        """Whoever took a booking for themselves had fewer open ones than the venue allows.

        Only what that customer took counts, until it was first checked in: what
        staff add or put back is not asked for by the customer.
        """
        taken: dict[tuple[UUID, str], list[tuple[datetime, datetime]]] = defaultdict(list)
        for booking_id, events in self.events_of.items():
            booking = self.bookings.get(booking_id)
            if booking is None or str(booking.venue_id) not in self.world.limits:
                continue
            who = events[0].payload["actor"]
            if booking.customer_id is None and who == "anonymous":
                who = booking.guest.email
            elif booking.customer_id is None or who != User.format_id(booking.customer_id):
                continue
            closing = [event.recorded_at for event in events if event.name in _CLOSING]
            if booking.hold_expires_at and not any(event.name == CONFIRM.event for event in events):
                closing.append(booking.hold_expires_at)
            end = min(closing, default=datetime.max.replace(tzinfo=booking.created_at.tzinfo))
            taken[booking.venue_id, who].append((events[0].recorded_at, end))
        for (venue_id, who), spans in taken.items():
            spans.sort()
            for position, (begin, _) in enumerate(spans):
                is_open = sum(end > begin for _, end in spans[:position])
                if is_open >= self.world.limits[str(venue_id)]:
                    self.find("limit", f"{who} took one more with {is_open} open")


def _gaps(versions: list[int], last: int) -> str:
    counts = Counter(versions)
    repeated = [version for version, number in counts.items() if number > 1]
    missing = [version for version in range(1, last + 1) if version not in counts]
    return f"missing {missing[:5]}, repeated {repeated[:5]}, last {last}"

"""What must hold after a round: the tables, the log and what callers were told, held together."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import orjson

from accounts.models import User
from bookings.models import Booking, BookingSlot, IdempotencyKey, Slot
from bookings.states import CHANGEABLE, CONFIRM, SEATED, TRANSITIONS, BookingStatus
from reserve.outbox.models import Event
from tests.fuzz.operations import EXPECTED, OK, Record
from tests.fuzz.world import World, place_of

# What the database may find wrong with a batch that races another: the wait for a
# lock was too long, or the same key or time came from two processes.
_HARMLESS_FAULTS = {
    "LockNotAvailable",
    "UniqueViolation one_call_per_key",
    "ExclusionViolation slots_do_not_overlap",
}
# More of these mean that callers stand in each other's way.
_MOST_BUSY = 0.02
_BY_NAME = {transition.event: transition for transition in TRANSITIONS if transition != CONFIRM}
_CLOSING = {
    "booking.expired",
    "booking.declined",
    "booking.cancelled",
    "booking.checked_in",
    "booking.no_show",
}


@dataclass(frozen=True, slots=True)
class Finding:
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One change of one slot, as the log tells it."""

    version: int
    reserved: int
    capacity: int
    event: Event
    seats: int = 0
    booking: UUID | None = None
    is_closed: bool | None = None
    is_withdrawn: bool | None = None


@dataclass
class Audit:
    """Holds a world's tables against its log and its callers' history."""

    world: World
    history: list[Record]
    findings: list[Finding] = field(default_factory=list)

    def run(self) -> list[Finding]:
        for check in (
            self._check_outcomes,
            self._check_slots,
            self._check_bookings,
            self._replay_slots,
            self._replay_bookings,
            self._replay_limits,
            self._check_creations,
            self._check_keys,
            self._check_changes,
            self._check_publication,
        ):
            check()
        return self.findings

    def _find(self, kind: str, text: str) -> None:
        self.findings.append(Finding(kind, text))

    # --- What there is ---------------------------------------------------------------

    @cached_property
    def slots(self) -> dict[UUID, Slot]:
        found = Slot.objects.filter(organization=self.world.organization)
        return {slot.pk: slot for slot in found.select_related("resource", "venue")}

    @cached_property
    def bookings(self) -> dict[UUID, Booking]:
        found = Booking.objects.filter(organization=self.world.organization)
        return {booking.pk: booking for booking in found.select_related("guest")}

    @cached_property
    def slots_of(self) -> dict[UUID, list[Slot]]:
        links = BookingSlot.objects.filter(booking__organization=self.world.organization)
        slots_of: dict[UUID, list[Slot]] = defaultdict(list)
        for booking_id, slot_id in links.order_by("slot__starts_at").values_list(
            "booking_id", "slot_id"
        ):
            slots_of[booking_id].append(self.slots[slot_id])
        return slots_of

    @cached_property
    def events(self) -> list[Event]:
        found = Event.objects.filter(organization_id=self.world.organization)
        return list(found.order_by("subject_id", "sequence"))

    @cached_property
    def events_of(self) -> dict[UUID, list[Event]]:
        """The events of each booking."""
        events_of: dict[UUID, list[Event]] = defaultdict(list)
        for event in self.events:
            if event.name.startswith("booking."):
                events_of[event.subject_id].append(event)
        return events_of

    @cached_property
    def entries(self) -> dict[UUID, list[_Entry]]:
        """The log of each slot, by its versions."""
        entries: dict[UUID, list[_Entry]] = defaultdict(list)
        for event in self.events:
            payload = event.payload
            if event.name == "slot.changed":
                facts = payload["version"], payload["reserved"], payload["capacity"]
                entry = _Entry(
                    *facts,
                    event,
                    is_closed=payload["is_closed"],
                    is_withdrawn=payload["is_withdrawn"],
                )
                entries[event.subject_id].append(entry)
                continue
            for change in payload["slots"]:
                facts = change["version"], change["reserved"], change["capacity"]
                entry = _Entry(*facts, event, seats=change["seats"], booking=event.subject_id)
                entries[Slot.parse_id(change["slot"])].append(entry)
        for found in entries.values():
            found.sort(key=lambda entry: entry.version)
        return entries

    def _seated_on(self) -> dict[UUID, list[Booking]]:
        seated: dict[UUID, list[Booking]] = defaultdict(list)
        for booking in self.bookings.values():
            if booking.status in SEATED:
                for slot in self.slots_of[booking.pk]:
                    seated[slot.pk].append(booking)
        return seated

    # --- The tables --------------------------------------------------------------------

    def _check_slots(self) -> None:
        seated = self._seated_on()
        for slot in self.slots.values():
            bookings = seated[slot.pk]
            if not 0 <= slot.reserved <= slot.capacity:
                self._find("oversold", f"{slot.public_id}: {slot.reserved} of {slot.capacity}")
            total = sum(booking.seats for booking in bookings)
            if slot.reserved != total:
                self._find(
                    "reserved", f"{slot.public_id}: {slot.reserved}, but bookings use {total}"
                )
            if slot.resource.is_exclusive and len(bookings) > 1:
                self._find("exclusive", f"{slot.public_id} has {len(bookings)} bookings")
            lapses = [
                booking.hold_expires_at
                for booking in bookings
                if booking.status == BookingStatus.HELD and booking.hold_expires_at
            ]
            if lapses and (slot.next_lapse_at is None or slot.next_lapse_at > min(lapses)):
                self._find("lapse", f"{slot.public_id}: {slot.next_lapse_at} after {min(lapses)}")
            if slot.is_withdrawn and not slot.is_closed:
                self._find("withdrawn", f"{slot.public_id} is open")
        offered = [slot for slot in self.slots.values() if not slot.is_closed]
        offered.sort(key=lambda slot: (slot.resource_id, slot.starts_at))
        for one, other in pairwise(offered):
            if one.resource_id == other.resource_id and one.ends_at > other.starts_at:
                self._find("overlap", f"{one.public_id} and {other.public_id}")

    def _check_bookings(self) -> None:
        for booking in self.bookings.values():
            slots = self.slots_of[booking.pk]
            if not slots:
                self._find("slots", f"{booking.public_id} has none")
                continue
            told = booking.starts_at, booking.ends_at, booking.resource_id, booking.venue_id
            first, last = slots[0], slots[-1]
            if told != (first.starts_at, last.ends_at, first.resource_id, first.venue_id):
                self._find("slots", f"{booking.public_id} tells of other times than its slots")
            for one, following in pairwise(slots):
                if (one.resource_id, one.ends_at) != (following.resource_id, following.starts_at):
                    self._find("slots", f"{booking.public_id} has slots with a gap between")
            if (booking.status == BookingStatus.CANCELLED) != (booking.cancelled_at is not None):
                self._find("cancelled_at", booking.public_id)
            if not first.resource.is_exclusive and booking.seats != booking.guest_count:
                self._find("seats", f"{booking.public_id}: {booking.seats} seats")

    # --- The log, replayed ---------------------------------------------------------------

    def _replay_slots(self) -> None:
        capacities = {UUID(place.id): place.capacity for place in self.world.slots}
        for slot in self.slots.values():
            entries = self.entries.get(slot.pk, [])
            first = entries[0].capacity if entries else slot.capacity
            # Of a slot that the schedule brought nothing tells how it began.
            self._replay_slot(slot, entries, capacities.get(slot.pk, first))
        for slot_id in self.entries.keys() - self.slots.keys():
            self._find("deleted", f"{slot_id} has a history")

    def _replay_slot(self, slot: Slot, entries: list[_Entry], capacity: int) -> None:
        reserved, is_closed, is_withdrawn, used = 0, False, False, Counter[UUID]()
        versions = [entry.version for entry in entries]
        if versions != list(range(1, slot.version + 1)):
            self._find("versions", f"{slot.public_id}: {_gaps(versions, slot.version)}")
            return
        for entry in entries:
            where = f"{slot.public_id}, version {entry.version}, {entry.event.name}"
            reserved += entry.seats
            if entry.is_closed is not None:
                is_closed, capacity = entry.is_closed, entry.capacity
                is_withdrawn = bool(entry.is_withdrawn)
            if (entry.reserved, entry.capacity) != (reserved, capacity):
                told = f"{entry.reserved} of {entry.capacity}"
                self._find("replay", f"{where}: {told}, but it was {reserved} of {capacity}")
                return
            if not 0 <= reserved <= capacity:
                self._find("oversold", f"{where}: {reserved} of {capacity}")
            if entry.booking is not None:
                used[entry.booking] += entry.seats
                self._check_use(slot, entry, used, where, is_closed=is_closed)
        told = reserved, capacity, is_closed, is_withdrawn
        if (slot.reserved, slot.capacity, slot.is_closed, slot.is_withdrawn) != told:
            self._find("replay", f"{slot.public_id} is not what its log tells")
        self._check_used(slot, used)

    def _check_use(
        self, slot: Slot, entry: _Entry, used: Counter[UUID], where: str, *, is_closed: bool
    ) -> None:
        """What one booking took or gave back, at its moment."""
        assert entry.booking is not None
        if used[entry.booking] < 0:
            self._find("seats", f"{where}: given back more than once")
        if slot.resource.is_exclusive and sum(seats > 0 for seats in used.values()) > 1:
            self._find("exclusive", f"{where}: two bookings at once")
        takes = entry.event.name in {"booking.created", "booking.held", "booking.rescheduled"}
        if is_closed and takes and 0 < entry.seats == used[entry.booking]:
            self._find("closed", f"{where}: seats were taken on a closed slot")

    def _check_used(self, slot: Slot, used: Counter[UUID]) -> None:
        """What bookings use at last: their seats while they are seated, and else nothing."""
        for booking_id, seats in used.items():
            booking = self.bookings.get(booking_id)
            has_it = booking and booking.status in SEATED and slot in self.slots_of[booking_id]
            expected = booking.seats if booking and has_it else 0
            if seats != expected:
                self._find("seats", f"{slot.public_id}: {seats}, not {expected}, by {booking_id}")

    def _replay_bookings(self) -> None:
        for booking_id in self.events_of.keys() - self.bookings.keys():
            self._find("events", f"of a booking that is not there: {booking_id}")
        for booking in self.bookings.values():
            events = self.events_of.get(booking.pk, [])
            sequences = [event.sequence for event in events]
            if sequences != list(range(1, booking.version + 1)):
                self._find("sequence", f"{booking.public_id}: {sequences} of {booking.version}")
                continue
            last = events[-1].payload
            if (last["status"], last["guest_count"]) != (booking.status, booking.guest_count):
                self._find("replay", f"{booking.public_id} is not what its last event tells")
            for before, event in pairwise(events):
                if before.recorded_at > event.recorded_at:
                    self._find("order", f"{booking.public_id}: {event.name} before its time")
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
                self._find("states", f"{booking.public_id}: {event.name} from {status} to {told}")
            if event.name == "booking.expired":
                lapse = booking.hold_expires_at
                if lapse is None or event.recorded_at < lapse:
                    self._find("lapse", f"{booking.public_id} expired before {lapse}")
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
                    self._find("limit", f"{who} took one more with {is_open} open")

    # --- What callers were told ------------------------------------------------------------

    def _check_outcomes(self) -> None:
        busy = 0
        for record in self.history:
            outcome = record["outcome"]
            if outcome != OK and outcome not in EXPECTED[record["op"]]:
                self._find("outcome", f"{outcome} {record.get('error', '')} for {_asked(record)}")
            busy += outcome == "SLOT_BUSY"
            role = record.get("role")
            if role == "stranger" and outcome not in {"NOT_FOUND", "FORBIDDEN", "SLOT_BUSY"}:
                self._find("reach", f"a stranger was told {outcome} for {_asked(record)}")
            if outcome == "FORBIDDEN" and role == "staff":
                self._find("reach", f"staff were told {outcome} for {_asked(record)}")
        if busy > max(5, _MOST_BUSY * len(self.history)):
            self._find("busy", f"{busy} of {len(self.history)} operations")

    @cached_property
    def _creations(self) -> list[Record]:
        return [record for record in self.history if record["op"] in {"create", "hold", "keyed"}]

    @cached_property
    def _by_notes(self) -> dict[str, list[Booking]]:
        """The bookings that each creation left: its notes name it, and only exclamations follow."""
        by_notes: dict[str, list[Booking]] = defaultdict(list)
        for booking in self.bookings.values():
            by_notes[booking.notes.rstrip("!")].append(booking)
        return by_notes

    def _check_creations(self) -> None:
        """Every success is in the database, and no refusal left anything."""
        told = {record["notes"] for record in self._creations if record["outcome"] == OK}
        for notes in self._by_notes.keys() - told:
            self._find("left behind", f"a booking that nobody was told of: {notes}")
        places = {str(slot.pk): place_of(slot) for slot in self.slots.values()}
        for record in self._creations:
            if record["outcome"] != OK:
                continue
            booking = self.bookings.get(UUID(record["booking"]))
            if booking is None or booking.confirmation_code != record["code"]:
                self._find("lost", f"not there: {_asked(record)}")
                continue
            place = places[record["slot"]]
            if record["op"] != "keyed":
                status = "HELD" if record["holds"] else "PENDING"
                if record["status"] != status:
                    self._find("answer", f"{record['status']} for {_asked(record)}")
                if not place.is_exclusive and record["seats"] != record["party"]:
                    self._find("answer", f"{record['seats']} seats for {_asked(record)}")
            if str(booking.venue_id) != place.venue:
                self._find("answer", f"another venue for {_asked(record)}")
            if len(self._by_notes[record["notes"]]) != 1:
                count = len(self._by_notes[record["notes"]])
                self._find("repeated", f"{count} bookings by {_asked(record)}")

    def _check_keys(self) -> None:
        """One booking for each key; every success with it told that booking."""
        callers = [f"user:{UUID(customer).hex}" for customer in self.world.customers]
        rows = IdempotencyKey.objects.filter(caller__in=callers)
        remembered = {(row.caller, row.key): row.booking_id for row in rows}
        answers: dict[tuple[str, str], list[Record]] = defaultdict(list)
        for record in self._creations:
            if record["op"] == "keyed":
                caller = f"user:{User.parse_id(record['actor']).hex}"
                answers[caller, record["key"]].append(record)
        for key in answers.keys() | remembered.keys():
            self._check_key(str(key), answers[key], remembered.get(key))

    def _check_key(self, key: str, records: list[Record], remembered: UUID | None) -> None:
        successes = [record for record in records if record["outcome"] == OK]
        bookings = {record["booking"] for record in successes}
        contents = {_content(record) for record in successes}
        if len(bookings) > 1:
            self._find("key", f"{key} was answered with {len(bookings)} bookings")
        if len(contents) > 1:
            self._find("key", f"{key} was accepted with different contents")
        if bookings and str(remembered) not in bookings:
            self._find("key", f"{key} is not remembered with its booking")
        if remembered and not bookings:
            self._find("key", f"{key} is remembered, but nobody was told")
        for record in records:
            if record["outcome"] == "IDEMPOTENCY_MISMATCH" and contents <= {_content(record)}:
                self._find("key", f"{key} was refused though nobody used it for something else")

    def _check_changes(self) -> None:
        """As many successes as events, for each change of each booking and slot by each actor."""
        told, certain = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
        for record in self.history:
            if record["outcome"] != OK:
                continue
            if record["op"] in {"transition", "reschedule", "update"}:
                change = record["booking"], record["event"], record["actor"]
                told[change] += 1
                # What a booking has already, slots, party and notes, is no event.
                certain[change] += record["op"] == "transition"
            elif record["op"] == "change_slot":
                change = record["slot"], "slot.changed", record["actor"]
                told[change] += 1
                certain[change] += 1
        recorded = Counter[tuple[str, str, str]]()
        for event in self.events:
            is_first = event.sequence == 1 and event.name in {"booking.created", "booking.held"}
            if not is_first and event.payload["actor"] != "system":
                recorded[str(event.subject_id), event.name, event.payload["actor"]] += 1
        for change in told.keys() | recorded.keys():
            if not certain[change] <= recorded[change] <= told[change]:
                counts = f"{told[change]} told, {recorded[change]} recorded"
                self._find("changes", f"{change}: {counts}")

    def _check_publication(self) -> None:
        """As many events of the schedule's changes as were told, and no slot beyond those told."""
        days = [record for record in self.history if record["op"] == "publish"]
        told = Counter[str]()
        for record in days:
            if record["outcome"] == OK:
                told.update({name: record[name] for name in ("added", "removed", "changed")})
        recorded = sum(
            event.name == "slot.changed" and event.payload["actor"] == "system"
            for event in self.events
        )
        if recorded != told["changed"]:
            self._find("published", f"{told['changed']} told, {recorded} recorded")
        number = len(self.slots) - len(self.world.slots) + told["removed"]
        # What another process had just added was told, but not added again.
        if not 0 <= number <= told["added"]:
            self._find("published", f"{told} told, but there are {number} more")


def check_faults(faults: Mapping[str, int]) -> Iterable[Finding]:
    """What the database found wrong with batches, also where a second attempt hid it."""
    for name, number in faults.items():
        if name not in _HARMLESS_FAULTS:
            kind = "deadlock" if name == "DeadlockDetected" else "fault"
            yield Finding(kind, f"{number} × {name}")


def read_history(paths: Iterable[Path]) -> list[Record]:
    return [orjson.loads(line) for path in paths for line in path.read_bytes().splitlines()]


def check_deliveries(world: World) -> Iterable[Finding]:
    """After the relay has caught up, each event is delivered, and nobody waits for the queue."""
    of_world = Event.objects.filter(organization_id=world.organization)
    if missing := of_world.filter(delivered_at=None).count():
        yield Finding("delivery", f"{missing} events are not delivered")
    waiting = Booking.objects.filter(
        organization=world.organization,
        status=BookingStatus.PENDING,
        venue__confirmation_mode="AUTOMATIC",
    )
    if unconfirmed := waiting.count():
        yield Finding("delivery", f"{unconfirmed} bookings were not confirmed")


def _gaps(versions: list[int], last: int) -> str:
    counts = Counter(versions)
    repeated = [version for version, number in counts.items() if number > 1]
    missing = [version for version in range(1, last + 1) if version not in counts]
    return f"missing {missing[:5]}, repeated {repeated[:5]}, last {last}"


def _content(record: Record) -> tuple[str, int, int, bool]:
    return record["slot"], record["party"], record["slot_count"], record["holds"]


def _asked(record: Record) -> str:
    return ", ".join(f"{key}={value}" for key, value in record.items() if key != "error")

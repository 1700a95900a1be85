"""What a round left: the tables, the log, and the history of what callers were told."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from uuid import UUID

import orjson

from bookings.models import Booking, BookingSlot, Slot
from bookings.states import SEATED
from reserve.outbox.models import Event
from tests.fuzz.outcomes import Record
from tests.fuzz.world import World


@dataclass(frozen=True, slots=True)
class Finding:
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


@dataclass(frozen=True, slots=True)
class Entry:
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
class Evidence:
    """A world's tables and log beside its callers' history, and what was found in them."""

    world: World
    history: list[Record]
    findings: list[Finding] = field(default_factory=list)

    def find(self, kind: str, text: str) -> None:
        self.findings.append(Finding(kind, text))

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
    def entries(self) -> dict[UUID, list[Entry]]:
        """The log of each slot, by its versions."""
        entries: dict[UUID, list[Entry]] = defaultdict(list)
        for event in self.events:
            payload = event.payload
            if event.name == "slot.changed":
                facts = payload["version"], payload["reserved"], payload["capacity"]
                entry = Entry(
                    *facts,
                    event,
                    is_closed=payload["is_closed"],
                    is_withdrawn=payload["is_withdrawn"],
                )
                entries[event.subject_id].append(entry)
                continue
            for change in payload["slots"]:
                facts = change["version"], change["reserved"], change["capacity"]
                entry = Entry(*facts, event, seats=change["seats"], booking=event.subject_id)
                entries[Slot.parse_id(change["slot"])].append(entry)
        for found in entries.values():
            found.sort(key=lambda entry: entry.version)
        return entries

    def seated_on(self) -> dict[UUID, list[Booking]]:
        seated: dict[UUID, list[Booking]] = defaultdict(list)
        for booking in self.bookings.values():
            if booking.status in SEATED:
                for slot in self.slots_of[booking.pk]:
                    seated[slot.pk].append(booking)
        return seated


def read_history(paths: Iterable[Path]) -> list[Record]:
    return [orjson.loads(line) for path in paths for line in path.read_bytes().splitlines()]

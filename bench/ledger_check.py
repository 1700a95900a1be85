"""Checks a large ledger, and writes how long it took: `bench/ledger.py` runs it.

The data is made up, loaded by COPY into a database of its own on the server that
DATABASE_URL names, checked, and dropped.
"""

import argparse
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import django

_DATABASE = "reserve_bench_ledger"
_RESOURCES = 100
_BOOKINGS_PER_SLOT = 10
_CAPACITY = 60
_DURATION = timedelta(minutes=30)
# In the text format of COPY; it sorts after every date.
_NULL = r"\N"
_START = datetime(2026, 1, 1, tzinfo=UTC)

# What becomes of bookings: the share, and event and status of each step.
_CREATED = ("booking.created", "PENDING")
_HELD = ("booking.held", "HELD")
_CONFIRMED = ("booking.confirmed", "CONFIRMED")
_LIVES = (
    (0.75, (_CREATED, _CONFIRMED)),
    (0.08, (_CREATED, ("booking.cancelled", "CANCELLED"))),
    (0.07, (_HELD, ("booking.expired", "EXPIRED"))),
    (0.05, (_HELD, _CREATED, _CONFIRMED)),
    (0.03, (_CREATED, _CONFIRMED, ("booking.checked_in", "CHECKED_IN"))),
    (0.02, (_HELD,)),
)
_SEATLESS = {"CANCELLED", "EXPIRED"}


@dataclass(slots=True)
class _Slot:
    id: str
    public_id: str
    resource: int
    starts_at: datetime
    capacity: int = _CAPACITY
    reserved: int = 0
    version: int = 0
    next_lapse_at: str = _NULL


@dataclass(slots=True)
class _Booking:
    id: str
    slots: list[_Slot]
    seats: int
    life: tuple[tuple[str, str], ...]
    step: int = 0


class _Maker:
    """Makes up slots, bookings and the log that explains them."""

    def __init__(self, bookings: int) -> None:
        self._random = random.Random(7)  # noqa: S311 (the same data at every run)
        self._clock = int(_START.timestamp() * 1000)
        self._bookings = bookings
        self.slots: list[_Slot] = []
        self.bookings: list[_Booking] = []

    def make_slots(self, format_id: Callable[[UUID], str]) -> None:
        each = max(2, self._bookings // _BOOKINGS_PER_SLOT // _RESOURCES)
        for resource in range(_RESOURCES):
            for number in range(each):
                slot_id = self.new_id()
                public_id = format_id(UUID(slot_id))
                self.slots.append(_Slot(slot_id, public_id, resource, _START + number * _DURATION))

    def events(self, organization: str) -> Iterator[str]:
        """The rows of the log, and on the way the slots and bookings that they leave."""
        pending = []
        for _ in range(self._bookings):
            booking = self._new_booking()
            self.bookings.append(booking)
            yield self._next_event(organization, booking)
            if len(booking.life) > 1:
                pending.append(booking)
        self._random.shuffle(pending)
        for booking in pending:
            while booking.step < len(booking.life):
                yield self._next_event(organization, booking)
        for slot in self.slots[::100]:
            yield self._change_capacity(organization, slot)

    def _new_booking(self) -> _Booking:
        index = self._random.randrange(len(self.slots))
        slots = [self.slots[index]]
        following = self.slots[(index + 1) % len(self.slots)]
        if self._random.random() < 0.05 and following.resource == slots[0].resource:  # noqa: PLR2004
            slots.append(following)
        room = min(slot.capacity - slot.reserved for slot in slots)
        if room == 0:
            return self._new_booking()
        ((_, life),) = self._random.choices(_LIVES, [share for share, _ in _LIVES])
        return _Booking(self.new_id(), slots, min(room, self._random.randint(1, 4)), life)

    def _next_event(self, organization: str, booking: _Booking) -> str:
        name, status = booking.life[booking.step]
        booking.step += 1
        delta = booking.seats if booking.step == 1 else 0
        if status in _SEATLESS:
            delta = -booking.seats
        changes = [_change(slot, delta) for slot in booking.slots] if delta else []
        payload = {
            "booking": "booking_" + booking.id[:26].upper(),
            "venue": "venue_" + booking.slots[0].id[:26].upper(),
            "status": status,
            "guest_count": booking.seats,
            "reason": "",
            "actor": "user_" + booking.id[:26].upper(),
            "slots": changes,
        }
        return self._row(organization, name, booking.id, booking.step, payload)

    def _change_capacity(self, organization: str, slot: _Slot) -> str:
        slot.capacity += 4
        slot.version += 1
        payload = {
            "slot": slot.public_id,
            "version": slot.version,
            "capacity": slot.capacity,
            "is_closed": False,
            "reserved": slot.reserved,
        }
        return self._row(organization, "slot.changed", slot.id, 1, payload)

    def _row(
        self, organization: str, name: str, subject: str, sequence: int, payload: object
    ) -> str:
        facts = (organization, name, subject, str(sequence), json.dumps(payload), "bench", "now")
        return "\t".join((self.new_id(), *facts, "1", "")) + "\n"

    def new_id(self) -> str:
        self._clock += 1
        return f"{self._clock:012x}{self._random.getrandbits(80):020x}"


def _change(slot: _Slot, seats: int) -> dict[str, object]:
    slot.reserved += seats
    slot.version += 1
    return {
        "slot": slot.public_id,
        "version": slot.version,
        "seats": seats,
        "reserved": slot.reserved,
        "capacity": slot.capacity,
    }


class _Loader:
    """Loads what the maker makes up, for one venue."""

    def __init__(self, bookings: int) -> None:
        from bookings.models import Guest, Slot
        from tests.factories import make_resource, make_venue

        venue = make_venue()
        organization = venue.organization
        self._venue, self._organization = venue.pk.hex, organization.pk.hex
        self._resources = [make_resource(venue).pk.hex for _ in range(_RESOURCES)]
        self._guest = Guest.objects.create(organization=organization, name="Somebody").pk.hex
        self._maker = _Maker(bookings)
        self._maker.make_slots(Slot.format_id)

    def load(self) -> None:
        _drop_foreign_keys("bookings_slot", "bookings_booking", "bookings_bookingslot")
        _copy(
            "outbox_event (id, organization_id, name, subject_id, sequence, payload, request_id,"
            " delivered_at, attempts, last_error)",
            self._maker.events(self._organization),
        )
        _copy(
            "bookings_booking (id, organization_id, venue_id, resource_id, guest_id, status,"
            " guest_count, seats, notes, confirmation_code, starts_at, ends_at, hold_expires_at,"
            " created_at, version)",
            self._bookings(),
        )
        _copy("bookings_bookingslot (booking_id, slot_id, organization_id)", self._links())
        _copy(
            "bookings_slot (id, organization_id, venue_id, resource_id, starts_at, ends_at,"
            " capacity, reserved, is_closed, version, next_lapse_at)",
            self._slots(),
        )
        _execute("VACUUM ANALYZE")

    def _bookings(self) -> Iterator[str]:
        for number, booking in enumerate(self._maker.bookings):
            first, last = booking.slots[0], booking.slots[-1]
            status = booking.life[-1][1]
            lapses_at = _NULL
            if booking.life[0] == _HELD:
                lapses_at = f"{first.starts_at - timedelta(days=1)}"
            if status == "HELD":
                for slot in booking.slots:
                    slot.next_lapse_at = min(slot.next_lapse_at, lapses_at)
            resource = self._resources[first.resource]
            yield (
                f"{booking.id}\t{self._organization}\t{self._venue}\t{resource}"
                f"\t{self._guest}\t{status}\t{booking.seats}\t{booking.seats}\t\t{number:08d}"
                f"\t{first.starts_at}\t{last.starts_at + _DURATION}\t{lapses_at}"
                f"\t{_START}\t{len(booking.life)}\n"
            )

    def _links(self) -> Iterator[str]:
        for booking in self._maker.bookings:
            for slot in booking.slots:
                yield f"{booking.id}\t{slot.id}\t{self._organization}\n"

    def _slots(self) -> Iterator[str]:
        for slot in self._maker.slots:
            yield (
                f"{slot.id}\t{self._organization}\t{self._venue}"
                f"\t{self._resources[slot.resource]}\t{slot.starts_at}"
                f"\t{slot.starts_at + _DURATION}\t{slot.capacity}\t{slot.reserved}\tf"
                f"\t{slot.version}\t{slot.next_lapse_at}\n"
            )


@contextmanager
def _own_database() -> Iterator[None]:
    """A database beside the one that DATABASE_URL names; Django's tests make theirs so."""
    from django.db import connection

    name = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = _DATABASE
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        _execute("SET statement_timeout = 0")
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def _execute(statement: str) -> list[Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def _drop_foreign_keys(*tables: str) -> None:
    """They would be checked row by row, which is most of the time of loading."""
    for table in tables:
        for (name,) in _execute(
            f"SELECT conname FROM pg_constraint"  # noqa: S608
            f" WHERE contype = 'f' AND conrelid = '{table}'::regclass"
        ):
            _execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')


def _copy(target: str, rows: Iterator[str]) -> None:
    from django.db import connection

    started = time.monotonic()
    count = 0
    with connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
        for row in rows:
            copy.write(row)
            count += 1
    table, _, _ = target.partition(" ")
    print(f"  {count:>9,} rows of {table} in {time.monotonic() - started:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ledger_check", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--bookings", type=int, required=True)
    parser.add_argument("--repeats", type=int, required=True, help="how often to check")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reserve.settings")
    django.setup()
    with _own_database():
        figures = _run(options.bookings, options.repeats)
    options.file.write_text(json.dumps(figures))


def _run(bookings: int, repeats: int) -> dict[str, Any]:
    from bookings.audit import verify_ledger

    print("ledger: loading …", flush=True)
    _Loader(bookings).load()
    ((size,),) = _execute("SELECT pg_database_size(current_database())")
    reports = [verify_ledger() for _ in range(repeats)]
    last = reports[-1]
    return {
        "slots": last.slots,
        "bookings": last.bookings,
        "events": last.events,
        "gigabytes": size / 1e9,
        "seconds": [report.seconds for report in reports],
        "problems": [report.problem_count for report in reports],
        "parts": {
            name: [report.part_seconds[name] for report in reports] for name in last.part_seconds
        },
    }


if __name__ == "__main__":
    main()

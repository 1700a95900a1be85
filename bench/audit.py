"""What the database says after a run: whether every seat is accounted for, and the batches."""

from dataclasses import dataclass
from typing import Any

import psycopg

_EMPTY = """
TRUNCATE bookings_booking, bookings_bookingslot, outbox_event CASCADE;
UPDATE bookings_slot SET reserved = 0, next_lapse_at = NULL WHERE reserved <> 0;
"""
_VERSIONS = "SELECT coalesce(sum(version), 0)::bigint FROM bookings_slot"
_WRONG_COUNTERS = """
SELECT count(*) FROM bookings_slot slot
LEFT JOIN (
    SELECT link.slot_id, sum(booking.seats) AS seats
    FROM bookings_bookingslot link JOIN bookings_booking booking ON booking.id = link.booking_id
    WHERE booking.status NOT IN ('EXPIRED', 'DECLINED', 'CANCELLED')
    GROUP BY link.slot_id
) taken ON taken.slot_id = slot.id
WHERE slot.reserved <> coalesce(taken.seats, 0) OR slot.reserved > slot.capacity
"""
# A transaction's rows carry its number: so many numbers, so many transactions.
_BATCHES = """
SELECT count(*), coalesce(sum(size), 0)::bigint, coalesce(max(size), 0),
    coalesce(percentile_disc(0.5) WITHIN GROUP (ORDER BY size), 0)
FROM (SELECT count(*) AS size FROM bookings_booking GROUP BY xmin::text) batches
"""
_EVENTS = "SELECT count(*) FROM outbox_event WHERE name = 'booking.created'"


@dataclass
class Audit:
    """Begins with a run on empty tables, and judges what it left."""

    connection: psycopg.Connection
    _versions_before: int = 0

    def begin(self) -> None:
        """Empty the tables, so that each run finds them alike."""
        self.connection.execute(_EMPTY)
        self.connection.execute("VACUUM bookings_slot")
        self._versions_before = self._number(_VERSIONS)

    def batches(self) -> dict[str, Any]:
        """Transactions that booked, and how many bookings each carried."""
        row = self.connection.execute(_BATCHES).fetchone()
        assert row is not None
        transactions, bookings, largest, middle = (int(value) for value in row)
        return {
            "transactions": transactions,
            "mean": bookings / transactions if transactions else None,
            "median": middle,
            "largest": largest,
        }

    def faults(self, name: str, *, successes: int) -> list[str]:
        """What is wrong after a run whose callers were told of so many bookings."""
        found = []
        if wrong := self._number(_WRONG_COUNTERS):
            found.append(f"{wrong} slots do not count the seats of their bookings")
        counted = {
            "bookings": self._number("SELECT count(*) FROM bookings_booking"),
            "events": self._number(_EVENTS),
            "changes of slots": self._number(_VERSIONS) - self._versions_before,
        }
        found += [
            f"{number} {kind} for {successes} bookings that callers were told of"
            for kind, number in counted.items()
            if number != successes
        ]
        return [f"{name}: {fault}" for fault in found]

    def _number(self, query: str) -> int:
        row = self.connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])

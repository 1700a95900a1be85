"""The two statements of every booking, by hand: lock and read, and write.

Everywhere else the ORM does; here it costs three times as much
(docs/adr/0009-hot-statements.md). tests/bookings/test_store.py holds each
against the ORM's equivalent.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connections
from psycopg import Cursor

from bookings.models import Slot, know_place
from reserve.core import replica
from venues.models import Resource, Venue

# In order of their ids, or two batches could wait for each other. NO KEY, or
# bookings that refer to a slot could not be inserted meanwhile. The clock is
# read outside, where rows arrive only once they are locked. Not by joins: for a
# few slots PostgreSQL would first read every venue and resource there is.
_LOCK = """
SELECT locked.*, clock_timestamp() FROM (
  SELECT s.id, s.organization_id, s.venue_id, s.resource_id, s.starts_at, s.ends_at,
         s.capacity, s.reserved, s.is_closed, s.is_withdrawn, s.is_added_by_hand,
         s.has_own_capacity, s.version, s.next_lapse_at,
         (SELECT v.xmin::text || v.ctid::text FROM venues_venue v WHERE v.id = s.venue_id),
         (SELECT r.xmin::text || r.ctid::text FROM venues_resource r WHERE r.id = s.resource_id)
  FROM bookings_slot s
  WHERE s.id = ANY(%(slot_ids)s)
  ORDER BY s.id
  FOR NO KEY UPDATE OF s
) locked
"""

_SLOT_COLUMNS = (
    *("id", "organization_id", "venue_id", "resource_id", "starts_at", "ends_at"),
    *("capacity", "reserved", "is_closed", "is_withdrawn", "is_added_by_hand"),
    *("has_own_capacity", "version", "next_lapse_at"),
)
_COLUMNS = len(_SLOT_COLUMNS)

# What is written, part by part; a statement has those parts for which there are
# rows. Its rows come as one JSON document, which costs PostgreSQL less than as
# many parameters.
_PARTS = {
    # Seats as a difference, not as the number that was read: a stale number would
    # slip past the constraint, a difference cannot.
    "slots": """
  UPDATE bookings_slot s
  SET reserved = s.reserved + c.seats, version = s.version + c.changes,
      next_lapse_at = c.next_lapse_at,
      capacity = COALESCE(c.capacity, s.capacity),
      is_closed = COALESCE(c.is_closed, s.is_closed),
      is_withdrawn = COALESCE(c.is_withdrawn, s.is_withdrawn),
      is_added_by_hand = COALESCE(c.is_added_by_hand, s.is_added_by_hand),
      has_own_capacity = COALESCE(c.has_own_capacity, s.has_own_capacity)
  FROM input, jsonb_to_recordset(doc->'slots') AS c(
    id uuid, seats int, changes int, next_lapse_at timestamptz, capacity int, is_closed boolean,
    is_withdrawn boolean, is_added_by_hand boolean, has_own_capacity boolean)
  -- The ids once more: of a document PostgreSQL expects a hundred rows, and would
  -- rather read a table of a thousand slots than look for those few.
  WHERE s.id = c.id AND s.id = ANY(%(slot_ids)s)""",
    "created": """
  INSERT INTO bookings_booking (
    id, organization_id, venue_id, resource_id, customer_id, guest_id, status, guest_count, seats,
    notes, confirmation_code, manage_token_hash, starts_at, ends_at, hold_expires_at, created_at,
    cancelled_at, version)
  SELECT id, organization_id, venue_id, resource_id, customer_id, guest_id, status, guest_count,
    seats, notes, confirmation_code, decode(manage_token_hash, 'hex'), starts_at, ends_at,
    hold_expires_at, created_at, cancelled_at, version
  FROM input, jsonb_to_recordset(doc->'created') AS b(
    id uuid, organization_id uuid, venue_id uuid, resource_id uuid, customer_id uuid,
    guest_id uuid, status text, guest_count int, seats int, notes text, confirmation_code text,
    manage_token_hash text, starts_at timestamptz, ends_at timestamptz,
    hold_expires_at timestamptz, created_at timestamptz, cancelled_at timestamptz, version int)""",
    "changed": """
  UPDATE bookings_booking b
  SET status = c.status, version = c.version, cancelled_at = c.cancelled_at,
      customer_id = c.customer_id, guest_id = c.guest_id, guest_count = c.guest_count,
      seats = c.seats, notes = c.notes,
      resource_id = c.resource_id, starts_at = c.starts_at, ends_at = c.ends_at
  FROM input, jsonb_to_recordset(doc->'changed') AS c(
    id uuid, status text, version int, cancelled_at timestamptz, customer_id uuid,
    guest_id uuid, guest_count int, seats int, notes text, resource_id uuid, starts_at timestamptz,
    ends_at timestamptz)
  WHERE b.id = c.id""",
    "linked": """
  INSERT INTO bookings_bookingslot (booking_id, slot_id, organization_id)
  SELECT booking_id, slot_id, organization_id
  FROM input, jsonb_to_recordset(doc->'linked') AS l(
    booking_id uuid, slot_id uuid, organization_id uuid)""",
    "unlinked": """
  DELETE FROM bookings_bookingslot l
  USING input, jsonb_to_recordset(doc->'unlinked') AS u(booking_id uuid, slot_id uuid)
  WHERE l.booking_id = u.booking_id AND l.slot_id = u.slot_id""",
    "keys": """
  INSERT INTO bookings_idempotencykey (id, caller, key, fingerprint, booking_id, created_at)
  SELECT id, caller, key, decode(fingerprint, 'hex'), booking_id, created_at
  FROM input, jsonb_to_recordset(doc->'keys') AS k(
    id uuid, caller text, key text, fingerprint text, booking_id uuid, created_at timestamptz)""",
    "events": """
  INSERT INTO outbox_event (
    id, organization_id, name, subject_id, sequence, payload, request_id, attempts, last_error)
  SELECT id, organization_id, name, subject_id, sequence, payload, request_id, 0, ''
  FROM input, jsonb_to_recordset(doc->'events') AS e(
    id uuid, organization_id uuid, name text, subject_id uuid, sequence int, payload jsonb,
    request_id text)""",
}


@cache
def _write_statement(parts: tuple[str, ...]) -> str:
    written = [f"{name} AS ({_PARTS[name]}\n)" for name in parts]
    return ",\n".join(["WITH input AS (SELECT %(doc)s::jsonb AS doc)", *written]) + "\nSELECT"


def lock_slots(slot_ids: Collection[UUID]) -> tuple[dict[UUID, Slot], datetime | None]:
    """Lock slots against every other change of their seats until the commit.

    Returns them with their venue and resource, and the database's clock as it
    was once all were locked (None where there are none).
    """
    rows = _execute(_LOCK, {"slot_ids": list(slot_ids)}).fetchall()
    slots: dict[UUID, Slot] = {}
    venues = _venues.current({row[2]: row[_COLUMNS] for row in rows})
    resources = _resources.current({row[3]: row[_COLUMNS + 1] for row in rows})
    now: datetime | None = None
    for row in rows:
        slot = Slot.from_db("default", _SLOT_COLUMNS, row[:_COLUMNS])
        know_place(slot, venue=venues[slot.venue_id], resource=resources[slot.resource_id])
        slots[slot.pk] = slot
        # The last row's lock is the last one waited for.
        now = row[-1]
    return slots, now


# Locks what nobody else has, for as long as the statement takes, and tells of the rest.
_LOCKED_ELSEWHERE = """
WITH free AS (
  SELECT id FROM bookings_slot WHERE id = ANY(%(slot_ids)s) FOR NO KEY UPDATE SKIP LOCKED
)
SELECT id FROM bookings_slot
WHERE id = ANY(%(slot_ids)s) AND id NOT IN (SELECT id FROM free)
"""


def slots_locked_elsewhere(slot_ids: Collection[UUID]) -> set[UUID]:
    """Which of these slots other sessions have locked at this moment. Waits for nobody."""
    return {row[0] for row in _execute(_LOCKED_ELSEWHERE, {"slot_ids": list(slot_ids)}).fetchall()}


def write(changes: Mapping[str, list[dict[str, Any]]]) -> None:
    """Write what a batch has decided, in one statement, and nothing where there is nothing.

    Args:
        changes: rows by what is done with them: `slots`, `created`, `changed`,
            `linked`, `unlinked`, `keys`, `events`, with the columns of `_PARTS`.
    """
    parts = tuple(name for name, rows in changes.items() if rows)
    if parts:
        parameters: dict[str, object] = {"doc": orjson.dumps(changes).decode()}
        if "slots" in parts:
            parameters["slot_ids"] = [row["id"] for row in changes["slots"]]
        _execute(_write_statement(parts), parameters)


# New slots as arrays, one for each column that differs. JSON and COPY take as long,
# for most of it is the exclusion constraint, and the ORM half as long again
# (`python -m bench publication`). One that would overlap an open slot is left out.
_INSERT = """
INSERT INTO bookings_slot (
  id, organization_id, venue_id, resource_id, starts_at, ends_at, capacity, reserved, is_closed,
  is_withdrawn, is_added_by_hand, has_own_capacity, version)
SELECT n.id, r.organization_id, r.venue_id, n.resource_id, n.starts_at, n.ends_at, n.capacity, 0,
  false, false, n.is_added_by_hand, n.has_own_capacity, n.version
FROM unnest(
  %(id)s::uuid[], %(resource_id)s::uuid[], %(starts_at)s::timestamptz[],
  %(ends_at)s::timestamptz[], %(capacity)s::int[], %(is_added_by_hand)s::boolean[],
  %(has_own_capacity)s::boolean[], %(version)s::bigint[])
  AS n(id, resource_id, starts_at, ends_at, capacity, is_added_by_hand, has_own_capacity, version)
JOIN venues_resource r ON r.id = n.resource_id
-- Always in the same order, or two that insert the same could wait for each other.
ORDER BY n.resource_id, n.starts_at
ON CONFLICT DO NOTHING
RETURNING id
"""


# The open slots of some days, each a venue and the bounds of a day there.
_OPEN = """
SELECT day.position, s.id, s.resource_id, s.starts_at, s.ends_at, s.capacity, s.reserved,
  s.version, s.next_lapse_at, r.booking_mode = 'EXCLUSIVE'
FROM unnest(%(venue_ids)s::uuid[], %(begins)s::timestamptz[], %(ends)s::timestamptz[])
  WITH ORDINALITY AS day(venue_id, begins_at, ends_at, position)
JOIN bookings_slot s
  ON s.venue_id = day.venue_id AND s.starts_at >= day.begins_at AND s.starts_at < day.ends_at
JOIN venues_resource r ON r.id = s.resource_id
WHERE NOT s.is_closed
ORDER BY day.position, s.starts_at, r.position, s.id
"""
_VENUE_VERSIONS = """
SELECT id, xmin::text || ctid::text FROM venues_venue WHERE id = ANY(%(venue_ids)s)
"""


class OpenSlot(NamedTuple):
    """A slot that is not closed, on one of the days that were asked about."""

    position: int
    """Of the day, from 1."""
    id: UUID
    resource_id: UUID
    starts_at: datetime
    ends_at: datetime
    capacity: int
    reserved: int
    version: int
    next_lapse_at: datetime | None
    is_exclusive: bool


def open_slots_of_days(
    venue_ids: Sequence[UUID], bounds: Sequence[tuple[datetime, datetime]]
) -> list[OpenSlot]:
    """The open slots of days by their start, day after day.

    Args:
        venue_ids: the venue of each day.
        bounds: the instants at which each day begins and ends.
    """
    if not venue_ids:
        return []
    days = {
        "venue_ids": list(venue_ids),
        "begins": [begins_at for begins_at, _ in bounds],
        "ends": [ends_at for _, ends_at in bounds],
    }
    return [OpenSlot._make(row) for row in _execute(_OPEN, days).fetchall()]


def current_venues(venue_ids: Collection[UUID]) -> dict[UUID, Venue]:
    """Venues as they are now, read only where they have changed. Not to be changed."""
    rows = _execute(_VENUE_VERSIONS, {"venue_ids": list(venue_ids)}).fetchall()
    return _venues.current(dict(rows))


class NewSlot(NamedTuple):
    """What is inserted of a slot; thousands of instances of the model would take longer."""

    id: UUID
    resource_id: UUID
    starts_at: datetime
    ends_at: datetime
    capacity: int
    is_added_by_hand: bool = False
    has_own_capacity: bool = False
    version: int = 0


def insert_slots(slots: Sequence[Slot] | Sequence[NewSlot]) -> set[UUID]:
    """Insert new slots, but for those that overlap an open one; return which there are now."""
    if not slots:
        return set()
    columns = {name: [getattr(slot, name) for slot in slots] for name in NewSlot._fields}
    return {row[0] for row in _execute(_INSERT, columns).fetchall()}


def delete_slots(slot_ids: Collection[UUID]) -> None:
    """Delete slots that were never used, while they are locked."""
    _execute("DELETE FROM bookings_slot WHERE id = ANY(%(slot_ids)s)", {"slot_ids": list(slot_ids)})


def _execute(statement: str, parameters: Mapping[str, object]) -> Any:
    """Run a statement on Django's connection, prepared, with parameters bound by the server."""
    connection = connections[replica.alias()]
    connection.ensure_connection()
    with connection.wrap_database_errors:
        # Django's own cursors put the parameters into the text.
        cursor = Cursor(connection.connection)
        return cursor.execute(
            statement, parameters, prepare=settings.PREPARED_STATEMENTS, binary=True
        )


class _Current:
    """Rows that seldom change, kept for as long as they have not.

    PostgreSQL's own names of a row's version (`xmin`) and place (`ctid`) come with
    each lock; a row with others than the kept ones is read again.
    """

    _MAXIMUM = 10_000

    def __init__(self, model: Any) -> None:
        self._model = model
        self._kept: dict[UUID, tuple[str, Any]] = {}

    def current(self, versions: Mapping[UUID, str]) -> dict[UUID, Any]:
        rows: dict[UUID, Any] = {}
        stale: list[UUID] = []
        for row_id, version in versions.items():
            kept = self._kept.get(row_id)
            if kept is not None and kept[0] == version:
                rows[row_id] = kept[1]
            else:
                stale.append(row_id)
        if stale:
            if len(self._kept) > self._MAXIMUM:
                self._kept.clear()
            for row_id, row in self._model.objects.in_bulk(stale).items():
                self._kept[row_id] = versions[row_id], row
                rows[row_id] = row
        return rows


_venues = _Current(Venue)
_resources = _Current(Resource)

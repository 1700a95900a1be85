"""What must hold of slots, bookings and the log: each check is a query for what breaks it.

Checks in one part share what was read of the tables. Each is a SELECT of two
columns: the public id of what is broken, and its figures as JSON. An SQL
comparison with NULL reports nothing, so that figures out of payloads are
compared by IS DISTINCT FROM.

Each part reads whole tables and is joined by hash, in parallel where the server
allows it. No temporary tables: a standby can run this too, and only plain
queries run in parallel.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bookings.states import SEATLESS, BookingStatus

# Crockford's base32, as in reserve.core.ids.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    reading: str
    checks: Mapping[str, str]


def public_id(kind: str, column: str) -> str:
    """SQL for the public form of an id: 130 bits, two of them zero, in 26 groups of five.

    About 5 µs a row, which is no more than sending the ids to Python and back.
    """
    letters = " || ".join(
        f"substr('{_ALPHABET}', 1 + substring(bits FROM {1 + 5 * place} FOR 5)::int, 1)"
        for place in range(26)
    )
    return (
        f"(SELECT {kind} || '_' || {letters} FROM (SELECT B'00' ||"  # noqa: S608
        f" ('x' || replace({column}::text, '-', ''))::bit(128) AS bits OFFSET 0) AS ulid)"
    )


def _slot(column: str) -> str:
    return public_id("'slot'", column)


def _booking(column: str) -> str:
    return public_id("'booking'", column)


_SEATLESS = ", ".join(f"'{status.value}'" for status in sorted(SEATLESS))
_HELD = f"'{BookingStatus.HELD.value}'"

# What the log says of slots, an entry for each change: those of bookings in the
# `slots` of their payload, those of capacity and closure as events of their own.
_ENTRIES = """
    entries AS (
        SELECT
            event.subject_id,
            event.name,
            entry->>'slot' AS slot,
            (entry->>'version')::bigint AS version,
            CASE WHEN event.name = 'slot.changed' THEN 0 ELSE (entry->>'seats')::int END AS seats,
            (entry->>'reserved')::int AS reserved,
            (entry->>'capacity')::int AS capacity,
            (entry->>'is_closed')::boolean AS is_closed,
            (entry->>'is_withdrawn')::boolean AS is_withdrawn
        FROM outbox_event AS event
        CROSS JOIN LATERAL jsonb_array_elements(
            CASE
                WHEN event.name LIKE 'booking.%' THEN event.payload->'slots'
                WHEN event.name = 'slot.changed' THEN jsonb_build_array(event.payload)
            END
        ) AS entry
    )
"""

# --- The seats of a slot are those of its bookings ------------------------------------

_SEATS = Part(
    "seats",
    # A hold that has lapsed counts until somebody expires it: this compares what is stored.
    f"""
    used AS (
        SELECT
            link.slot_id,
            sum(booking.seats) FILTER (WHERE booking.status NOT IN ({_SEATLESS})) AS seats,
            min(booking.hold_expires_at) FILTER (WHERE booking.status = {_HELD}) AS lapses_at
        FROM bookings_bookingslot AS link
        JOIN bookings_booking AS booking ON booking.id = link.booking_id
        GROUP BY link.slot_id
    ),
    slots AS MATERIALIZED (
        SELECT
            slot.id, slot.capacity, slot.reserved, slot.next_lapse_at,
            coalesce(used.seats, 0) AS used,
            used.lapses_at
        FROM bookings_slot AS slot
        LEFT JOIN used ON used.slot_id = slot.id
    )
    """,  # noqa: S608
    {
        "slot_range": f"""
            SELECT {_slot("id")}, json_build_object('reserved', reserved, 'capacity', capacity)
            FROM slots WHERE reserved NOT BETWEEN 0 AND capacity
        """,  # noqa: S608
        "slot_reserved": f"""
            SELECT {_slot("id")}, json_build_object('reserved', reserved, 'used', used)
            FROM slots WHERE reserved <> used
        """,  # noqa: S608
        "slot_lapse": f"""
            SELECT
                {_slot("id")},
                json_build_object('next_lapse_at', next_lapse_at, 'first_lapse', lapses_at)
            FROM slots WHERE lapses_at < coalesce(next_lapse_at, 'infinity')
        """,  # noqa: S608
    },
)

# --- Slots of one resource ------------------------------------------------------------

_TIMES = Part(
    "times of slots",
    # Where any two overlap, two that follow each other do.
    """
    open AS (
        SELECT
            id, starts_at,
            lag(ends_at) OVER (PARTITION BY resource_id ORDER BY starts_at) AS ended_before
        FROM bookings_slot
        WHERE NOT is_closed
    )
    """,
    {
        "slot_overlap": f"""
            SELECT
                {_slot("id")},
                json_build_object('starts_at', starts_at, 'one_before_ends_at', ended_before)
            FROM open WHERE starts_at < ended_before
        """,  # noqa: S608
        "slot_withdrawn": f"""
            SELECT {_slot("id")}, json_build_object('is_withdrawn', is_withdrawn)
            FROM bookings_slot WHERE is_withdrawn AND NOT is_closed
        """,  # noqa: S608
    },
)

# --- The log against bookings -------------------------------------------------------------

_BOOKINGS = Part(
    "log of bookings",
    # Sequences are unique within an organization, so that the count, the first
    # and the last say whether they are exactly 1 to the version. Payloads are
    # wide: they are looked at in the join, and not carried into the grouping.
    """
    logged AS (
        SELECT subject_id, count(*) AS events, min(sequence) AS first, max(sequence) AS last
        FROM outbox_event
        GROUP BY subject_id
    ),
    suspects AS MATERIALIZED (
        SELECT
            booking.id, booking.status, booking.guest_count, event.name, event.sequence,
            event.payload->>'status' AS logged_status,
            (event.payload->>'guest_count')::int AS logged_guest_count,
            event.organization_id <> booking.organization_id AS is_foreign
        FROM bookings_booking AS booking
        JOIN outbox_event AS event ON event.subject_id = booking.id
        WHERE event.organization_id <> booking.organization_id
            OR (
                event.sequence = booking.version
                AND (booking.status, booking.guest_count) IS DISTINCT FROM
                    (event.payload->>'status', (event.payload->>'guest_count')::int)
            )
    )
    """,
    {
        "booking_events": f"""
            SELECT
                {_booking("booking.id")},
                json_build_object(
                    'version', version, 'events', coalesce(events, 0),
                    'first', first, 'last', last
                )
            FROM bookings_booking AS booking
            LEFT JOIN logged ON logged.subject_id = booking.id
            WHERE (version, 1, version) IS DISTINCT FROM (events, first, last)
        """,  # noqa: S608
        "booking_last_event": f"""
            SELECT
                {_booking("id")},
                json_build_object(
                    'status', status, 'logged_status', logged_status,
                    'guest_count', guest_count, 'logged_guest_count', logged_guest_count
                )
            FROM suspects WHERE NOT is_foreign
        """,  # noqa: S608
        "booking_foreign_event": f"""
            SELECT {_booking("id")}, json_build_object('name', name, 'sequence', sequence)
            FROM suspects WHERE is_foreign
        """,  # noqa: S608
    },
)

_SUBJECTS = Part(
    "subjects of events",
    """
    strays AS (
        SELECT event.id, event.name, event.subject_id, event.sequence
        FROM outbox_event AS event
        WHERE event.name LIKE 'booking.%'
            AND NOT EXISTS (SELECT FROM bookings_booking WHERE id = event.subject_id)
        UNION ALL
        SELECT event.id, event.name, event.subject_id, event.sequence
        FROM outbox_event AS event
        WHERE event.name LIKE 'slot.%'
            AND NOT EXISTS (
                SELECT FROM bookings_slot AS slot
                WHERE slot.id = event.subject_id AND slot.organization_id = event.organization_id
            )
    )
    """,
    {
        "event_subject": f"""
            SELECT
                {public_id("'event'", "id")},
                json_build_object(
                    'name', name,
                    'subject', {public_id("split_part(name, '.', 1)", "subject_id")},
                    'sequence', sequence
                )
            FROM strays
        """,  # noqa: S608
    },
)

# --- The log against slots --------------------------------------------------------------

_SLOTS = Part(
    "log of slots",
    f"""
    {_ENTRIES},
    chain AS (
        SELECT
            *,
            lag(version, 1, 0::bigint) OVER by_version AS version_before,
            lag(reserved, 1, 0) OVER by_version AS reserved_before,
            lag(capacity) OVER by_version AS capacity_before,
            lead(slot) OVER by_version IS NULL AS is_last
        FROM entries
        WINDOW by_version AS (PARTITION BY slot ORDER BY version)
    ),
    logged AS (
        SELECT
            slot,
            sum(seats) AS seats,
            max(version) FILTER (WHERE is_last) AS version,
            max(reserved) FILTER (WHERE is_last) AS reserved,
            max(capacity) FILTER (WHERE is_last) AS capacity,
            coalesce(max(version) FILTER (WHERE is_closed), 0)
                > coalesce(max(version) FILTER (WHERE NOT is_closed), 0) AS is_closed,
            coalesce(max(version) FILTER (WHERE is_withdrawn), 0)
                > coalesce(max(version) FILTER (WHERE NOT is_withdrawn), 0) AS is_withdrawn,
            min(version) FILTER (
                WHERE version IS DISTINCT FROM version_before + 1
            ) AS out_of_order,
            min(version) FILTER (
                WHERE reserved IS DISTINCT FROM reserved_before + seats
            ) AS wrong_sum,
            min(version) FILTER (
                WHERE name <> 'slot.changed' AND capacity IS DISTINCT FROM capacity_before
                    AND version_before > 0
            ) AS wrong_capacity
        FROM chain
        GROUP BY slot
    ),
    named AS (SELECT *, {_slot("id")} AS name FROM bookings_slot),
    slots AS MATERIALIZED (
        SELECT
            coalesce(named.name, logged.slot) AS name,
            named.id IS NULL AS is_unknown,
            named.version, named.reserved, named.capacity, named.is_closed, named.is_withdrawn,
            coalesce(logged.version, 0) AS logged_version,
            coalesce(logged.reserved, 0) AS logged_reserved,
            coalesce(logged.capacity, named.capacity) AS logged_capacity,
            coalesce(logged.is_closed, false) AS logged_closed,
            coalesce(logged.is_withdrawn, false) AS logged_withdrawn,
            coalesce(logged.seats, 0) AS seats,
            logged.out_of_order, logged.wrong_sum, logged.wrong_capacity
        FROM named
        FULL JOIN logged ON logged.slot = named.name
    )
    """,  # noqa: S608
    {
        "slot_versions": """
            SELECT name, json_build_object('first_out_of_order', out_of_order, 'version', version)
            FROM slots WHERE NOT is_unknown AND out_of_order IS NOT NULL
        """,
        "slot_steps": """
            SELECT name, json_build_object('first_wrong_at_version', wrong_sum)
            FROM slots WHERE NOT is_unknown AND wrong_sum IS NOT NULL
        """,
        "slot_capacity_steps": """
            SELECT name, json_build_object('first_wrong_at_version', wrong_capacity)
            FROM slots WHERE NOT is_unknown AND wrong_capacity IS NOT NULL
        """,
        "slot_last_entry": """
            SELECT
                name,
                json_build_object(
                    'version', version, 'logged_version', logged_version,
                    'reserved', reserved, 'logged_reserved', logged_reserved, 'logged_sum', seats,
                    'capacity', capacity, 'logged_capacity', logged_capacity,
                    'is_closed', is_closed, 'logged_is_closed', logged_closed,
                    'is_withdrawn', is_withdrawn, 'logged_is_withdrawn', logged_withdrawn
                )
            FROM slots
            WHERE NOT is_unknown AND (
                (version, reserved, capacity, is_closed, is_withdrawn) IS DISTINCT FROM (
                    logged_version, logged_reserved, logged_capacity, logged_closed,
                    logged_withdrawn
                )
                OR seats <> reserved
            )
        """,
        "slot_unknown": """
            SELECT name, json_build_object('logged_version', logged_version)
            FROM slots WHERE is_unknown
        """,
    },
)

_SEATS_OF_BOOKINGS = Part(
    "log of seats",
    f"""
    {_ENTRIES},
    logged AS (
        SELECT subject_id AS booking_id, slot, sum(seats) AS seats
        FROM entries
        WHERE name <> 'slot.changed'
        GROUP BY subject_id, slot
    ),
    named AS (SELECT id, {_slot("id")} AS name FROM bookings_slot),
    linked AS (
        SELECT
            link.booking_id, named.name AS slot,
            CASE WHEN booking.status IN ({_SEATLESS}) THEN 0 ELSE booking.seats END AS seats
        FROM bookings_bookingslot AS link
        JOIN bookings_booking AS booking ON booking.id = link.booking_id
        JOIN named ON named.id = link.slot_id
    )
    """,  # noqa: S608
    {
        "booking_seats": f"""
            SELECT
                {_booking("booking_id")},
                json_build_object(
                    'slot', slot, 'seats', coalesce(linked.seats, 0),
                    'logged_sum', coalesce(logged.seats, 0)
                )
            FROM linked
            FULL JOIN logged USING (booking_id, slot)
            WHERE coalesce(linked.seats, 0) <> coalesce(logged.seats, 0)
        """,  # noqa: S608
    },
)

# --- Bookings and their slots ---------------------------------------------------------------

_LINKS = Part(
    "links",
    """
    ordered AS (
        SELECT
            booking.id, booking.starts_at, booking.ends_at,
            slot.id AS slot_id,
            slot.starts_at AS slot_starts_at, slot.ends_at AS slot_ends_at,
            lag(slot.ends_at) OVER by_start AS ended_before,
            (slot.organization_id, slot.venue_id, slot.resource_id, link.organization_id)
                IS DISTINCT FROM (
                    booking.organization_id, booking.venue_id, booking.resource_id,
                    booking.organization_id
                ) AS is_foreign
        FROM bookings_booking AS booking
        LEFT JOIN bookings_bookingslot AS link ON link.booking_id = booking.id
        LEFT JOIN bookings_slot AS slot ON slot.id = link.slot_id
        WINDOW by_start AS (PARTITION BY booking.id ORDER BY slot.starts_at)
    ),
    bookings AS MATERIALIZED (
        SELECT
            id, starts_at, ends_at,
            count(slot_id) AS slots,
            min(slot_starts_at) AS first_starts_at,
            max(slot_ends_at) AS last_ends_at,
            count(*) FILTER (WHERE is_foreign) AS foreign_slots,
            count(*) FILTER (WHERE slot_starts_at <> ended_before) AS gaps
        FROM ordered
        GROUP BY id, starts_at, ends_at
    )
    """,
    {
        "booking_slots": f"""
            SELECT {_booking("id")}, json_build_object('slots', slots)
            FROM bookings WHERE slots = 0
        """,  # noqa: S608
        "booking_foreign_slot": f"""
            SELECT
                {_booking("id")},
                json_build_object('slots', slots, 'foreign_slots', foreign_slots)
            FROM bookings WHERE slots > 0 AND foreign_slots > 0
        """,  # noqa: S608
        "booking_times": f"""
            SELECT
                {_booking("id")},
                json_build_object(
                    'starts_at', starts_at, 'first_slot_starts_at', first_starts_at,
                    'ends_at', ends_at, 'last_slot_ends_at', last_ends_at, 'gaps', gaps
                )
            FROM bookings
            WHERE slots > 0 AND (
                gaps > 0
                OR (starts_at, ends_at) IS DISTINCT FROM (first_starts_at, last_ends_at)
            )
        """,  # noqa: S608
    },
)

PARTS = (_SEATS, _TIMES, _BOOKINGS, _SUBJECTS, _SLOTS, _SEATS_OF_BOOKINGS, _LINKS)

"""pgbench running the smallest transaction that books a seat, on tables of its own."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from reserve.embedded.binaries import postgres_directory

VENUES, SLOTS, USERS = 34, 1_020, 200
SPREAD_SLOTS = 1_000
# No more than all of them can be taken in a run.
_CAPACITY = 1_000_000
# Connections left to others.
_SPARE_CONNECTIONS = 8
_PATIENCE_SECONDS = 60.0

_SCHEMA = """
DROP SCHEMA IF EXISTS minimal CASCADE;
CREATE SCHEMA minimal;
CREATE TABLE minimal.users (id text PRIMARY KEY, email text NOT NULL UNIQUE, name text NOT NULL);
CREATE TABLE minimal.venues (id text PRIMARY KEY, name text NOT NULL, address text NOT NULL);
CREATE TABLE minimal.slots (
    id text PRIMARY KEY,
    venue_id text NOT NULL REFERENCES minimal.venues,
    start_time timestamptz NOT NULL,
    end_time timestamptz NOT NULL,
    capacity int NOT NULL,
    remaining_capacity int NOT NULL CHECK (remaining_capacity >= 0),
    status text NOT NULL DEFAULT 'AVAILABLE',
    version int NOT NULL DEFAULT 0
);
CREATE INDEX ON minimal.slots (venue_id, start_time);
CREATE TABLE minimal.bookings (
    id text PRIMARY KEY,
    slot_id text NOT NULL REFERENCES minimal.slots,
    venue_id text NOT NULL REFERENCES minimal.venues,
    user_id text NOT NULL REFERENCES minimal.users,
    guest_count int NOT NULL CHECK (guest_count > 0),
    notes text,
    status text NOT NULL,
    confirmation_code text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON minimal.bookings (slot_id);
CREATE INDEX ON minimal.bookings (user_id);
"""
_ROWS = f"""
INSERT INTO minimal.users
    SELECT 'user_' || lpad(n::text, 26, '0'), 'bench' || n || '@example.com', 'Bench ' || n
    FROM generate_series(1, {USERS}) n;
INSERT INTO minimal.venues
    SELECT 'venue_' || lpad(n::text, 26, '0'), 'Venue ' || n, 'Main Street ' || n
    FROM generate_series(1, {VENUES}) n;
INSERT INTO minimal.slots (id, venue_id, start_time, end_time, capacity, remaining_capacity)
    SELECT 'slot_' || lpad(n::text, 26, '0'), 'venue_' || lpad((1 + n % {VENUES})::text, 26, '0'),
        now() + n * interval '30 min', now() + (n + 1) * interval '30 min', {_CAPACITY}, {_CAPACITY}
    FROM generate_series(1, {SLOTS}) n;
ANALYZE minimal.users, minimal.venues, minimal.slots;
"""  # noqa: S608

# The ids begin with the time, as ULIDs do; the code has 40 bits, ours 39.
_TRANSACTION = f"""
\\set slot {{slot}}
\\set person random(1, {USERS})
\\set tail random(0, 281474976710655)
\\set code random(0, 1099511627775)
BEGIN;
SELECT venue_id, remaining_capacity, version FROM minimal.slots
    WHERE id = 'slot_' || lpad(:slot::text, 26, '0') FOR UPDATE;
UPDATE minimal.slots SET remaining_capacity = remaining_capacity - 1, version = version + 1
    WHERE id = 'slot_' || lpad(:slot::text, 26, '0');
INSERT INTO minimal.bookings
    (id, slot_id, venue_id, user_id, guest_count, notes, status, confirmation_code)
    VALUES (
        'booking_' || lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000000)::bigint), 14,
            '0') || lpad(to_hex(:tail::bigint), 12, '0'),
        'slot_' || lpad(:slot::text, 26, '0'),
        'venue_' || lpad((1 + :slot::int % {VENUES})::text, 26, '0'),
        'user_' || lpad(:person::text, 26, '0'),
        1, 'Window seat preferred', 'PENDING', lpad(to_hex(:code::bigint), 10, '0'));
COMMIT;
"""  # noqa: S608
_SCENARIOS = {"spread": f"random(1, {SPREAD_SLOTS})", "hot": str(SLOTS)}

_WRONG_COUNTERS = """
SELECT count(*) FROM minimal.slots slot
LEFT JOIN (SELECT slot_id, count(*) AS seats FROM minimal.bookings GROUP BY slot_id) taken
    ON taken.slot_id = slot.id
WHERE slot.capacity - slot.remaining_capacity <> coalesce(taken.seats, 0)
"""


@dataclass(frozen=True)
class PgbenchRun:
    per_second: float
    latency_ms: float
    """The average, which is what pgbench tells."""
    faults: list[str]


class Pgbench:
    def __init__(self, binary: str, database_url: str, connection: psycopg.Connection) -> None:
        self._binary = binary
        parameters = conninfo_to_dict(database_url)
        password = parameters.pop("password", None)
        # Command lines are everybody's to read, the environment is not.
        self._environment = os.environ | ({"PGPASSWORD": str(password)} if password else {})
        self._address = make_conninfo("", **parameters)
        self._connection = connection
        self._scripts = TemporaryDirectory(prefix="reserve-bench-")

    def set_up(self) -> None:
        self._connection.execute(_SCHEMA)
        self._connection.execute(_ROWS)
        for scenario, slot in _SCENARIOS.items():
            self._script(scenario).write_text(_TRANSACTION.format(slot=slot))

    def close(self) -> None:
        self._scripts.cleanup()

    def run(self, scenario: str, *, clients: int, seconds: int) -> PgbenchRun:
        """One run on fresh tables, checked afterwards.

        Raises:
            RuntimeError: pgbench failed; the text is what it said.
        """
        self._reset()
        result = subprocess.run(
            [
                *(self._binary, "-n", "-M", "prepared", "-j", "1"),
                *("-c", str(clients), "-T", str(seconds)),
                *("-f", str(self._script(scenario)), self._address),
            ],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + _PATIENCE_SECONDS,
        )
        rate = re.search(r"^tps = ([\d.]+)", result.stdout, re.MULTILINE)
        latency = re.search(r"^latency average = ([\d.]+) ms", result.stdout, re.MULTILINE)
        if result.returncode != 0 or rate is None or latency is None:
            raise RuntimeError(f"pgbench failed: {result.stderr.strip()[-500:]}")
        row = self._connection.execute(_WRONG_COUNTERS).fetchone()
        wrong = row[0] if row else 0
        faults = [f"pgbench {scenario}: {wrong} counters are wrong"] if wrong else []
        return PgbenchRun(float(rate[1]), float(latency[1]), faults)

    def _reset(self) -> None:
        self._connection.execute("TRUNCATE minimal.bookings")
        self._connection.execute(
            "UPDATE minimal.slots SET remaining_capacity = capacity "
            "WHERE remaining_capacity <> capacity"
        )
        self._connection.execute("VACUUM minimal.slots")

    def _script(self, scenario: str) -> Path:
        return Path(self._scripts.name) / f"{scenario}.sql"


@contextmanager
def pgbench(database_url: str, connection: psycopg.Connection) -> Iterator[Pgbench | None]:
    """pgbench with its tables ready, or None where there is no such program."""
    binary = _binary()
    if binary is None:
        yield None
        return
    runner = Pgbench(binary, database_url, connection)
    try:
        runner.set_up()
        yield runner
    finally:
        runner.close()


def connections_to_spare(connection: psycopg.Connection) -> int:
    """How many clients the server has room for."""
    names = ("max_connections", "superuser_reserved_connections")
    rows = [connection.execute(f"SHOW {name}").fetchone() for name in names]
    maximum, reserved = (int(row[0]) if row else 0 for row in rows)
    return maximum - reserved - _SPARE_CONNECTIONS


def _binary() -> str | None:
    bundled = postgres_directory()
    if bundled is not None and (bundled / "pgbench").is_file():
        return str(bundled / "pgbench")
    return shutil.which("pgbench")

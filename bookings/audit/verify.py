"""Runs the checks over the whole database, at one instant, while bookings go on."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from bookings.audit.checks import PARTS, Part
from reserve.core.clock import now

# How many problems of a check are told one by one.
MAX_TOLD = 50

# A snapshot: seats, bookings and log of the same instant. The statements are
# long, and few enough to take memory for their hashes. PostgreSQL guesses a
# hundred slots in each event, and would compile every statement for that.
_TRANSACTION = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL work_mem = '64MB'",
    "SET LOCAL jit = off",
)

_COUNTS = """
SELECT
    (SELECT count(*) FROM bookings_slot),
    (SELECT count(*) FROM bookings_booking),
    (SELECT count(*) FROM outbox_event)
"""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that breaks a check: its public id, and the figures that disagree."""

    check: str
    subject: str
    figures: Mapping[str, Any]

    def __str__(self) -> str:
        figures = ", ".join(f"{name} {value}" for name, value in self.figures.items())
        return f"{self.check}: {self.subject}: {figures}"

    def as_json(self) -> dict[str, Any]:
        return {"check": self.check, "subject": self.subject, "figures": dict(self.figures)}


@dataclass(frozen=True, slots=True)
class CheckResult:
    name: str
    problem_count: int
    problems: Sequence[Problem]
    """At most MAX_TOLD of them."""


@dataclass(frozen=True, slots=True)
class Report:
    started_at: datetime
    seconds: float
    slots: int
    bookings: int
    events: int
    checks: Sequence[CheckResult]
    part_seconds: Mapping[str, float]

    @property
    def problem_count(self) -> int:
        return sum(check.problem_count for check in self.checks)

    @property
    def problems(self) -> list[Problem]:
        return [problem for check in self.checks for problem in check.problems]


def verify_ledger() -> Report:
    """Check that slots, bookings, their links and the event log agree.

    Reads the whole database from one snapshot and locks nothing; meanwhile
    autovacuum keeps what others delete.
    """
    started_at, started = now(), time.monotonic()
    checks: list[CheckResult] = []
    part_seconds: dict[str, float] = {}
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        for statement in _TRANSACTION:
            cursor.execute(statement)
        cursor.execute(_COUNTS)
        slots, bookings, events = cursor.fetchone()
        for part in PARTS:
            part_started = time.monotonic()
            cursor.execute(_statement(part))
            checks += _results(part, cursor.fetchall())
            part_seconds[part.name] = time.monotonic() - part_started
    return Report(
        started_at=started_at,
        seconds=time.monotonic() - started,
        slots=slots,
        bookings=bookings,
        events=events,
        checks=checks,
        part_seconds=part_seconds,
    )


def _statement(part: Part) -> str:
    """One statement for a part: the first problems of each check, and how many there are."""
    selects = " UNION ALL ".join(
        f"SELECT '{name}', found.* FROM ({select}) AS found"  # noqa: S608 (all our own constants)
        for name, select in part.checks.items()
    )
    return f"""
        WITH {part.reading},
        broken (check_name, subject, figures) AS ({selects}),
        ranked AS (
            SELECT
                *,
                row_number() OVER (PARTITION BY check_name ORDER BY subject) AS place,
                count(*) OVER (PARTITION BY check_name) AS total
            FROM broken
        )
        SELECT check_name, subject, figures, total FROM ranked
        WHERE place <= {MAX_TOLD} ORDER BY check_name, place
    """  # noqa: S608


def _results(part: Part, rows: Sequence[tuple[str, str, Any, int]]) -> list[CheckResult]:
    results = []
    for name in part.checks:
        mine = [row for row in rows if row[0] == name]
        results.append(
            CheckResult(
                name=name,
                problem_count=mine[0][3] if mine else 0,
                problems=[Problem(name, subject, figures) for _, subject, figures, _ in mine],
            )
        )
    return results

"""What PostgreSQL does for a statement, and how long that takes: EXPLAIN, read as data."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection

# A table of so many rows is read from end to end sooner than by an index.
_TINY = 500


@dataclass(frozen=True)
class Plan:
    """How one statement was answered."""

    sql: str
    scans: frozenset[tuple[str, str]]
    """Each table that was read, with the index by which; of those read whole, an empty name."""
    milliseconds: float
    """Planning and execution, in the database."""


def plans_of(read: Callable[[], object]) -> list[Plan]:
    """The plan of each statement of a selector, in their order; each runs twice."""
    statements: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        read()
    return [_explain(sql, params) for sql, params in statements]


def misplanned(
    plans: Iterable[Plan], *, indexes: Iterable[str], large: Iterable[str]
) -> Iterator[str]:
    """What is wrong: an index that no statement uses, or a large table read from end to end."""
    scans = {scan for plan in plans for scan in plan.scans}
    used = {index for _, index in scans}
    for index in sorted(set(indexes) - used):
        yield f"{index} is not used; used are {', '.join(sorted(used - {''}))}"
    for table in sorted(set(large)):
        if (table, "") in scans:
            yield f"{table} is read from end to end"


def _explain(sql: str, params: Any) -> Plan:
    with connection.cursor() as cursor:
        cursor.execute(
            f"EXPLAIN (ANALYZE, TIMING OFF, BUFFERS OFF, SUMMARY ON, FORMAT JSON) {sql}", params
        )
        answer = cursor.fetchone()[0]
    (explained,) = json.loads(answer) if isinstance(answer, str) else answer
    return Plan(
        sql,
        frozenset(_scans(explained["Plan"])),
        explained["Planning Time"] + explained["Execution Time"],
    )


def _scans(node: dict[str, Any], table: str = "") -> Iterator[tuple[str, str]]:
    """A bitmap's indexes are in the nodes below the one that names its table."""
    table = node.get("Relation Name", table)
    if "Index Name" in node:
        yield table, node["Index Name"]
    elif node["Node Type"] == "Seq Scan" and _rows_read(node) > _TINY:
        yield table, ""
    for inner in node.get("Plans", ()):
        yield from _scans(inner, table)


def _rows_read(node: dict[str, Any]) -> float:
    found: float = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return found * node["Actual Loops"]

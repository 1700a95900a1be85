"""Reading slots and venues in a large database: the time of each read, and its plan."""

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.machine import description, noise
from bench.place import Place
from bench.results import Goal, Report, Table, figure, goals_table, percentile

SUMMARY = "availability and search among two million slots, with their plans"

_SECONDS = 1_200.0
# Beyond so many times the goal, the run fails: medians of a quiet machine vary by less.
_LEAST = 2


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--venues", type=int, default=1_000, help="each with two resources (1000)")
    parser.add_argument("--days", type=int, default=50, help="of 40 slots a venue (50)")
    parser.add_argument("--repeats", type=int, default=50, help="of every read (50)")


def shorten(options: argparse.Namespace) -> None:
    options.venues, options.repeats = 100, 10


def run(options: argparse.Namespace, place: Place) -> Report:
    before = noise()
    with TemporaryDirectory() as folder:
        out = Path(folder) / "reads.json"
        place.run_module(
            "bench.lookups",
            *("--venues", str(options.venues), "--days", str(options.days)),
            *("--repeats", str(options.repeats), "--out", str(out)),
            seconds=_SECONDS,
        )
        found = json.loads(out.read_text())
    with place.connect() as connection:
        machine = description(connection)
    goals = [
        Goal(
            read["name"],
            read["goal_ms"],
            _LEAST * read["goal_ms"],
            read["database_ms"],
            is_lower_better=True,
            unit=" ms",
        )
        for read in found["reads"]
    ]
    faults = [f"{read['name']}: {fault}" for read in found["reads"] for fault in read["faults"]]
    faults += [
        f"{goal.name}: {figure(goal.value)} ms in the database, not {figure(goal.goal)}"
        for goal in goals
        if goal.verdict == "BELOW"
    ]
    figures = {
        **found,
        "machine": machine,
        "noise": [before, noise()],
        "goals": [goal.to_json() for goal in goals],
    }
    return Report(figures, [_table(found), goals_table(goals)], faults)


def _table(found: dict[str, Any]) -> Table:
    title = (
        f"Reads among {found['venues']:,} venues and {found['slots']:,} slots,"
        f" made in {found['fill_seconds']:.0f} s"
    )
    header = (
        *("read", "statements", "database, median ms", "p95"),
        *("selector, median ms", "p95", "plan"),
    )
    rows = [
        [
            read["name"],
            str(read["statements"]),
            *_middle_and_worst(read["database_ms"]),
            *_middle_and_worst(read["selector_ms"]),
            "WRONG" if read["faults"] else "as meant",
        ]
        for read in found["reads"]
    ]
    return Table(title, header, rows)


def _middle_and_worst(times: list[float]) -> list[str]:
    ordered = sorted(times)
    return [figure(percentile(ordered, 0.5)), figure(percentile(ordered, 0.95))]

"""The admin's pages among a million bookings: what each takes, rendered, and its statements."""

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.machine import description, noise
from bench.place import Place
from bench.results import Goal, Report, Table, figure, goals_table, percentile

SUMMARY = "the admin's lists and pages among a million bookings"

_SECONDS = 900.0
_GOAL_MS = 300.0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bookings", type=int, default=1_000_000, help="of one organization (1M)")
    parser.add_argument("--repeats", type=int, default=10, help="of every page (10)")


def shorten(options: argparse.Namespace) -> None:
    options.bookings, options.repeats = 100_000, 5


def run(options: argparse.Namespace, place: Place) -> Report:
    before = noise()
    with TemporaryDirectory() as folder:
        out = Path(folder) / "admin.json"
        place.run_module(
            "bench.staff",
            *("--bookings", str(options.bookings), "--repeats", str(options.repeats)),
            *("--out", str(out)),
            seconds=_SECONDS,
        )
        found = json.loads(out.read_text())
    with place.connect() as connection:
        machine = description(connection)
    goals = [
        Goal(page["name"], _GOAL_MS, _GOAL_MS, page["ms"], is_lower_better=True, unit=" ms")
        for page in found["pages"]
    ]
    faults = [
        f"{goal.name}: {figure(goal.value)} ms, not {figure(goal.goal)}"
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
        f"The admin among {found['bookings']:,} bookings of {found['guests']:,} guests,"
        f" made in {found['fill_seconds']:.0f} s"
    )
    rows = []
    for page in found["pages"]:
        ordered = sorted(page["ms"])
        times = [figure(percentile(ordered, 0.5)), figure(percentile(ordered, 0.95))]
        rows.append([page["name"], str(page["statements"]), *times])
    return Table(title, ("page", "statements", "median ms", "p95"), rows)

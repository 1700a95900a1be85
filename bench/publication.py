"""Publishing slots: one venue's 90 days, and the daily roll of many venues."""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from bench.machine import description, noise
from bench.place import PROJECT, Place
from bench.results import Goal, Report, Table, figure, goals_table

SUMMARY = "publishing a venue's 90 days, and the daily roll of many venues"

_SECONDS = 900.0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repeats", type=int, default=5, help="of the 90 days (5)")
    parser.add_argument("--venues", type=int, default=1_000, help="of the roll (1000)")


def shorten(options: argparse.Namespace) -> None:
    options.repeats, options.venues = 2, 100


def run(options: argparse.Namespace, place: Place) -> Report:
    before = noise()
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "figures.json"
        subprocess.run(
            [
                *(sys.executable, "-m", "bench.publisher", str(file)),
                *("--repeats", str(options.repeats), "--venues", str(options.venues)),
            ],
            cwd=PROJECT,
            env=place.variables(),
            stdin=subprocess.DEVNULL,
            check=True,
            timeout=_SECONDS,
        )
        figures: dict[str, Any] = json.loads(file.read_text())
    with place.connect() as connection:
        figures["machine"] = description(connection)
    figures["noise"] = [before, noise()]
    roll = figures["roll"]
    a_second = roll["venues"] / roll["working_seconds"]
    goals = [
        Goal("90 days of a venue", 1.0, 2.0, figures["publish"]["seconds"], True, unit=" s"),
        Goal(_roll_of(roll), 120.0, 240.0, [roll["seconds"]], True, unit=" s"),
        # A thousand in four turns of the task, and in eight.
        Goal("venues that a second of the roll takes", 10.0, 5.0, [a_second]),
        Goal("memory that the roll adds", 20.0, 60.0, [roll["rss_growth_mb"]], True, unit=" MB"),
        Goal("bookings' updates within the page", 95.0, 80.0, [figures["hot_percent"]], unit=" %"),
    ]
    figures["goals"] = [goal.to_json() for goal in goals]
    faults = figures.pop("faults")
    faults += [
        f"{goal.name}: {figure(goal.value)}{goal.unit}, not {figure(goal.goal)}{goal.unit}"
        for goal in goals
        if goal.verdict == "BELOW"
    ]
    return Report(figures, [_steps(figures), _inserts(figures), goals_table(goals)], faults)


def _steps(figures: dict[str, Any]) -> Table:
    rows = [
        [name, f"{figures[name]['slots']:,}", figure(median(figures[name]["seconds"]))]
        for name in ("publish", "nothing differs", "every capacity differs", "preview")
    ]
    roll = figures["roll"]
    rows.append([_roll_of(roll), f"{roll['slots']:,}", figure(roll["seconds"])])
    return Table("Publication", ("step", "slots", "seconds"), rows)


def _roll_of(roll: dict[str, Any]) -> str:
    return f"roll of {roll['venues']:,} venues, {roll['turns']} turns of the task"


def _inserts(figures: dict[str, Any]) -> Table:
    rows = [[name, figure(median(seconds))] for name, seconds in figures["inserts"].items()]
    return Table("Ways to insert as many slots (rolled back)", ("way", "seconds"), rows)

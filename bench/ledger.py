"""How long `verify_ledger` takes over a large database."""

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

SUMMARY = "verify_ledger over a large database"

_SECONDS = 1_800.0
_MILLION = 1_000_000
# Seconds for a million bookings.
_GOAL, _LEAST = 30.0, 60.0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bookings", type=int, default=100_000, help="made up at first (100000)")
    parser.add_argument("--repeats", type=int, default=3, help="of the check (3)")


def shorten(options: argparse.Namespace) -> None:
    """What is enough to see whether something is badly wrong."""
    options.bookings, options.repeats = 50_000, 2


def run(options: argparse.Namespace, place: Place) -> Report:
    before = noise()
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "figures.json"
        subprocess.run(
            [
                *(sys.executable, "-m", "bench.ledger_check", str(file)),
                *("--bookings", str(options.bookings), "--repeats", str(options.repeats)),
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
    per_million = [seconds * _MILLION / options.bookings for seconds in figures["seconds"]]
    goals = [Goal("a million bookings", _GOAL, _LEAST, per_million, True, unit=" s")]
    figures["goals"] = [goal.to_json() for goal in goals]
    faults = [
        f"verify_ledger found {number} problems where there are none"
        for number in figures["problems"]
        if number
    ]
    return Report(figures, [_parts(figures), goals_table(goals)], faults)


def _parts(figures: dict[str, Any]) -> Table:
    rows = [
        [name, figure(median(seconds))]
        for name, seconds in [*figures["parts"].items(), ("altogether", figures["seconds"])]
    ]
    title = (
        f"The ledger: {figures['slots']:,} slots, {figures['bookings']:,} bookings,"
        f" {figures['events']:,} events, {figures['gigabytes']:.2f} GB"
    )
    return Table(title, ("check", "seconds"), rows)

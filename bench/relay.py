"""What follows a booking: events relayed, mails handed over, and what the event log costs."""

import argparse
import json
import subprocess
import sys
from typing import Any

from bench.machine import description, noise
from bench.place import PROJECT, Place
from bench.results import Goal, Report, Table, figure, goals_table

SUMMARY = "events relayed per second, seconds to the mail, the cost of the event log"

_SECONDS = 600.0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=5_000, help="of each run of the relay (5000)")
    parser.add_argument("--repeats", type=int, default=5, help="of what is repeated (5)")
    parser.add_argument("--rate", type=int, default=50, help="bookings a second (50)")
    parser.add_argument("--seconds", type=int, default=30, help="of bookings at that rate (30)")


def shorten(options: argparse.Namespace) -> None:
    options.events, options.repeats, options.seconds = 2_000, 3, 10


def run(options: argparse.Namespace, place: Place) -> Report:
    before = noise()
    place.run_module("bench.fixtures")
    process = subprocess.run(
        [
            *(sys.executable, "-m", "bench.relayer"),
            *(str(options.events), str(options.repeats)),
            *(str(options.rate), str(options.seconds)),
        ],
        cwd=PROJECT,
        env=place.variables(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
        timeout=_SECONDS,
    )
    figures: dict[str, Any] = json.loads(process.stdout)
    with place.connect() as connection:
        figures["machine"] = description(connection)
    figures["noise"] = [before, noise()]
    mails = figures["mails"]
    goals = [
        Goal("events relayed per second", 1_000, 500, figures["relayed_per_second"]),
        Goal("commit to mail, p99", 2.0, 5.0, [mails["p99"]], True, unit=" s"),
        Goal("cost of the event log", 10.0, 20.0, figures["log_cost_percent"], True, unit=" %"),
    ]
    figures["goals"] = [goal.to_json() for goal in goals]
    faults = []
    if mails["handed_over"] != mails["booked"]:
        faults.append(f"{mails['booked']} booked, {mails['handed_over']} mails handed over")
    table = Table(
        f"From commit to mail, seconds, at {options.rate} bookings a second",
        ("bookings", "p50", "p90", "p99", "longest"),
        [
            [
                f"{mails['booked']:,}",
                *(figure(mails[name]) for name in ("p50", "p90", "p99", "longest")),
            ]
        ],
    )
    return Report(figures, [table, goals_table(goals)], faults)

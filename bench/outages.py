"""Bookings per second while Redis is gone, frozen or slow, beside the same with Redis well."""

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from statistics import median
from typing import Any

from bench.audit import Audit
from bench.broken_redis import frozen, gone, slow
from bench.crowd import Crowd, crowd
from bench.machine import description, noise
from bench.place import Place
from bench.results import Goal, Report, Table, figure, goals_table

SUMMARY = "bookings per second with Redis gone, frozen and slow"

_WELL = "well"
_BROKEN = ("gone", "frozen", "slow")
_GOAL, _LEAST = 0.9, 0.7
# Just under the time-out of the guards' connections.
_SLOW_SECONDS = 0.25


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=int, default=3, help="of each run (3)")
    parser.add_argument("--repeats", type=int, default=5, help="of every run, interleaved (5)")
    parser.add_argument("--callers", type=int, default=32, metavar="N")


def shorten(options: argparse.Namespace) -> None:
    """What is enough to see whether something is badly wrong."""
    options.seconds, options.repeats = 2, 3


def run(options: argparse.Namespace, place: Place) -> Report:
    place.run_module("bench.fixtures")
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in (_WELL, *_BROKEN)}
    faults: list[str] = []
    loads = []
    with place.connect() as connection, _crowds(place) as crowds:
        audit, machine = Audit(connection), description(connection)
        for people in crowds.values():
            # Where nobody has met the outage yet, the first calls run into their time-outs.
            people.closed_loop(slots="spread", callers=options.callers, seconds=1)
        for repeat in range(options.repeats):
            print(f"outages: repeat {repeat + 1} of {options.repeats}", flush=True)
            loads.append(noise())
            for name, people in crowds.items():
                audit.begin()
                figures = people.closed_loop(
                    slots="spread", callers=options.callers, seconds=options.seconds
                )
                faults += audit.faults(f"Redis {name}", successes=figures["successes"])
                if figures["errors"]:
                    faults.append(f"Redis {name}: refusals {figures['errors']}")
                runs[name].append(figures)
    goals = _goals(runs)
    figures = {
        "options": {name: getattr(options, name) for name in ("seconds", "repeats", "callers")},
        "machine": machine,
        "noise": loads,
        "runs": runs,
        "goals": [goal.to_json() for goal in goals],
    }
    return Report(figures, [_table(runs), goals_table(goals)], faults)


@contextmanager
def _crowds(place: Place) -> Iterator[dict[str, Crowd]]:
    """A process of callers for each state of Redis; it knows no other."""
    with ExitStack() as stack:
        addresses = {
            "gone": stack.enter_context(gone()),
            "frozen": stack.enter_context(frozen()),
            "slow": stack.enter_context(slow(place.redis_url, seconds=_SLOW_SECONDS)),
        }
        found = {_WELL: stack.enter_context(crowd(place, processes=1))}
        for name in _BROKEN:
            there = replace(place, redis_url=addresses[name])
            found[name] = stack.enter_context(crowd(there, processes=1))
        yield found


def _goals(runs: dict[str, list[dict[str, Any]]]) -> list[Goal]:
    """Each repeat beside that of the same moment with Redis well."""
    well = [each["per_second"] for each in runs[_WELL]]
    return [
        Goal(
            name=f"Redis {name} ÷ well",
            goal=_GOAL,
            least=_LEAST,
            values=[
                each["per_second"] / beside for each, beside in zip(runs[name], well, strict=True)
            ],
        )
        for name in _BROKEN
    ]


def _table(runs: dict[str, list[dict[str, Any]]]) -> Table:
    header = ("Redis", "per s", "repeats", "p50 ms", "p99 ms", "process µs")
    rows = []
    for name, repeats in runs.items():
        rates = [each["per_second"] for each in repeats]
        latencies = [
            figure(median(each["latency_ms"][part] for each in repeats)) for part in ("p50", "p99")
        ]
        spent = figure(median(each["callers_us"] for each in repeats))
        span = f"{figure(min(rates))} to {figure(max(rates))}"
        rows.append([name, figure(median(rates)), span, *latencies, spent])
    return Table("Bookings, spread, through the service layer", header, rows)

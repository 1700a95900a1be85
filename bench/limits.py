"""What each request pays before any work: the limiter, and the verification of its token."""

import argparse
from statistics import median
from typing import Any

from bench.machine import description, noise
from bench.place import Place
from bench.results import Goal, Report, Table, figure, goals_table

SUMMARY = "the limiter's and the token's cost per request"

_SECONDS = 120.0
# Milliseconds.
_LIMITER_GOAL, _LIMITER_LEAST = 0.3, 0.6
_TOKEN_GOAL, _TOKEN_LEAST = 0.15, 0.3


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--calls", type=int, default=4_000, help="of each run (4000)")
    parser.add_argument("--repeats", type=int, default=7, help="of every run, interleaved (7)")
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 8, 32], metavar="N")


def shorten(options: argparse.Namespace) -> None:
    """What is enough to see whether something is badly wrong."""
    options.calls, options.repeats = 2_000, 5


def run(options: argparse.Namespace, place: Place) -> Report:
    before = noise()
    runs = place.figures_of(
        "bench.limiter", options.calls, options.repeats, *options.callers, seconds=_SECONDS
    )
    with place.connect() as connection:
        machine = description(connection)
    return _report(runs, options, machine, [before, noise()])


def _report(
    runs: dict[str, Any],
    options: argparse.Namespace,
    machine: dict[str, Any],
    loads: list[dict[str, float]],
) -> Report:
    goals = _goals(runs)
    figures = {
        "options": {name: getattr(options, name) for name in ("calls", "repeats", "callers")},
        "machine": machine,
        "noise": loads,
        "runs": runs,
        "goals": [goal.to_json() for goal in goals],
    }
    header = (
        "limits, medians of repeats",
        "callers",
        "p50 ms",
        "p99 ms",
        "ms per call",
        "process µs",
        "calls/s",
    )
    table = Table("What a request pays before any work", header, _rows(runs))
    return Report(figures, [table, goals_table(goals)], runs["faults"])


def _rows(runs: dict[str, Any]) -> list[list[str]]:
    rows = []
    for name, by_callers in runs["cases"].items():
        for callers, repeats in by_callers.items():
            cells = [
                figure(median(each[value] for each in repeats))
                for value in (
                    "p50_ms",
                    "p99_ms",
                    "ms_per_call",
                    "process_us_per_call",
                    "per_second",
                )
            ]
            rows.append([name, callers, *cells])
    return rows


def _goals(runs: dict[str, Any]) -> list[Goal]:
    limits = {"limiter": (_LIMITER_GOAL, _LIMITER_LEAST), "token": (_TOKEN_GOAL, _TOKEN_LEAST)}
    goals = []
    for name, by_callers in runs["cases"].items():
        if name not in limits:
            continue
        goal, least = limits[name]
        for callers, repeats in by_callers.items():
            # A lone caller's is what he waits; of many, what each adds to the process's work.
            value = "p50_ms" if callers == "1" else "ms_per_call"
            goals.append(
                Goal(
                    name=f"{name}, {callers} at once" if callers != "1" else f"{name}, alone",
                    goal=goal,
                    least=least,
                    values=[each[value] for each in repeats],
                    is_lower_better=True,
                    unit=" ms",
                )
            )
    return goals

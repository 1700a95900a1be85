"""Bookings per second through the service layer, beside pgbench on the same server."""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import zip_longest
from statistics import median
from typing import Any

import psycopg

from bench.audit import Audit
from bench.crowd import Crowd, crowd
from bench.machine import PostgresTime, RedisTime, description, noise
from bench.pgbench import Pgbench, connections_to_spare, pgbench
from bench.place import Place
from bench.results import Goal, Report, Table, figure, goals_table

SUMMARY = "bookings per second through the service layer, beside pgbench"

SCENARIOS = ("spread", "hot")
_RACERS, _SEATS = 200, 50
_PROFILED_CALLERS = 32


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=int, default=3, help="of each run (3)")
    parser.add_argument("--repeats", type=int, default=5, help="of every run, interleaved (5)")
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 8, 32, 64], metavar="N")
    parser.add_argument(
        "--clients",
        type=int,
        nargs="*",
        default=[1, 8, 32, 64],
        metavar="N",
        help="of pgbench; none to leave it out",
    )
    parser.add_argument("--processes", type=int, default=1, help="of callers (1)")
    parser.add_argument("--races", type=int, default=10, help="200 callers for 50 seats (10)")
    parser.add_argument("--profile", metavar="FILE", help="only profile the callers, to this file")


def shorten(options: argparse.Namespace) -> None:
    """What is enough to see whether something is badly wrong."""
    options.seconds, options.repeats = 1, 2
    options.callers, options.clients = [1, 32], [1, 8]


@dataclass
class _Runs:
    """Every repeat of every run: by scenario, then by the number of callers."""

    ours: dict[str, dict[int, list[dict[str, Any]]]] = field(
        default_factory=lambda: {scenario: {} for scenario in SCENARIOS}
    )
    pgbench: dict[str, dict[int, list[dict[str, Any]]]] = field(
        default_factory=lambda: {scenario: {} for scenario in SCENARIOS}
    )
    races: list[dict[str, Any]] = field(default_factory=list)
    noise: list[dict[str, float]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def run(options: argparse.Namespace, place: Place) -> Report:
    place.run_module("bench.fixtures")
    if options.profile:
        return _profile(options, place)
    with ExitStack() as stack:
        connection = stack.enter_context(place.connect())
        people = stack.enter_context(crowd(place, processes=options.processes))
        yardstick = stack.enter_context(pgbench(place.database_url, connection))
        bench = _Bench(place, connection, people, yardstick, options)
        for repeat in range(options.repeats):
            print(f"bookings: repeat {repeat + 1} of {options.repeats}", flush=True)
            bench.repeat()
        return _report(bench.runs, options, description(connection))


class _Bench:
    def __init__(
        self,
        place: Place,
        connection: psycopg.Connection,
        people: Crowd,
        yardstick: Pgbench | None,
        options: argparse.Namespace,
    ) -> None:
        self.runs = _Runs()
        self._people, self._yardstick, self._options = people, yardstick, options
        self._audit = Audit(connection)
        self._room = connections_to_spare(connection)
        self._postgres, self._redis = PostgresTime(connection), RedisTime(place.redis_url)

    def repeat(self) -> None:
        self.runs.noise.append(noise())
        counts = zip_longest(self._options.clients, self._options.callers)
        for clients, callers in counts:
            for scenario in SCENARIOS:
                if clients and self._yardstick:
                    self._run_pgbench(self._yardstick, scenario, clients)
                if callers:
                    self._run_ours(scenario, callers)
        if self._options.races:
            self._race()

    def _run_pgbench(self, yardstick: Pgbench, scenario: str, clients: int) -> None:
        clients = min(clients, self._room)
        before = self._postgres.seconds()
        run = yardstick.run(scenario, clients=clients, seconds=self._options.seconds)
        spent = _difference(before, self._postgres.seconds())
        self.runs.faults += run.faults
        figures = {
            "per_second": run.per_second,
            "latency_ms": {"average": run.latency_ms},
            "postgres_us": _micros(spent, run.per_second * self._options.seconds),
        }
        self.runs.pgbench[scenario].setdefault(clients, []).append(figures)

    def _run_ours(self, scenario: str, callers: int) -> None:
        name = f"{scenario}, {_count(callers, 'caller')}"
        self._audit.begin()
        before = self._postgres.seconds(), self._redis.seconds()
        figures = self._people.closed_loop(
            slots=scenario, callers=callers, seconds=self._options.seconds
        )
        postgres = _difference(before[0], self._postgres.seconds())
        redis = _difference(before[1], self._redis.seconds())
        figures["postgres_us"] = _micros(postgres, figures["successes"])
        figures["redis_us"] = _micros(redis, figures["successes"])
        figures["batches"] = self._audit.batches()
        self.runs.faults += self._audit.faults(name, successes=figures["successes"])
        if figures["errors"]:
            self.runs.faults.append(f"{name}: refusals {figures['errors']}")
        self.runs.ours[scenario].setdefault(callers, []).append(figures)

    def _race(self) -> None:
        self._audit.begin()
        race = self._people.race(callers=_RACERS, races=self._options.races)
        race["batches"] = self._audit.batches()
        self.runs.races.append(race)
        name = f"{_RACERS} callers for {_SEATS} seats"
        self.runs.faults += self._audit.faults(name, successes=race["successes"])
        if any(winners != _SEATS for winners in race["winners"]):
            self.runs.faults.append(f"{name}: winners {race['winners']}")
        if race["errors"]:
            self.runs.faults.append(f"{name}: errors {race['errors']}")


# --- What came of it ------------------------------------------------------------------


def _report(runs: _Runs, options: argparse.Namespace, machine: dict[str, Any]) -> Report:
    goals = _goals(runs)
    figures = {
        "options": {
            name: getattr(options, name)
            for name in ("seconds", "repeats", "callers", "clients", "processes", "races")
        },
        "machine": machine,
        "noise": runs.noise,
        "pgbench": runs.pgbench,
        "ours": runs.ours,
        "races": runs.races,
        "goals": [goal.to_json() for goal in goals],
    }
    tables = [_pgbench_table(runs), _ours_table(runs), goals_table(goals)]
    return Report(figures, [table for table in tables if table.rows], runs.faults)


def _goals(runs: _Runs) -> list[Goal]:
    goals = []
    for scenario, goal, least in (("spread", 1.0, 0.5), ("hot", 3.0, 1.3)):
        ours, theirs = _best(runs.ours[scenario]), _best(runs.pgbench[scenario])
        ratios = [mine / other for mine, other in zip(ours, theirs, strict=bool(ours and theirs))]
        if ratios:
            goals.append(Goal(f"{scenario} ÷ pgbench, each at its best", goal, least, ratios))
    lone = [one["latency_ms"].get("p50") for one in runs.ours["spread"].get(1, [])]
    single = [one["latency_ms"]["average"] for one in runs.pgbench["spread"].get(1, [])]
    latencies = [mine / other for mine, other in zip(lone, single, strict=False) if mine]
    if latencies:
        name = "a lone caller's latency ÷ pgbench's"
        goals.append(Goal(name, 3.0, 6.0, latencies, is_lower_better=True))
    if runs.races:
        name = f"{_RACERS} callers for {_SEATS} seats, until all are answered"
        times = [1000 * median(race["seconds"]) for race in runs.races]
        goals.append(Goal(name, 40.0, 100.0, times, is_lower_better=True, unit=" ms"))
        # The one farthest from exact, whichever side.
        shares = [
            max((won / _SEATS for won in race["winners"]), key=lambda share: abs(share - 1))
            for race in runs.races
        ]
        farthest = max(shares, key=lambda share: abs(share - 1))
        goals.append(Goal("winners ÷ seats, the worst race", 1.0, 1.0, [farthest], is_exact=True))
    return goals


def _best(by_number: dict[int, list[dict[str, Any]]]) -> list[float]:
    """The rates of every repeat, at the number of callers whose median is highest."""
    rates = [[one["per_second"] for one in repeats] for repeats in by_number.values()]
    return max(rates, key=median, default=[])


def _pgbench_table(runs: _Runs) -> Table:
    rows = [
        [
            f"{scenario}, {_count(clients, 'client')}",
            *_rate(repeats),
            _middle(repeats, "latency_ms", "average"),
            _middle(repeats, "postgres_us"),
        ]
        for scenario, by_number in runs.pgbench.items()
        for clients, repeats in by_number.items()
    ]
    header = ("pgbench", "per s", "repeats", "average ms", "postgres µs")
    return Table("The minimal transaction by pgbench (medians)", header, rows)


def _ours_table(runs: _Runs) -> Table:
    rows = []
    for scenario, by_number in runs.ours.items():
        limit = median(_best(runs.pgbench[scenario]) or [0.0])
        for callers, repeats in by_number.items():
            rate = median(one["per_second"] for one in repeats)
            rows.append(
                [
                    f"{scenario}, {_count(callers, 'caller')}",
                    *_rate(repeats),
                    figure(rate / limit if limit else None),
                    *(_middle(repeats, "latency_ms", part) for part in ("p50", "p95", "p99")),
                    _middle(repeats, "batches", "mean"),
                    *(_middle(repeats, f"{name}_us") for name in ("callers", "postgres", "redis")),
                ]
            )
    header = ("service layer", "per s", "repeats", "÷ pgbench", "p50 ms", "p95 ms", "p99 ms")
    costs = ("batch", "process µs", "postgres µs", "redis µs")
    return Table("acreate_booking (medians; µs of processor per booking)", header + costs, rows)


def _rate(repeats: Sequence[dict[str, Any]]) -> list[str]:
    rates = [one["per_second"] for one in repeats]
    return [figure(median(rates)), f"{figure(min(rates))} to {figure(max(rates))}"]


def _middle(repeats: Sequence[dict[str, Any]], *path: str) -> str:
    values: list[Any] = list(repeats)
    for name in path:
        values = [value.get(name) for value in values if value is not None]
    known = [value for value in values if value is not None]
    return figure(median(known) if known else None)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _difference(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _micros(seconds: float | None, number: float) -> float | None:
    return None if seconds is None or not number else 1e6 * seconds / number


def _profile(options: argparse.Namespace, place: Place) -> Report:
    with crowd(place, processes=1, profile=True) as people:
        figures = people.closed_loop(
            slots="spread", callers=_PROFILED_CALLERS, seconds=options.seconds
        )
        text = people.profile(options.profile)
    print(text)
    return Report({"profiled": figures}, [])

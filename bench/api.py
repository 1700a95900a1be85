"""Bookings and availability over HTTP, as production serves them, beside a peer and pgbench."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from bench.clients import SEATS
from bench.crowd import answer_of, end
from bench.machine import description, noise
from bench.pgbench import Pgbench, pgbench
from bench.place import PROJECT, Place
from bench.production import Production, production
from bench.results import Goal, Report, Table, figure, goals_table

SUMMARY = "bookings and availability over HTTP, beside a peer at PEER_URL"

_RACERS = 200
_START_SECONDS = 60.0
# At which pgbench spread over many slots is at its best on two cores, or close to it.
_PGBENCH_CLIENTS = 8
_PATIENCE_SECONDS = 90.0
# A peer compiles what it runs often; ours has its caches to fill.
_WARM_SECONDS = 5.0
# How long a run waits for what the one before has left to the worker; and the end. What
# is left would take from the peer.
_DRAIN_SECONDS, _LAST_DRAIN_SECONDS = 20.0, 60.0
_UNDELIVERED = "SELECT count(*) FROM outbox_event WHERE delivered_at IS NULL AND dead_at IS NULL"


@dataclass(frozen=True)
class Scenario:
    """What ours and the peer are asked by turns."""

    title: str
    ours: str
    """Which of our servers; see `_servers`."""
    kind: str
    peer: str
    peer_kind: str
    goal: float
    least: float
    writes: bool = False


SCENARIOS: Mapping[str, Scenario] = {
    "spread": Scenario("createBooking", "single", "book", "single", "book", 8, 3, writes=True),
    "inline": Scenario(
        "createBooking, every document different",
        *("single", "book_inline", "single", "book_inline", 8, 3),
        writes=True,
    ),
    "read": Scenario(
        "availableSlots from the database, one venue",
        *("uncached", "read", "single", "read", 5, 2),
    ),
    "read_many": Scenario(
        "availableSlots from the database, 34 venues",
        *("uncached", "read_many", "single", "read_many", 3.5, 1.5),
    ),
    "cached": Scenario(
        "availableSlots from the cache, two processes",
        *("pair", "read", "pair", "read", 5, 2),
    ),
    "rest": Scenario(
        "POST bookings ÷ the peer's createBooking",
        *("single", "book_rest", "single", "book", 1.5, 0.8),
        writes=True,
    ),
}
_RACE = "race"
_ALL = (*SCENARIOS, _RACE)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=3, help="of each run (3)")
    parser.add_argument("--warm", type=float, default=0.5, help="before each run, seconds (0.5)")
    parser.add_argument("--repeats", type=int, default=5, help="of every run, interleaved (5)")
    parser.add_argument("--clients", type=int, default=32, help="at once (32)")
    parser.add_argument("--races", type=int, default=4, help="of 200 clients, each repeat (4)")
    parser.add_argument("--scenarios", nargs="+", default=list(_ALL), choices=_ALL, metavar="NAME")


def shorten(options: argparse.Namespace) -> None:
    """What is enough to see whether something is badly wrong."""
    options.seconds, options.repeats, options.races = 1, 2, 2


def run(options: argparse.Namespace, place: Place) -> Report:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        place.run_module("bench.city", str(folder / "city.json"))
        city = json.loads((folder / "city.json").read_text())
        ours = stack.enter_context(production(place))
        connection = stack.enter_context(place.connect())
        yardstick = stack.enter_context(pgbench(place.database_url, connection))
        clients = stack.enter_context(clients_process())
        servers = _servers(ours, city, options) | _peers(options)
        for name, described in servers.items():
            clients.ask({"do": "open", "target": name, "described": described})
        peers = [name for name in servers if "peer" in name]
        bench = _Bench(clients, connection, yardstick, options, peers=peers)
        bench.warm_up()
        # The first bookings were planned for empty tables. A minute later autovacuum says so.
        connection.execute("ANALYZE")
        for repeat in range(options.repeats):
            print(f"api: repeat {repeat + 1} of {options.repeats}", flush=True)
            bench.repeat()
        bench.end()
        bench.runs.faults += ours.ended()
        bench.runs.faults += [f"logged: {line[:300]}" for line in ours.errors_logged()]
        bench.runs.faults += wrong_counts(place)
        return _report(bench.runs, options, description(connection))


def _servers(
    ours: Production, city: dict[str, Any], options: argparse.Namespace
) -> dict[str, dict[str, Any]]:
    """Our servers by name: one process, the same without the cache, and two processes."""
    wanted = {SCENARIOS[name].ours for name in options.scenarios if name in SCENARIOS}
    wanted |= {"single"} if _RACE in options.scenarios else set()
    uncached = {"AVAILABILITY_CACHE": "false"}
    started = {}
    if "single" in wanted:
        started["our single"] = ours.web(processes=1)
    if "uncached" in wanted:
        started["our uncached"] = ours.web(processes=1, variables=uncached)
    if "pair" in wanted:
        started["our pair"] = ours.web(processes=2)
    ours.worker()
    return {name: city | {"url": f"{address}/graphql"} for name, address in started.items()}


def _peers(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The servers of PEER_URL and PEER_CACHED_URL, as other variables describe them."""
    wanted = {SCENARIOS[name].peer for name in options.scenarios if name in SCENARIOS} | {"single"}
    urls = {"peer single": "PEER_URL", "peer pair": "PEER_CACHED_URL"}

    def words(name: str) -> list[str]:
        return [word for word in os.environ.get(name, "").split(",") if word]

    return {
        name: {
            "url": os.environ[variable],
            "email": os.environ["PEER_EMAIL"],
            "password": os.environ["PEER_PASSWORD"],
            "users": int(os.environ.get("PEER_USERS", "1")),
            "date": os.environ["PEER_DATE"],
            "read_venues": words("PEER_READ_VENUES"),
            "spread_venues": words("PEER_SPREAD_VENUES"),
            "hot_venue": os.environ.get("PEER_HOT_VENUE", ""),
            "hot_dates": words("PEER_HOT_DATES"),
        }
        for name, variable in urls.items()
        if os.environ.get(variable) and name.removeprefix("peer ") in wanted
    }


@dataclass
class Clients:
    """The process of clients."""

    process: subprocess.Popen[str]

    def ask(self, case: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(case) + "\n")
        self.process.stdin.flush()
        return answer_of(self.process, _PATIENCE_SECONDS)


@contextmanager
def clients_process() -> Iterator[Clients]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.clients"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield Clients(process)
    finally:
        end(process)


@dataclass
class _Runs:
    """Every repeat of every run, by scenario; ours, the peer's, and pgbench's per second."""

    ours: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    peer: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    pgbench: list[float] = field(default_factory=list)
    noise: list[dict[str, float]] = field(default_factory=list)
    drain_seconds: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class _Bench:
    def __init__(
        self,
        clients: Clients,
        connection: psycopg.Connection,
        yardstick: Pgbench | None,
        options: argparse.Namespace,
        *,
        peers: Sequence[str],
    ) -> None:
        self.runs = _Runs()
        self._clients = clients
        self._connection = connection
        self._yardstick = yardstick
        self._options = options
        self._peers = peers

    def warm_up(self) -> None:
        asked = {
            (target, kind): writes
            for name in self._options.scenarios
            if name in SCENARIOS
            for target, kind, writes in self._turns(SCENARIOS[name])
        }
        for (target, kind), writes in asked.items():
            self._closed_loop(target, kind, warm=_WARM_SECONDS, seconds=0.1)
            if writes:
                self.wait_for_confirmations()

    def repeat(self) -> None:
        self.runs.noise.append(noise())
        if self._yardstick:
            seconds = max(1, int(self._options.seconds))
            run = self._yardstick.run("spread", clients=_PGBENCH_CLIENTS, seconds=seconds)
            self.runs.faults += run.faults
            self.runs.pgbench.append(run.per_second)
        for name in self._options.scenarios:
            if name == _RACE:
                self._race()
                continue
            scenario = SCENARIOS[name]
            for target, kind, writes in self._turns(scenario):
                options = self._options
                answer = self._closed_loop(target, kind, warm=options.warm, seconds=options.seconds)
                is_ours = target.startswith("our")
                runs = self.runs.ours if is_ours else self.runs.peer
                runs.setdefault(name, []).append(answer)
                if is_ours and (answer["errors"] or answer["faults"]):
                    self.runs.faults.append(f"{scenario.title}: {answer['errors']}")
                if writes:
                    self.runs.drain_seconds.append(self.wait_for_confirmations())

    def wait_for_confirmations(self, seconds: float = _DRAIN_SECONDS) -> float:
        """Let the worker go on, or it would take from the next run; until nothing is left."""
        began = time.monotonic()
        while self._undelivered() and time.monotonic() - began < seconds:
            time.sleep(0.1)
        return time.monotonic() - began

    def end(self) -> None:
        """Everything that was booked is confirmed in the end."""
        self.wait_for_confirmations(_LAST_DRAIN_SECONDS)
        if left := self._undelivered():
            self.runs.faults.append(
                f"{left} events are not delivered after {_LAST_DRAIN_SECONDS} s"
            )

    def _undelivered(self) -> int:
        row = self._connection.execute(_UNDELIVERED).fetchone()
        return int(row[0]) if row else 0

    def _turns(self, scenario: Scenario) -> Iterator[tuple[str, str, bool]]:
        yield f"our {scenario.ours}", scenario.kind, scenario.writes
        if f"peer {scenario.peer}" in self._peers:
            yield f"peer {scenario.peer}", scenario.peer_kind, False

    def _closed_loop(
        self, target: str, kind: str, *, warm: float, seconds: float
    ) -> dict[str, Any]:
        return self._clients.ask(
            {
                "do": "closed_loop",
                "target": target,
                "kind": kind,
                "clients": self._options.clients,
                "warm_seconds": warm,
                "seconds": seconds,
            }
        )

    def _race(self) -> None:
        for target in ("our single", "peer single"):
            is_ours = target.startswith("our")
            if not is_ours and target not in self._peers:
                continue
            races = self._options.races
            case = {"do": "race", "target": target, "clients": _RACERS, "races": races}
            answer = self._clients.ask(case)
            (self.runs.ours if is_ours else self.runs.peer).setdefault(_RACE, []).append(answer)
            if is_ours:
                self._judge_race(answer)
                self.wait_for_confirmations()

    def _judge_race(self, race: dict[str, Any]) -> None:
        name = f"{_RACERS} clients for {SEATS} seats"
        if any(winners != SEATS for winners in race["winners"]):
            self.runs.faults.append(f"{name}: winners {race['winners']}")
        if set(race["errors"]) - {"SLOT_UNAVAILABLE"}:
            self.runs.faults.append(f"{name}: errors {race['errors']}")


def wrong_counts(place: Place) -> list[str]:
    """What `verify_ledger` finds after it all."""
    checked = subprocess.run(
        [sys.executable, "manage.py", "verify_ledger"],
        cwd=PROJECT,
        env=place.variables() | {"RESERVE_MODE": "development"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_SECONDS,
    )
    if checked.returncode:
        return [f"verify_ledger: {checked.stdout[-1_000:]}{checked.stderr[-1_000:]}"]
    return []


# --- What came of it ------------------------------------------------------------------


def _report(runs: _Runs, options: argparse.Namespace, machine: dict[str, Any]) -> Report:
    goals = _goals(runs)
    names = ("seconds", "warm", "repeats", "clients", "races", "scenarios")
    figures = {
        "options": {name: getattr(options, name) for name in names},
        "machine": machine,
        "noise": runs.noise,
        "ours": runs.ours,
        "peer": runs.peer,
        "pgbench": runs.pgbench,
        "drain_seconds": runs.drain_seconds,
        "goals": [goal.to_json() for goal in goals],
    }
    tables = [_rates_table(runs), _races_table(runs), goals_table(goals)]
    return Report(figures, [table for table in tables if table.rows], runs.faults)


def _goals(runs: _Runs) -> list[Goal]:
    goals = []
    for name, scenario in SCENARIOS.items():
        pairs = zip(runs.ours.get(name, ()), runs.peer.get(name, ()), strict=False)
        ratios = [ours["per_second"] / peer["per_second"] for ours, peer in pairs]
        if ratios:
            goals.append(Goal(f"{scenario.title} ÷ peer", scenario.goal, scenario.least, ratios))
    races = zip(runs.ours.get(_RACE, ()), runs.peer.get(_RACE, ()), strict=False)
    ratios = [median(peer["seconds"]) / median(ours["seconds"]) for ours, peer in races]
    if ratios:
        name = f"{_RACERS} clients for {SEATS} seats, the peer's time ÷ ours"
        goals.append(Goal(name, 10, 4, ratios))
    answers = [answer for repeats in runs.ours.values() for answer in repeats]
    faults = sum(answer["faults"] for answer in answers)
    goals.append(Goal("answers of 5xx, or none", 0, 0, [faults], is_exact=True))
    return goals


def _rates_table(runs: _Runs) -> Table:
    rows = []
    for name, scenario in SCENARIOS.items():
        for who, repeats in (("ours", runs.ours.get(name)), ("peer", runs.peer.get(name))):
            if not repeats:
                continue
            rates = [one["per_second"] for one in repeats]
            latencies = [
                figure(median([one["latency_ms"].get(part, 0.0) for one in repeats]))
                for part in ("p50", "p95", "p99")
            ]
            shares = median([one["clients_share"] for one in repeats])
            spread = f"{figure(min(rates))} to {figure(max(rates))}"
            rows.append(
                [
                    f"{scenario.title}, {who}",
                    *(figure(median(rates)), spread, *latencies, figure(shares)),
                ]
            )
    if rows and runs.pgbench:
        rates = f"{figure(min(runs.pgbench))} to {figure(max(runs.pgbench))}"
        name = f"pgbench's minimal booking, spread, {_PGBENCH_CLIENTS} clients"
        rows.append([name, figure(median(runs.pgbench)), rates, *["–"] * 4])
    header = ("over HTTP", "per s", "repeats", "p50 ms", "p95 ms", "p99 ms", "clients' cores")
    return Table("Successes over HTTP (medians)", header, rows)


def _races_table(runs: _Runs) -> Table:
    rows = []
    for who, races in (("ours", runs.ours.get(_RACE)), ("peer", runs.peer.get(_RACE))):
        if races:
            times = [1000 * median(race["seconds"]) for race in races]
            winners = sorted({won for race in races for won in race["winners"]})
            spread = f"{figure(min(times))} to {figure(max(times))}"
            rows.append([who, figure(median(times)), spread, ", ".join(map(str, winners))])
    title = f"{_RACERS} clients at once for {SEATS} seats, until all are answered"
    return Table(title, ("race", "ms", "repeats", "winners"), rows)

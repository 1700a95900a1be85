"""What subscribers of a venue hear, how soon, and what they cost, beside a peer."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench.crowd import answer_of, end
from bench.machine import description, memory_of, noise
from bench.place import PROJECT, Place
from bench.production import production
from bench.results import Goal, Report, Table, figure, goals_table, percentile

SUMMARY = "subscribers of a venue: how soon they hear, what they cost; beside a peer at PEER_URL"

_OURS, _WIDE, _PEER = "ours", "ours, every venue", "peer"
_PATIENCE_SECONDS = 120.0
_WRITERS, _BURST_SECONDS = 8, 2.0
_MANY, _MANY_EVENTS = 5_000, 10
_MUTE, _MUTE_SECONDS = 200, 5.0
_CLIENTS = 32
# Memory is asked for once the last garbage of connecting has been collected.
_SETTLE_SECONDS = 1.0
_KIB, _MIB = 1024, 1024 * 1024


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--subscribers", type=int, default=1_000)
    parser.add_argument("--events", type=int, default=60, help="changes, one after another")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each run of bookings")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="", help="parts: events, cost, many, mute; or all")


def shorten(options: argparse.Namespace) -> None:
    options.subscribers, options.events = 500, 20
    options.seconds, options.repeats = 2.0, 1


@dataclass
class _Found:
    """What each repeat found, by the name of the figure."""

    values: dict[str, list[float]] = field(default_factory=dict)
    noise: list[dict[str, float]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def add(self, name: str, value: float) -> None:
        self.values.setdefault(name, []).append(value)
        print(f"live: {name}: {figure(value)}", flush=True)


class _Bench:
    def __init__(
        self, process: subprocess.Popen[str], options: argparse.Namespace, web_pid: int
    ) -> None:
        self.found = _Found()
        self._process, self._options, self._web_pid = process, options, web_pid

    def ask(self, do: str, target: str, **case: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, "target": target} | case) + "\n")
        self._process.stdin.flush()
        return answer_of(self._process, _PATIENCE_SECONDS)

    def has(self, part: str) -> bool:
        return not self._options.only or part in self._options.only.split(",")

    def by_turns(self, targets: list[str]) -> None:
        """The subscribers of all stay, and nothing happens but where it is measured."""
        for target in targets:
            self.ask("watch", target, number=self._options.subscribers)
        for _ in range(self._options.repeats):
            self.found.noise.append(noise())
            for target in targets:
                self.hear(target)
        for target in targets:
            self.ask("leave", target)
        time.sleep(_SETTLE_SECONDS)

    def hear(self, target: str) -> None:
        """How soon all hear of single changes, and that a burst leaves nobody wrong."""
        told = self.ask("events", target, events=self._options.events)
        ordered = sorted(told["last_ms"])
        self.found.add(f"{target} p50", percentile(ordered, 0.5))
        self.found.add(f"{target} p99", percentile(ordered, 0.99))
        if target != _OURS:
            return
        burst = self.ask("burst", target, writers=_WRITERS, seconds=_BURST_SECONDS)
        self.found.add("right after", burst["right_after_seconds"])
        self.found.add("burst bookings", burst["per_second"])
        if told["missing"] or burst["wrong"] or burst["errors"]:
            self.found.faults.append(
                f"{told['missing']} changes unheard, {burst['wrong']} wrong after a burst,"
                f" {burst['errors']}"
            )

    def cost(self) -> None:
        """Bookings of every venue without subscribers, and with those of one of the venues."""
        alone = self._book()
        self.ask("watch", _OURS, number=self._options.subscribers)
        with_them = self._book()
        self.ask("leave", _OURS)
        time.sleep(_SETTLE_SECONDS)
        self.found.add("bookings alone", alone)
        self.found.add("bookings while broadcasting", with_them)
        self.found.add("share of bookings", with_them / alone)

    def many(self) -> None:
        """Thousands at once, and the memory of each."""
        before = memory_of(self._web_pid)
        self.ask("watch", _OURS, number=_MANY)
        time.sleep(_SETTLE_SECONDS)
        self.found.add("KiB of each", (memory_of(self._web_pid) - before) / _MANY / _KIB)
        told = self.ask("events", _OURS, events=_MANY_EVENTS)
        self.found.add("many, last", max(told["last_ms"]))
        if told["missing"]:
            self.found.faults.append(f"{told['missing']} of {_MANY} heard nothing")
        self.ask("leave", _OURS)
        time.sleep(_SETTLE_SECONDS)

    def mute(self) -> None:
        """Those who do not read, while the venue is booked as fast as it can be."""
        self.ask("watch", _OURS, number=_MUTE, is_mute=True)
        before = memory_of(self._web_pid)
        run = {"kind": "book", "clients": _CLIENTS, "warm_seconds": 0.5}
        self.ask("book", _OURS, **run, seconds=_MUTE_SECONDS)
        self.found.add("MiB of mute ones", (memory_of(self._web_pid) - before) / _MIB)

    def _book(self) -> float:
        answer = self.ask(
            "book",
            _WIDE,
            kind="book",
            clients=_CLIENTS,
            warm_seconds=1,
            seconds=self._options.seconds,
        )
        if answer["errors"]:
            self.found.faults.append(f"bookings: {answer['errors']}")
        return float(answer["per_second"])


def run(options: argparse.Namespace, place: Place) -> Report:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        place.run_module("bench.city", str(folder / "city.json"))
        city = json.loads((folder / "city.json").read_text())
        ours = stack.enter_context(production(place))
        address = ours.web(processes=1, variables={"SOCKETS_PER_CALLER": "1000000"})
        ours.worker()
        connection = stack.enter_context(place.connect())
        process = stack.enter_context(_watchers())
        bench = _Bench(process, options, ours.pids[address])
        described = city | {"url": f"{address}/graphql", "hot_dates": []}
        bench.ask("open", _OURS, described=described | {"spread_venues": city["spread_venues"][:1]})
        bench.ask("open", _WIDE, described=described)
        hearers = [_OURS]
        if peer := _peer():
            bench.ask("open", _PEER, described=peer)
            hearers.append(_PEER)
        # A peer compiles what it runs often; ours has its caches to fill.
        for target in hearers:
            bench.ask("book", target, kind="book", clients=8, warm_seconds=3, seconds=0.1)
        if bench.has("events"):
            bench.by_turns(hearers)
        if bench.has("cost"):
            for _ in range(options.repeats):
                bench.cost()
        if bench.has("many"):
            bench.many()
        if bench.has("mute"):
            bench.mute()
        bench.found.faults += [f"logged: {line[:300]}" for line in ours.errors_logged()]
        return _report(bench.found, options, description(connection))


def _peer() -> dict[str, Any] | None:
    """The server of PEER_URL, as other variables describe it."""
    if not os.environ.get("PEER_URL"):
        return None
    venue = os.environ.get("PEER_FAN_VENUE") or os.environ["PEER_READ_VENUES"].split(",")[0]
    return {
        "url": os.environ["PEER_URL"],
        "email": os.environ["PEER_EMAIL"],
        "password": os.environ["PEER_PASSWORD"],
        "users": int(os.environ.get("PEER_USERS", "1")),
        "date": os.environ["PEER_DATE"],
        "spread_venues": [venue],
        "hot_dates": [],
    }


@contextmanager
def _watchers() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.watchers"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        end(process)


def _report(found: _Found, options: argparse.Namespace, machine: dict[str, Any]) -> Report:
    figures = {
        "subscribers": options.subscribers,
        "figures": found.values,
        "noise": found.noise,
        "machine": machine,
        "goals": [goal.to_json() for goal in _goals(found)],
    }
    rows = [
        [name, figure(median(values)), f"{figure(min(values))} to {figure(max(values))}"]
        for name, values in found.values.items()
    ]
    header = (f"{options.subscribers:,} subscribers of one venue; ms, s", "median", "repeats")
    table = Table("Subscribers", header, rows)
    return Report(figures, [table, goals_table(_goals(found))], found.faults)


def _goals(found: _Found) -> list[Goal]:
    values = found.values
    ratios = {
        part: [
            ours / theirs
            for ours, theirs in zip(
                values.get(f"{_OURS} {part}", []), values.get(f"{_PEER} {part}", []), strict=False
            )
        ]
        for part in ("p50", "p99")
    }
    shares = values.get("share of bookings", [])
    wanted = [
        ("last message after the mutation ÷ peer, p50", 0.5, 1, ratios["p50"], True, ""),
        ("last message after the mutation ÷ peer, p99", 0.5, 1, ratios["p99"], True, ""),
        ("5,000 subscribers, the last", 1500, 1500, values.get("many, last", []), True, " ms"),
        ("right after a burst", 1, 1, values.get("right after", []), True, " s"),
        ("memory of a connection", 40, 40, values.get("KiB of each", []), True, " KiB"),
        ("bookings while broadcasting ÷ alone", 0.8, 0.8, shares, False, ""),
        ("200 that do not read", 50, 50, values.get("MiB of mute ones", []), True, " MiB"),
    ]
    return [
        Goal(name, goal, least, measured, is_lower_better=is_lower, unit=unit)
        for name, goal, least, measured, is_lower, unit in wanted
        if measured
    ]

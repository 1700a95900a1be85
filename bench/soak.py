"""Hours at half load: whether memory, connections, lag or latency grow with time."""

import argparse
import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import redis

from bench.api import clients_process, wrong_counts
from bench.machine import Residents, busy_share, description, noise
from bench.mail_sink import mail_sink
from bench.place import PROJECT, Place
from bench.production import Production, production
from bench.results import Goal, Report, Table, figure, goals_table
from bench.trends import Trend, trend_of

SUMMARY = "hours at half load, and the slope of memory, connections, lag and latency"

_CALIBRATING_SECONDS = 8.0
# What is done for the first time takes longer.
_SETTLING_BOOKINGS_SECONDS = 20.0
_CLIENTS = 32
# Of all processors.
_SHARE = 0.5
# A second at most: a worker follows with their mails. They take no more than half of the
# load, so that there are reads beside them on a slow machine too.
_BOOKINGS = 10.0
_SOCKETS = 60
# Caches fill, pools open and PostgreSQL's pages settle: no part of a slope.
_WARMING_SHARE, _LONGEST_WARMING_SECONDS = 0.25, 900.0
_SAMPLES = 360
_SHORTEST_INTERVAL = 1.0
_DRAIN_SECONDS = 60.0
_SETTLING_SECONDS = 120.0
# Slopes of less than this are drowned by noise, and are shown but not judged.
_LEAST_JUDGED_HOURS = 0.5
# Of the samples, how many may find requests that are due and not sent.
_OVERDUE_SHARE = 0.1
_MIB = 1 << 20

_LAG = """
SELECT (SELECT COALESCE(max(EXTRACT(epoch FROM now() - recorded_at)), 0) FROM outbox_event
        WHERE delivered_at IS NULL AND dead_at IS NULL),
  (SELECT count(*) FROM outbox_event WHERE delivered_at IS NULL AND dead_at IS NULL),
  (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
     AND application_name = 'reserve'),
  pg_database_size(current_database())
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--hours", type=float, default=2, help="how long (2)")
    parser.add_argument("--processes", type=int, default=2, help="of the web (2)")
    parser.add_argument("--sockets", type=int, default=_SOCKETS, help=f"open at once ({_SOCKETS})")


def shorten(options: argparse.Namespace) -> None:
    options.hours = 40 / 3600


def run(options: argparse.Namespace, place: Place) -> Report:
    seconds = options.hours * 3600
    every = max(_SHORTEST_INTERVAL, seconds / _SAMPLES)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        place.run_module("bench.city", str(folder / "city.json"))
        city = json.loads((folder / "city.json").read_text()) | {"users": 1}
        mails = stack.enter_context(mail_sink())
        ours = stack.enter_context(production(place, EMAIL_URL=mails.url))
        address = ours.web(processes=options.processes)
        ours.worker()
        city |= {"url": f"{address}/graphql"}
        load = _half_load(city, folder) | {"sockets": options.sockets, "every": every}
        print(f"soak: {load}", flush=True)
        (folder / "load.json").write_text(json.dumps(city | load))
        connection = stack.enter_context(place.connect())
        # What the closed loop has left is none of this load, nor is a pool that still grows.
        faults = _undelivered_after(connection, _SETTLING_SECONDS)
        callers = stack.enter_context(_callers(folder / "load.json"))
        sampler = _Sampler(ours, connection, place.redis_url, callers)
        before = noise()
        sampler.sample_until(time.monotonic() + seconds)
        callers.stop()
        faults += sampler.faults + ours.ended()
        faults += [f"logged: {line[:300]}" for line in ours.errors_logged()]
        faults += _undelivered_after(connection, _DRAIN_SECONDS)
        faults += wrong_counts(place)
        machine = description(connection)
    return _report(sampler.samples, options, faults, machine | {"noise": [before, noise()]}, load)


def _half_load(city: Mapping[str, Any], folder: Path) -> dict[str, float]:
    """Reads and bookings a second that together keep half of the processors busy.

    Bookings come first, with all that the worker does for them; reads get what is left.
    """
    bookings = folder / "bookings.json"
    bookings.write_text(
        json.dumps({**city, "bookings": _BOOKINGS, "reads": 0.0, "sockets": 0, "every": 60.0})
    )
    with _callers(bookings) as callers:
        time.sleep(_SETTLING_BOOKINGS_SECONDS)
        share = busy_share(_CALIBRATING_SECONDS)
        callers.stop()
    with clients_process() as clients:
        clients.ask({"do": "open", "target": "ours", "described": dict(city)})
        case: dict[str, Any] = {"do": "closed_loop", "target": "ours", "kind": "read_many"}
        case |= {"clients": _CLIENTS, "warm_seconds": 2.0, "seconds": _CALIBRATING_SECONDS}
        most = clients.ask(case)["per_second"]
    bookings = min(1.0, _SHARE / 2 / share)
    # The closed loop keeps them all busy.
    reads = (_SHARE - bookings * share) * most
    return {
        "bookings": round(bookings * _BOOKINGS, 1),
        "reads": round(reads, 1),
        "busy_with_bookings": round(bookings * share, 2),
    }


class _Callers:
    """The process of callers; a thread takes what it tells."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._told: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def next_told(self, patience_seconds: float) -> dict[str, Any]:
        try:
            return self._told.get(timeout=patience_seconds)
        except queue.Empty:
            raise RuntimeError("The callers say nothing; see their messages above.") from None

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._told.put(json.loads(line))


@contextmanager
def _callers(file: Path) -> Iterator[_Callers]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.soaker", str(file)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield _Callers(process)
    finally:
        process.kill()
        process.wait()


class _Sampler:
    """Looks at everything each time that the callers tell what came of their requests."""

    def __init__(
        self,
        ours: Production,
        connection: psycopg.Connection,
        redis_url: str,
        callers: _Callers,
    ) -> None:
        self.samples: list[dict[str, float]] = []
        self.faults: list[str] = []
        self._connection = connection
        self._redis: redis.Redis = redis.Redis.from_url(redis_url)
        self._callers = callers
        self._residents = Residents(ours.pids)
        self._overdue = 0

    def sample_until(self, ends_at: float) -> None:
        began_at = time.monotonic()
        while time.monotonic() < ends_at:
            told = self._callers.next_told(_DRAIN_SECONDS)
            sample = {"hours": (time.monotonic() - began_at) / 3600}
            sample |= self._residents.look() | self._servers() | self._requests(told)
            self.samples.append(sample)
            if len(self.samples) % 30 == 0:
                print(f"soak: {json.dumps(sample)}", flush=True)
        self.faults += self._residents.changes
        if self._overdue > _OVERDUE_SHARE * len(self.samples):
            self.faults.append(
                f"requests waited to be sent in {self._overdue} of {len(self.samples)} samples: "
                "this was more than half load, or somebody else used the machine"
            )

    def _servers(self) -> dict[str, float]:
        row = self._connection.execute(_LAG).fetchone()
        assert row is not None
        lag, undelivered, connections, size = row
        about: dict[str, Any] = self._redis.info()
        return {
            "lag_seconds": float(lag),
            "undelivered": undelivered,
            "database_connections": connections,
            "database_mib": size / _MIB,
            "redis_clients": about["connected_clients"],
            "redis_mib": about["used_memory"] / _MIB,
        }

    def _requests(self, told: dict[str, Any]) -> dict[str, float]:
        found: dict[str, float] = {}
        self._overdue += any(told[kind]["waiting"] for kind in ("bookings", "reads"))
        for kind in ("bookings", "reads"):
            one = told[kind]
            found[f"{kind}_done"] = one["successes"]
            for part in ("p50", "p99"):
                found[f"{kind}_{part}_ms"] = one["latency_ms"].get(part, 0.0)
            if one["errors"]:
                self.faults.append(f"{kind}: {one['errors']}")
        if told["sockets"]["broken"]:
            self.faults.append(f"{told['sockets']['broken']} sockets broke")
        return found


def _undelivered_after(connection: psycopg.Connection, seconds: float) -> list[str]:
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        row = connection.execute(_LAG).fetchone()
        if row is not None and not row[1]:
            return []
        time.sleep(0.5)
    return [f"events are not delivered after {seconds:.0f} s"]


# --- What came of it ------------------------------------------------------------------


def _report(
    samples: Sequence[Mapping[str, float]],
    options: argparse.Namespace,
    faults: list[str],
    machine: dict[str, Any],
    load: Mapping[str, float],
) -> Report:
    hours = samples[-1]["hours"]
    warm_after = min(_WARMING_SHARE * hours, _LONGEST_WARMING_SECONDS / 3600)
    counted = [sample for sample in samples if sample["hours"] >= warm_after]
    trends = {
        name: trend_of([(sample["hours"], sample[name]) for sample in counted])
        for name in samples[0]
        if name != "hours"
    }
    goals = _goals(trends) if hours >= _LEAST_JUDGED_HOURS else []
    header = ("figure", "at first", "at last", "median", "greatest", "slope per hour, %", "±")
    rows = [
        [
            name,
            *map(figure, (trend.first, trend.last, trend.median, trend.greatest)),
            *map(figure, (trend.percent_per_hour, trend.uncertainty)),
        ]
        for name, trend in trends.items()
    ]
    title = f"{hours:.2f} hours, of which the first {warm_after:.2f} are not counted"
    figures = {
        "options": {"hours": options.hours, "processes": options.processes},
        "load": dict(load),
        "machine": machine,
        "samples": [dict(sample) for sample in samples],
        "goals": [goal.to_json() for goal in goals],
    }
    tables = [Table(title, header, rows), *([goals_table(goals)] if goals else [])]
    return Report(figures, tables, list(dict.fromkeys(faults))[:20])


def _goals(trends: Mapping[str, Trend]) -> list[Goal]:
    goals = [
        Goal(
            f"{name} grows per hour",
            1.0,
            3.0,
            [trend.percent_per_hour],
            is_lower_better=True,
            unit=" %",
        )
        for name, trend in trends.items()
        if name.endswith(("_rss_mib", "_connections", "_files")) or name == "redis_clients"
    ]
    lag = trends["lag_seconds"]
    return [
        *goals,
        Goal("lag, greatest", 5.0, 15.0, [lag.greatest], is_lower_better=True, unit=" s"),
    ]

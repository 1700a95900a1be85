"""What logs, figures and traces add to a booking over HTTP."""

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import mean, median
from typing import Any

from bench.api import clients_process
from bench.machine import description, noise, processor_seconds, thread_seconds
from bench.place import Place
from bench.production import Production, production
from bench.results import Goal, Report, Table, figure, goals_table
from bench.told import KINDS, NOTHING, SETTLED, WHOLE, signal_of
from reserve.embedded.figures import FOLDER

SUMMARY = "what logs, figures and traces add to the processor time of a booking"

# A short run says little, the median of many much: so many medians are shown.
_PARTS = 4
_PATIENCE_SECONDS = 10.0
# Of bookings before those that count: traces that were saved up for a lull are gone, and
# the interpreter has found out that other functions are called.
_SETTLING_SECONDS = 0.2


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=1.0, help="of each run (1)")
    parser.add_argument("--repeats", type=int, default=40, help="of every run, interleaved (40)")
    parser.add_argument("--clients", type=int, default=32, help="at once (32)")


def shorten(options: argparse.Namespace) -> None:
    options.seconds, options.repeats = 0.3, 12


class _Collector(BaseHTTPRequestHandler):
    """Takes spans, and forgets them."""

    # As collectors do, it keeps the connection.
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.taken += 1  # type: ignore[attr-defined]

    def log_message(self, *_arguments: object) -> None:
        """It is no news."""


@contextmanager
def _collector() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Collector)
    server.taken = 0  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()


def run(options: argparse.Namespace, place: Place) -> Report:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        place.run_module("bench.city", str(folder / "city.json"))
        city = json.loads((folder / "city.json").read_text())
        collector = stack.enter_context(_collector())
        web = _Web(stack.enter_context(production(place)), collector, folder)
        clients = stack.enter_context(clients_process())
        described = city | {"url": f"{web.address}/graphql"}
        clients.ask({"do": "open", "target": "ours", "described": described})
        found: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
        faults: list[str] = []
        noises = []
        sent_before = 0.0
        # The first one fills caches, and is not counted.
        for repeat in range(-1, options.repeats):
            if repeat % 10 == 0:
                print(f"telemetry: repeat {repeat + 1} of {options.repeats}", flush=True)
                noises.append(noise())
            for kind in _order(repeat):
                web.tell(kind)
                book = {
                    "do": "closed_loop",
                    "target": "ours",
                    "kind": "book",
                    "clients": options.clients,
                    "warm_seconds": 0.0,
                }
                clients.ask(book | {"seconds": _SETTLING_SECONDS})
                before = web.seconds()
                answer = clients.ask(book | {"seconds": options.seconds})
                spent = web.seconds() - before
                if answer["errors"] or answer["faults"]:
                    faults.append(f"{kind}: {answer['errors']}")
                if repeat < 0:
                    sent_before = web.sending_seconds()
                else:
                    figures = {"successes": answer["successes"], "spent": spent}
                    found[kind].append(figures | {"per_second": answer["per_second"]})
        if not collector.taken:  # type: ignore[attr-defined]
            faults.append("no span arrived")
        _share_out(web.sending_seconds() - sent_before, found)
        faults += web.ours.ended()
        with place.connect() as connection:
            machine = description(connection)
    return _report(found, faults, noises, machine)


def _order(repeat: int) -> tuple[str, ...]:
    """Whoever comes first meets another machine than whoever comes last.

    Everybody follows everybody in turn: the odd repeats go backwards.
    """
    turn = repeat % len(KINDS)
    order = (*KINDS[turn:], *KINDS[:turn])
    return order if repeat % 2 else order[::-1]


class _Web:
    """The one process that is measured."""

    def __init__(self, ours: Production, collector: ThreadingHTTPServer, folder: Path) -> None:
        figures = folder / "figures"
        figures.mkdir()
        self.ours = ours
        self._settled = folder / "settled"
        variables = {
            FOLDER: str(figures),
            SETTLED: str(self._settled),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_address[1]}",
        }
        self.address = ours.web(variables=variables, module="bench.telling")
        self.pid = ours.pids[self.address]

    def tell(self, kind: str) -> None:
        """Have it tell this from now on; returns once it does."""
        self._settled.unlink(missing_ok=True)
        os.kill(self.pid, signal_of(kind))
        ends_at = time.monotonic() + _PATIENCE_SECONDS
        while not self._settled.exists():
            if time.monotonic() > ends_at:
                raise RuntimeError(f"The web process does not begin to tell {kind}.")
            time.sleep(0.005)
        told, sender = self._settled.read_text().split("\n")
        assert told == kind
        self._sender = int(sender)

    def seconds(self) -> float:
        """What it has spent on a processor, but for sending spans: that comes when it is due."""
        return processor_seconds(self.pid) - self.sending_seconds()

    def sending_seconds(self) -> float:
        return thread_seconds(self.pid, self._sender)


def _share_out(sending: float, found: Mapping[str, list[dict[str, float]]]) -> None:
    """Find what a booking took, with its part of what all spans took to send."""
    traced = sum(one["successes"] for one in found[WHOLE])
    for kind, repeats in found.items():
        for one in repeats:
            own = one["spent"] / one["successes"]
            one["processor_us"] = 1e6 * (own + sending / traced * (kind == WHOLE))


def _report(
    found: Mapping[str, list[dict[str, float]]],
    faults: list[str],
    noises: list[dict[str, float]],
    machine: dict[str, Any],
) -> Report:
    silent = [
        mean(one["processor_us"] for one in pair)
        for pair in zip(*(found[kind] for kind in NOTHING), strict=True)
    ]

    def added(kind: str) -> list[float]:
        """Percent of the processor time of telling nothing, repeat by repeat."""
        pairs = zip(found[kind], silent, strict=True)
        return [100 * (one["processor_us"] / other - 1) for one, other in pairs]

    rows = [
        [
            kind,
            figure(median([one["per_second"] for one in repeats])),
            figure(median([one["processor_us"] for one in repeats])),
            figure(median(added(kind))),
        ]
        for kind, repeats in found.items()
    ]
    parts = min(_PARTS, len(silent))
    whole = [median(added(WHOLE)[begin::parts]) for begin in range(parts)]
    goal = Goal("added to a booking", 5.0, 10.0, whole, is_lower_better=True, unit=" %")
    table = Table(
        "createBooking, one process (medians)",
        ("what is told", "per s", "processor, µs", "added, %"),
        rows,
    )
    figures = {
        "machine": machine,
        "noise": noises,
        "found": dict(found),
        "goals": [goal.to_json()],
    }
    return Report(figures, [table, goals_table([goal])], faults)

"""What logs, figures and traces add to a booking over HTTP."""

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

from bench.api import clients_process
from bench.machine import description, noise
from bench.place import Place
from bench.production import production
from bench.results import Goal, Report, Table, figure, goals_table
from bench.told import KINDS, NOTHING, TURN_SECONDS, TURNS, WHOLE, Turn
from reserve.embedded.figures import FOLDER

SUMMARY = "what logs, figures and traces add to the processor time of a booking"

# How far those of so many parts of all rounds are apart is shown.
_PARTS = 4
# In which the clients are busy without a pause: before each it is seen how noisy the machine is.
_STRETCH_SECONDS = 32.0
# At a stretch's begin the clients connect.
_WARM_SECONDS = 0.5
# OpenTelemetry's own, of the time in which traces are told: one export of many spans takes
# little more than one of few.
_SEND_MILLISECONDS = 5000


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=1.0, help="of each turn (1)")
    parser.add_argument("--rounds", type=int, default=60, help="of a turn of each kind (60)")
    parser.add_argument("--clients", type=int, default=32, help="at once (32)")


def shorten(options: argparse.Namespace) -> None:
    options.rounds = 5


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
        ours = stack.enter_context(production(place))
        figures, turns = folder / "figures", folder / "turns"
        figures.mkdir()
        variables = {
            FOLDER: str(figures),
            TURNS: str(turns),
            TURN_SECONDS: str(options.seconds),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_address[1]}",
            "OTEL_BSP_SCHEDULE_DELAY": str(_SEND_MILLISECONDS * len(KINDS)),
        }
        address = ours.web(variables=variables, module="bench.telling")
        clients = stack.enter_context(clients_process())
        described = city | {"url": f"{address}/graphql"}
        clients.ask({"do": "open", "target": "ours", "described": described})
        faults: list[str] = []
        noises = []
        rounds: list[dict[str, Turn]] = []
        book = {"do": "closed_loop", "target": "ours", "kind": "book", "clients": options.clients}
        book |= {"warm_seconds": _WARM_SECONDS, "seconds": _STRETCH_SECONDS}
        # Fills caches, and is not counted.
        clients.ask(book | {"seconds": _WARM_SECONDS})
        while len(rounds) < options.rounds and not faults:
            print(f"telemetry: {len(rounds)} rounds of {options.rounds}", flush=True)
            noises.append(noise())
            began = time.monotonic() + _WARM_SECONDS
            answer = clients.ask(book)
            if answer["errors"] or answer["faults"]:
                faults.append(f"{answer['faults']} faults, {answer['errors']}")
            rounds += _rounds(turns, began, began + _STRETCH_SECONDS)
        if not collector.taken:  # type: ignore[attr-defined]
            faults.append("no span arrived")
        faults += ours.ended()
        with place.connect() as connection:
            machine = description(connection)
    return _report(rounds, faults, noises, machine)


def _rounds(file: Path, begin: float, end: float) -> list[dict[str, Turn]]:
    """Turns between two moments, one of each kind in each round."""
    turns = [Turn(*json.loads(line)) for line in file.read_text().splitlines()]
    within = [turn for turn in turns if begin <= turn.began and turn.ended <= end]
    by_kind = [[turn for turn in within if turn.kind == kind] for kind in KINDS]
    return [{turn.kind: turn for turn in turns} for turns in zip(*by_kind, strict=False)]


def _microseconds(rounds: Sequence[Mapping[str, Turn]]) -> dict[str, list[float]]:
    """What an answer took in each round, with its part of what all spans took to send."""
    sent = sum(turn.sent for one in rounds for turn in one.values())
    sent /= sum(one[WHOLE].answers for one in rounds)
    return {
        kind: [
            1e6 * (one[kind].spent / one[kind].answers + sent * (kind == WHOLE)) for one in rounds
        ]
        for kind in KINDS
    }


def _report(
    rounds: Sequence[Mapping[str, Turn]],
    faults: list[str],
    noises: list[dict[str, float]],
    machine: dict[str, Any],
) -> Report:
    took = _microseconds(rounds)
    silent = [geometric_mean(pair) for pair in zip(*(took[kind] for kind in NOTHING), strict=True)]

    def added(kind: str, rounds: slice) -> float:
        """Percent of the processor time of telling nothing."""
        pairs = zip(took[kind][rounds], silent[rounds], strict=True)
        return 100 * (geometric_mean(one / other for one, other in pairs) - 1)

    rows = [
        [
            kind,
            figure(median(one[kind].per_second for one in rounds)),
            figure(median(took[kind])),
            figure(added(kind, slice(None))),
        ]
        for kind in KINDS
    ]
    whole = [added(WHOLE, slice(begin, None, _PARTS)) for begin in range(_PARTS)]
    goal = Goal("added to a booking", 5.0, 10.0, whole, is_lower_better=True, unit=" %")
    table = Table(
        f"createBooking, one process, medians of {len(rounds)} rounds (added: geometric means)",
        ("what is told", "per s", "processor, µs", "added, %"),
        rows,
    )
    figures = {
        "machine": machine,
        "noise": noises,
        "rounds": rounds,
        "goals": [goal.to_json()],
    }
    return Report(figures, [table, goals_table([goal])], faults)

"""`python -m bench [NAME …]`: run benchmarks, show tables, write JSON.

A benchmark is a module of this package with SUMMARY, `add_options`, `shorten`
and `run`, and a line in BENCHMARKS. Without a name all run, each shortened.
"""

import argparse
import json
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType, ModuleType
from typing import Protocol, cast

from bench import (
    admin,
    api,
    bookings,
    ledger,
    limits,
    live,
    outages,
    publication,
    reads,
    relay,
    soak,
    start,
    telemetry,
)
from bench.place import Place, place
from bench.results import Report
from reserve.embedded import EmbeddedError


class Benchmark(Protocol):
    SUMMARY: str

    def add_options(self, parser: argparse.ArgumentParser) -> None: ...

    def shorten(self, options: argparse.Namespace) -> None:
        """Set the options to what takes about half a minute."""
        ...

    def run(self, options: argparse.Namespace, place: Place) -> Report: ...


def _benchmark(module: ModuleType) -> Benchmark:
    return cast(Benchmark, module)


BENCHMARKS: Mapping[str, Benchmark] = {
    "api": _benchmark(api),
    "bookings": _benchmark(bookings),
    "outages": _benchmark(outages),
    "reads": _benchmark(reads),
    "publication": _benchmark(publication),
    "admin": _benchmark(admin),
    "limits": _benchmark(limits),
    "live": _benchmark(live),
    "relay": _benchmark(relay),
    "soak": _benchmark(soak),
    "start": _benchmark(start),
    "telemetry": _benchmark(telemetry),
    "ledger": _benchmark(ledger),
}


def main() -> int:
    options = _parser().parse_args()
    # Ended from outside, it tidies up like one that is interrupted.
    signal.signal(signal.SIGTERM, _leave)
    chosen = [options.name] if options.name else list(BENCHMARKS)
    reports: dict[str, Report] = {}
    try:
        with place() as servers:
            for name in chosen:
                benchmark = BENCHMARKS[name]
                own = options if options.name else _parser().parse_args([name])
                if own.short or not options.name:
                    benchmark.shorten(own)
                reports[name] = benchmark.run(own, servers)
                print("", *reports[name].tables, sep="\n\n", flush=True)
            if options.json:
                _write(options.json, reports)
    except EmbeddedError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    faults = [fault for report in reports.values() for fault in report.faults]
    for fault in faults:
        print(f"WRONG: {fault}", file=sys.stderr)
    return 1 if faults else 0


def _write(file: Path, reports: Mapping[str, Report]) -> None:
    figures = {name: report.figures for name, report in reports.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(figures, indent=1) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Benchmarks.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    names = parser.add_subparsers(dest="name", metavar="NAME")
    for name, benchmark in BENCHMARKS.items():
        own = names.add_parser(name, help=benchmark.SUMMARY, description=benchmark.SUMMARY)
        own.add_argument(
            "--json",
            type=Path,
            metavar="FILE",
            default=argparse.SUPPRESS,
            help="write all figures there",
        )
        own.add_argument("--short", action="store_true", help="about half a minute")
        benchmark.add_options(own)
    return parser


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(143)


if __name__ == "__main__":
    sys.exit(main())

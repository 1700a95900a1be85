"""How long `make dev` takes to be ready, and how much memory all of it takes."""

import argparse
import os
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.clone import copy_project, plain_environment, resident_bytes, residents
from bench.machine import description, noise
from bench.place import Place
from bench.results import Goal, Report, Table, figure, goals_table

SUMMARY = "seconds from a bare clone, and from an installed one, to ready; memory of make dev"

_READY = "ReserveAPI is ready at"
_READY_SECONDS = 600.0
_END_SECONDS = 60.0
_MEBIBYTE = 1 << 20
# Seconds, seconds, MiB.
_FIRST_GOAL, _FIRST_LEAST = 90, 180
_AGAIN_GOAL, _AGAIN_LEAST = 8, 16
_MEMORY_GOAL, _MEMORY_LEAST = 700, 900


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--installed", action="store_true", help="with our packages, instead of installing them"
    )
    parser.add_argument("--repeats", type=int, default=5, help="of the second start (5)")
    parser.add_argument(
        "--settle", type=float, default=15, help="seconds from ready to the look at memory (15)"
    )


def shorten(options: argparse.Namespace) -> None:
    options.installed, options.repeats, options.settle = True, 1, 8


def run(options: argparse.Namespace, place: Place) -> Report:
    before = noise()
    again: list[float] = []
    with TemporaryDirectory(prefix="reserve-clone-") as folder:
        clone = Path(folder) / "clone"
        copy_project(clone, installed=options.installed)
        with _make_dev(clone) as first:
            pass
        for _ in range(options.repeats):
            with _make_dev(clone) as seconds:
                again.append(seconds)
                time.sleep(options.settle)
                memory = _memory(clone)
    goals = [
        Goal("second start", _AGAIN_GOAL, _AGAIN_LEAST, again, is_lower_better=True, unit=" s"),
        Goal(
            "memory",
            _MEMORY_GOAL,
            _MEMORY_LEAST,
            [sum(memory.values()) / _MEBIBYTE],
            is_lower_better=True,
            unit=" MiB",
        ),
    ]
    if not options.installed:
        install = Goal(
            "first start", _FIRST_GOAL, _FIRST_LEAST, [first], is_lower_better=True, unit=" s"
        )
        goals.insert(0, install)
    with place.connect() as connection:
        machine = description(connection)
    figures: dict[str, Any] = {
        "options": {name: getattr(options, name) for name in ("installed", "repeats", "settle")},
        "machine": machine,
        "noise": [before, noise()],
        "first_start_seconds": first,
        "second_start_seconds": again,
        "memory_bytes": memory,
        "goals": [goal.to_json() for goal in goals],
    }
    rows = [[name, figure(size / _MEBIBYTE)] for name, size in memory.most_common()]
    table = Table("Memory of make dev, shared pages divided", ("process", "MiB"), rows)
    return Report(figures, [table, goals_table(goals)])


@contextmanager
def _make_dev(clone: Path) -> Iterator[float]:
    """Run it until the block is left; the seconds that it took to be ready."""
    log = clone.with_name("log")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["make", "dev"],
            cwd=clone,
            env=plain_environment(PORT=str(port)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while _READY not in log.read_text(errors="replace"):
            if process.poll() is not None or time.monotonic() - began > _READY_SECONDS:
                raise RuntimeError(f"make dev is not ready:\n{log.read_text(errors='replace')}")
            time.sleep(0.05)
        yield time.monotonic() - began
    finally:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        finally:
            for pid in residents(clone):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _memory(clone: Path) -> Counter[str]:
    """Bytes by what a process is."""
    found: Counter[str] = Counter()
    for pid, argv in residents(clone).items():
        found[_kind(argv)] += resident_bytes(pid)
    return found


def _kind(argv: list[str]) -> str:
    words = {Path(word).name for word in argv}
    for name, mark in {
        "web": "reserve.embedded.web",
        "worker": "worker",
        "beat": "beat",
        "supervisor": "reserve.embedded.dev",
        "keeper of the servers": "reserve.embedded.keeper",
        "Redis": "redis-server",
        "make": "make",
    }.items():
        if mark in words:
            return name
    return "PostgreSQL"

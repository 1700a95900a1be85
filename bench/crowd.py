"""The processes of callers, as their parent sees them."""

import json
import select
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from bench.place import PROJECT, Place

WARM_SECONDS = 0.5
# From the word to the start, so that all processes begin together.
_LEAD_SECONDS = 0.1
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
# A caller waits for its outcome no longer than the desk lets it.
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Crowd:
    processes: list[subprocess.Popen[str]]

    def closed_loop(self, *, slots: str, callers: int, seconds: float) -> dict[str, Any]:
        """Callers spread over the processes; their figures added up."""
        number = len(self.processes)
        shares = [callers // number + (index < callers % number) for index in range(number)]
        begin = time.monotonic() + _LEAD_SECONDS
        cases = [
            {
                "do": "closed_loop",
                "slots": slots,
                "callers": share,
                "begin": begin,
                "warm_seconds": WARM_SECONDS,
                "seconds": seconds,
            }
            for share in shares
        ]
        return _sum_of(self._ask(cases, seconds))

    def race(self, *, callers: int, races: int) -> dict[str, Any]:
        """In one process: the seats are on one slot."""
        case = {"do": "race", "callers": callers, "races": races}
        (answer,) = self._ask([case], 0)
        return answer

    def profile(self, file: str) -> str:
        """Write the profile of the first process; return what to print of it."""
        (answer,) = self._ask([{"do": "profile", "file": file}], 0)
        return str(answer["text"])

    def _ask(self, cases: list[dict[str, Any]], seconds: float) -> list[dict[str, Any]]:
        asked = list(zip(self.processes, cases, strict=False))
        for process, case in asked:
            assert process.stdin is not None
            process.stdin.write(json.dumps(case) + "\n")
            process.stdin.flush()
        return [answer_of(process, seconds + _PATIENCE_SECONDS) for process, _ in asked]


@contextmanager
def crowd(place: Place, *, processes: int, profile: bool = False) -> Iterator[Crowd]:
    """Start processes of callers, and end them with their input."""
    running: list[subprocess.Popen[str]] = []
    options = ["--profile"] if profile else []
    try:
        for index in range(processes):
            command = [sys.executable, "-m", "bench.callers", str(index), str(processes), *options]
            running.append(
                subprocess.Popen(
                    command,
                    cwd=PROJECT,
                    env=place.variables(),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    # An interrupt is for the parent, whose end is ours.
                    start_new_session=True,
                )
            )
        for process in running:
            answer_of(process, _START_SECONDS)
        yield Crowd(running)
    finally:
        for process in running:
            end(process)


def answer_of(process: subprocess.Popen[str], patience_seconds: float) -> dict[str, Any]:
    """The next line of JSON that a process writes.

    Raises:
        RuntimeError: it ended, or says nothing.
    """
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], patience_seconds)
    line = process.stdout.readline() if readable else ""
    if not line:
        raise RuntimeError("The callers' process ended or does not answer; see its messages above.")
    answer: dict[str, Any] = json.loads(line)
    if "fault" in answer:
        raise RuntimeError(answer["fault"])
    return answer


def _sum_of(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Latencies cannot be added up: of several processes, the slowest is told."""
    errors: Counter[str] = Counter()
    for answer in answers:
        errors.update(answer["errors"])
    measured = sum(answer["measured"] for answer in answers)
    seconds = sum(answer["processor_seconds"] for answer in answers)
    names = {name for answer in answers for name in answer["latency_ms"]}
    return {
        "per_second": sum(answer["per_second"] for answer in answers),
        "measured": measured,
        "successes": sum(answer["successes"] for answer in answers),
        "errors": dict(errors),
        "latency_ms": {
            name: max(answer["latency_ms"].get(name, 0.0) for answer in answers)
            for name in sorted(names)
        },
        "callers_us": 1e6 * seconds / measured if measured else None,
    }


def end(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()

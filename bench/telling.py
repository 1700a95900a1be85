"""The web process of `bench.telemetry`: `python -m bench.telling`, on HOST and PORT.

From its first answer on it tells by turns what a process does in production, or less of
it (`bench.told`). One process does all, since two of the same kind differ by more than
what is measured: in where their memory lies, and in the order of their hash tables.
"""

import asyncio
import json
import math
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from opentelemetry.trace import Tracer
from prometheus_client import Counter, Gauge, Histogram

from bench.told import KINDS, TURN_SECONDS, TURNS, WHOLE, Turn
from reserve import telemetry
from reserve.core import answers, tracing
from reserve.core.gathered import GatheredCounter, GatheredHistogram, count_gathered
from reserve.embedded.web import main

# At a turn's begin, which do not count: what was not run for a second is run slowly at first.
_SETTLING_SECONDS = 0.2


class _Turns:
    """Has the process tell one kind after the other."""

    def __init__(self, seconds: float, turns: Path) -> None:
        self._seconds = seconds
        self._turns = turns.open("a", buffering=1)
        self._kinds = _kinds()
        self._kind = WHOLE
        self._answers = 0
        self._due, self._due_at = self._begin, -math.inf
        self._replace(answers, "write_lines", "logs")
        for owner, name in ((Counter, "inc"), (Gauge, "set"), (Gauge, "inc"), (Gauge, "dec")):
            self._replace(owner, name, "figures")
        self._replace(Histogram, "observe", "figures")
        self._replace(Histogram, "time", "figures", nullcontext)
        self._replace(GatheredHistogram, "observe_soon", "figures")
        self._replace(GatheredCounter, "inc_soon", "figures")
        self._note = answers.note
        self._use = tracing.use
        self._tracing: tuple[Tracer, dict[str, Any]] | None = None
        self._traced, self._traced_since = 0, time.monotonic_ns()
        answers.note = self._count
        tracing.use = self._remember
        telemetry.OwnIds = partial(telemetry.OwnIds, clock=self._traced_time)

    def _replace(
        self, owner: Any, name: str, kind: str, otherwise: Callable[[], Any] = lambda: None
    ) -> None:
        """Let it do what it does only where this is told.

        It stays replaced: the interpreter learns anew what it knows of a class that changes.
        """
        own = owner.__dict__[name]

        def telling(*arguments: Any, **options: Any) -> Any:
            return own(*arguments, **options) if kind in self._kind else otherwise()

        setattr(owner, name, telling)

    def _count(self, answer: answers.Answer) -> None:
        self._answers += 1
        self._note(answer)
        if time.monotonic() >= self._due_at:
            # Once all that is answered together is: a turn has whole batches.
            self._due_at = math.inf
            asyncio.get_running_loop().call_soon(self._due)

    def _remember(self, tracer: Tracer | None, **options: Any) -> None:
        assert tracer is not None
        self._tracing = tracer, options
        self._use(tracer, **options)
        # Logging is configured by now, and is not when this process begins.
        self._replace(structlog.get_config()["wrapper_class"], "info", "logs")

    def _traced_time(self) -> int:
        """Nanoseconds in which traces were told: of each second so many are kept."""
        return self._traced + time.monotonic_ns() - self._traced_since

    def _begin(self) -> None:
        self._tell(next(self._kinds))
        self._due, self._due_at = self._settle, time.monotonic() + _SETTLING_SECONDS

    def _settle(self) -> None:
        # What is counted each second belongs to the turn that it is of.
        count_gathered()
        self._began = self._look()
        self._due, self._due_at = self._end, self._began.ended + self._seconds

    def _end(self) -> None:
        count_gathered()
        began, now = self._began, self._look()
        turn = Turn(
            self._kind,
            began.ended,
            now.ended,
            now.answers - began.answers,
            now.spent - began.spent,
            now.sent - began.sent,
        )
        self._turns.write(json.dumps(turn) + "\n")
        self._begin()

    def _tell(self, kind: str) -> None:
        assert self._tracing is not None
        tracer, options = self._tracing
        if "traces" in self._kind:
            self._traced = self._traced_time()
        self._kind = kind
        if "traces" in kind:
            self._traced_since = time.monotonic_ns()
            self._use(tracer, **options)
        else:
            self._use(None)

    def _look(self) -> Turn:
        (sender,) = [one for one in threading.enumerate() if one.name.startswith("OtelBatchSpan")]
        assert sender.ident is not None
        sent = time.clock_gettime(time.pthread_getcpuclockid(sender.ident))
        moment = time.monotonic()
        return Turn("", moment, moment, self._answers, time.process_time() - sent, sent)


def _kinds() -> Iterator[str]:
    """All in turn, and each after every other: what was told before leaves something behind."""
    chance = random.Random(27)  # noqa: S311 (no secret)
    while True:
        yield from chance.sample(KINDS, len(KINDS))


if __name__ == "__main__":
    _Turns(float(os.environ[TURN_SECONDS]), Path(os.environ[TURNS]))
    sys.argv += ["--bind", os.environ["HOST"], os.environ["PORT"]]
    sys.exit(main())

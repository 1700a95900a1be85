"""The web process of `bench.telemetry`: `python -m bench.telling`, on HOST and PORT.

It tells all that a process does in production, until a signal has it tell less or more
(`bench.told`). By and by in one process, since two of the same kind differ by more than
what is measured: in where their memory lies, and in the order of their hash tables.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from opentelemetry.trace import Tracer
from prometheus_client import Counter, Gauge, Histogram

from bench.told import KINDS, SETTLED, signal_of
from reserve.core import answers, tracing
from reserve.core.gathered import GatheredHistogram
from reserve.embedded.web import main


def _ignore(*_arguments: Any, **_options: Any) -> None:
    pass


@contextmanager
def _untimed(_self: Histogram) -> Iterator[None]:
    yield


class _Switch:
    """Takes out of the process what it is not to tell, and puts it back."""

    def __init__(self, settled: Path) -> None:
        self._settled = settled
        self._tracing: tuple[Tracer, dict[str, Any]] | None = None
        self._replaced: list[tuple[Any, str, Any]] = []
        self._use = tracing.use
        tracing.use = self._remember
        for kind in KINDS:
            signal.signal(signal_of(kind), lambda _number, _frame, kind=kind: self._tell(kind))

    def _remember(self, tracer: Tracer | None, **options: Any) -> None:
        if tracer is not None:
            self._tracing = tracer, options
        self._use(tracer, **options)

    def _tell(self, kind: str) -> None:
        assert self._tracing is not None
        tracer, options = self._tracing
        for owner, name, own in reversed(self._replaced):
            setattr(owner, name, own)
        self._replaced.clear()
        if "logs" not in kind:
            self._replace(structlog.get_config()["wrapper_class"], "info", _ignore)
            self._replace(answers, "write_lines", _ignore)
        if "figures" not in kind:
            for owner, name in ((Counter, "inc"), (Gauge, "set"), (Gauge, "inc"), (Gauge, "dec")):
                self._replace(owner, name, _ignore)
            self._replace(Histogram, "observe", _ignore)
            self._replace(GatheredHistogram, "observe_soon", _ignore)
            self._replace(Histogram, "time", _untimed)
        if "traces" in kind:
            self._use(tracer, **options)
        else:
            self._use(None)
        (sender,) = [one for one in threading.enumerate() if one.name.startswith("OtelBatchSpan")]
        part = self._settled.with_suffix(".part")
        part.write_text(f"{kind}\n{sender.native_id}")
        part.rename(self._settled)

    def _replace(self, owner: Any, name: str, replacement: Any) -> None:
        self._replaced.append((owner, name, owner.__dict__[name]))
        setattr(owner, name, replacement)


if __name__ == "__main__":
    _Switch(Path(os.environ[SETTLED]))
    sys.argv += ["--bind", os.environ["HOST"], os.environ["PORT"]]
    sys.exit(main())

"""A web process of `bench.telemetry`: `python -m bench.telling`, on HOST and PORT.

With PROMETHEUS_MULTIPROC_DIR it counts as in production, and without it not at all.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from reserve.embedded.figures import FOLDER
from reserve.embedded.web import main


def _ignore(*_arguments: Any, **_options: Any) -> None:
    pass


@contextmanager
def _untimed(_self: Histogram) -> Iterator[None]:
    yield


def _count_nothing() -> None:
    for kind, name in ((Counter, "inc"), (Gauge, "set"), (Gauge, "inc"), (Gauge, "dec")):
        setattr(kind, name, _ignore)
    Histogram.observe = _ignore  # type: ignore[method-assign]
    Histogram.time = _untimed  # type: ignore[method-assign, assignment]
    MetricWrapperBase.labels = lambda self, *_values, **_named: self  # type: ignore[method-assign]


if __name__ == "__main__":
    if not os.environ.get(FOLDER):
        _count_nothing()
    sys.argv += ["--bind", os.environ["HOST"], os.environ["PORT"]]
    sys.exit(main())

"""What the processes on one machine have counted, in Prometheus's text format."""

import os
import re
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from reserve.embedded.figures import FOLDER

_OF_A_PROCESS = re.compile(r"gauge_live\w*_(\d+)\.db")


def own_figures() -> bytes:
    """The figures of this process, or of all that share a folder with it."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return generate_latest(REGISTRY)
    _forget_ended(Path(folder))
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def _forget_ended(folder: Path) -> None:
    """Drop the gauges of processes that have ended, however they did; their counts stay."""
    for file in folder.glob("gauge_live*.db"):
        found = _OF_A_PROCESS.fullmatch(file.name)
        if found and not Path("/proc", found[1]).exists():
            file.unlink(missing_ok=True)

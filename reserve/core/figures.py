"""What a process counts and measures of itself; reserve/figures.py shows it to Prometheus.

Several processes answer on one port, so that each writes into a file of a folder that
they share, where there is one (reserve/embedded/figures.py), and any of them adds up
all the files.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

from reserve.core.gathered import GatheredCounter, GatheredHistogram, count_gathered

# Seconds; a lone booking takes two milliseconds, and nobody waits longer than 20 s.
_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 20.0)
_SAMPLE_EVERY_SECONDS = 1.0
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

REQUEST_SECONDS = GatheredHistogram(
    "reserve_request_seconds",
    "Time from a request to its answer, by what answered it.",
    ["transport"],
    buckets=_STEPS,
)
ANSWERS = GatheredCounter(
    "reserve_answers", "Requests that were answered, by status.", ["transport", "status"]
)
GUARD_SECONDS = GatheredHistogram(
    "reserve_guard_wait_seconds", "Wait for the guards of a batch in Redis.", buckets=_STEPS
)
GUARDS_MISSED = Counter(
    "reserve_guards_missed", "Batches that went on without guards, since Redis was away or slow."
)
PUBLISH_SECONDS = GatheredHistogram(
    "reserve_publish_seconds", "Time to hand messages to watchers over to Redis.", buckets=_STEPS
)
TASKS = Counter("reserve_tasks", "Tasks that ended, by how.", ["task", "outcome"])
TASK_SECONDS = Histogram(
    "reserve_task_seconds",
    "How long tasks ran.",
    ["task"],
    buckets=(0.01, 0.05, 0.2, 1.0, 5.0, 20.0, 60.0),
)
TASK_WAIT_SECONDS = Histogram(
    "reserve_task_wait_seconds",
    "Time from sending a task to its beginning, by queue.",
    ["queue"],
    buckets=(0.01, 0.05, 0.2, 0.5, 1.0, 2.0, 5.0, 20.0, 60.0, 300.0),
)
SOCKETS = Gauge("reserve_sockets_open", "Open WebSockets.", multiprocess_mode="livesum")
POOL_CALLS = Gauge(
    "reserve_pool_calls",
    "Calls that a pool of threads runs or keeps waiting.",
    ["pool"],
    multiprocess_mode="livesum",
)
POOL_THREADS = Gauge(
    "reserve_pool_threads",
    "Threads of a pool; each has a connection to the database.",
    ["pool"],
    multiprocess_mode="livesum",
)
RESIDENT_BYTES = Gauge(
    "reserve_process_resident_bytes",
    "Memory of each process.",
    ["process"],
    multiprocess_mode="liveall",
)


def note_memory(process: str) -> None:
    """Tell how much memory this process has, by its kind."""
    statistics = Path("/proc/self/statm")
    # Linux alone tells.
    if statistics.exists():
        resident = int(statistics.read_text().split()[1]) * _PAGE_BYTES
        RESIDENT_BYTES.labels(process).set(resident)


async def sample(*, threads: Mapping[str, int], calls: Mapping[str, Callable[[], int]]) -> None:
    """Tell every second how busy this web process is, and count what was gathered.

    It goes on for as long as the event loop runs.

    Looking costs less than counting each change, of which every request makes several.

    Args:
        threads: of each pool.
        calls: how many calls each pool runs or keeps waiting.
    """
    for pool, number in threads.items():
        POOL_THREADS.labels(pool).set(number)
    while True:
        for pool, count in calls.items():
            POOL_CALLS.labels(pool).set(count())
        note_memory("web")
        count_gathered()
        await asyncio.sleep(_SAMPLE_EVERY_SECONDS)

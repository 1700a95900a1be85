"""What the desk counts and measures."""

from collections import Counter as Tally
from collections.abc import Iterable
from functools import cache

from prometheus_client import Counter

from reserve.core.gathered import GatheredCounter, GatheredHistogram

_STEPS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

DECISIONS = GatheredCounter(
    "reserve_bookings",
    "What the desk was asked for, and what it answered: OK or the code of a refusal.",
    ["request", "outcome"],
)
LOCK_SECONDS = GatheredHistogram(
    "reserve_lock_wait_seconds", "Time to lock and read the slots of a batch.", buckets=_STEPS
)
COMMIT_SECONDS = GatheredHistogram(
    "reserve_commit_seconds", "Time that PostgreSQL took to commit a batch.", buckets=_STEPS
)
BATCH_SIZE = GatheredHistogram(
    "reserve_batch_size", "Requests that shared a transaction.", buckets=(1, 2, 4, 8, 16, 32, 64)
)
BATCHES_RETRIED = Counter(
    "reserve_batches_retried", "Batches that failed as a whole, and were begun anew in parts."
)
HOLDS_EXPIRED = Counter("reserve_holds_expired", "Holds that lapsed and gave their seats back.")


def count_decisions(decisions: Iterable[tuple[str, str]]) -> None:
    """Count answers of the desk, each by the kind of request and its outcome."""
    for (request, outcome), number in Tally(decisions).items():
        _decisions(request, outcome).inc_soon(number)


# To look a figure up by its labels takes as long as to count.
@cache
def _decisions(request: str, outcome: str) -> GatheredCounter:
    return DECISIONS.labels(request, outcome)

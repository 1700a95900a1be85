"""Histograms of what happens often, told all at once what was observed since the last time.

An observation between other things takes a processor several times as long as one of
many, and those of one bucket are one addition (ADR 27).
"""

import atexit
from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Sequence

from prometheus_client import Histogram

# Whoever observes more than so many does not wait for somebody to count them.
_MOST_WAITING = 1_000


class GatheredHistogram(Histogram):
    """A histogram whose observations may wait until somebody calls `count_gathered`."""

    def observe_soon(self, amount: float) -> None:
        """Have it counted within a second by a web process, and after the task by a worker.

        For any thread. A process that is killed loses what waits.
        """
        _waiting.append((self, amount))
        if len(_waiting) > _MOST_WAITING:
            count_gathered()

    def observe_all(self, amounts: Sequence[float]) -> None:
        """The same as to observe each."""
        self._sum.inc(sum(amounts))
        buckets = Counter(bisect_left(self._upper_bounds, amount) for amount in amounts)
        for bucket, number in buckets.items():
            self._buckets[bucket].inc(number)


_waiting: deque[tuple[GatheredHistogram, float]] = deque()


def count_gathered() -> None:
    """Count what was observed until now."""
    observed: defaultdict[GatheredHistogram, list[float]] = defaultdict(list)
    while _waiting:
        try:
            histogram, amount = _waiting.popleft()
        except IndexError:
            # Another thread was quicker.
            break
        observed[histogram].append(amount)
    for histogram, amounts in observed.items():
        histogram.observe_all(amounts)


# What a process owes when it ends.
atexit.register(count_gathered)

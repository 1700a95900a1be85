"""Figures of what happens often, counted all at once.

A figure that is counted between other things takes a processor several times as long as
one of many, and those of one counter or bucket are one addition (ADR 27).
"""

import atexit
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections import Counter as Tally
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from prometheus_client import Counter, Histogram

# Whoever tells a figure more than so many does not wait for somebody to count them.
_MOST_UNCOUNTED = 1_000


class _Gathered(ABC):
    """A figure that keeps what it is told until somebody calls `count_gathered`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        # Of prometheus_client, which makes one of the same class for each value of a label.
        super().__init__(*arguments, **options)
        self._uncounted: deque[float] = deque()
        _figures.append(self)

    def _tell(self, amount: float) -> None:
        self._uncounted.append(amount)
        if len(self._uncounted) > _MOST_UNCOUNTED:
            self.count()

    def count(self) -> None:
        amounts: list[float] = []
        # Another thread may count as well: each takes what the other has not.
        with suppress(IndexError):
            while True:
                amounts.append(self._uncounted.popleft())
        if amounts:
            self.add(amounts)

    @abstractmethod
    def add(self, amounts: Sequence[float]) -> None:
        """Count these now."""


_figures: list[_Gathered] = []


class GatheredCounter(_Gathered, Counter):
    """A counter whose increments may wait until somebody calls `count_gathered`."""

    def inc_soon(self, amount: float = 1) -> None:
        """Have it counted within a second by a web process, and after the task by a worker.

        For any thread. A process that is killed loses what waits.
        """
        self._tell(amount)

    def add(self, amounts: Sequence[float]) -> None:
        self.inc(sum(amounts))


class GatheredHistogram(_Gathered, Histogram):
    """A histogram whose observations may wait until somebody calls `count_gathered`."""

    def observe_soon(self, amount: float) -> None:
        """As `GatheredCounter.inc_soon`."""
        self._tell(amount)

    def add(self, amounts: Sequence[float]) -> None:
        self._sum.inc(sum(amounts))
        buckets = Tally(bisect_left(self._upper_bounds, amount) for amount in amounts)
        for bucket, number in buckets.items():
            self._buckets[bucket].inc(number)


def count_gathered() -> None:
    """Count what all figures were told until now."""
    for figure in _figures:
        figure.count()


# What a process owes when it ends.
atexit.register(count_gathered)

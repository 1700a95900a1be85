"""Buckets in the memory of one process, for while Redis cannot be reached."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from reserve.core.ratelimit.verdict import Size

# Some megabytes at most. Who floods it with addresses makes others' buckets full again.
_MAX_BUCKETS = 20_000


class LocalBuckets:
    def __init__(
        self, *, most: int = _MAX_BUCKETS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        # Tokens, and when they were counted; the least recently used first.
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def spend(self, name: str, *, cost: int, size: Size) -> tuple[bool, float]:
        """Take tokens if there are enough; tell whether, and how many are left."""
        with self._lock:
            now = self._clock()
            tokens, since = self._levels.pop(name, (float(size.tokens), now))
            gained = (now - since) * size.tokens / size.window_seconds
            tokens = min(float(size.tokens), tokens + gained)
            allowed = tokens >= cost
            if allowed:
                tokens -= cost
            self._levels[name] = (tokens, now)
            while len(self._levels) > self._most:
                self._levels.popitem(last=False)
            return allowed, tokens

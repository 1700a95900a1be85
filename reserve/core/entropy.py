"""Random bytes of the kernel, fetched for many uses at a time.

Each call of the kernel lets another thread have the interpreter, which may keep it for
half a millisecond; and a booking takes some thirty random bytes in four portions.
"""

import os
import threading
from random import SystemRandom

_FETCHED_BYTES = 1_024


class _Stock(threading.local):
    """What a thread has fetched and not yet used: no byte is ever given to two."""

    def __init__(self) -> None:
        self.data = b""
        self.used = 0

    def take(self, size: int) -> bytes:
        end = self.used + size
        if end > len(self.data):
            self.data, self.used, end = os.urandom(max(size, _FETCHED_BYTES)), 0, size
        taken = self.data[self.used : end]
        self.used = end
        return taken

    def discard(self) -> None:
        self.data = b""
        self.used = 0


class Entropy(SystemRandom):
    """`random.SystemRandom`, as unpredictable, with few calls of the kernel."""

    def randbytes(self, n: int) -> bytes:
        return _stock.take(n)

    def getrandbits(self, k: int, /) -> int:
        size = (k + 7) // 8
        return int.from_bytes(_stock.take(size)) >> (size * 8 - k)


_stock = _Stock()
# A child begins with a copy of its parent's memory.
os.register_at_fork(after_in_child=_stock.discard)

entropy = Entropy()

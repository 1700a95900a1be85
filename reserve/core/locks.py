"""Guards: locks in Redis that thin the crowd in front of the database.

A guard proves nothing. Its lease may end while its holder still works, and
FLUSHALL frees them all; what is correct is decided under the row lock. So a
guard that cannot be had, in time or at all, is never an error.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import cast

from django.core.cache import cache
from django_redis.cache import RedisCache
from redis.exceptions import LockError, RedisError
from redis.lock import Lock

from reserve.core.logging import get_logger

log = get_logger(__name__)

# Longer than the longest transaction, which statement_timeout ends (seconds).
_LEASE = 30.0
# How long the guards of one batch are waited for altogether (seconds).
_PATIENCE = 1.0
# How often a taken guard is asked for again (seconds); the library's 0.1 s would
# be what a crowd at one slot waits for.
_POLLING = 0.005
# With Redis out of reach, how long it is left alone (seconds).
_BREAK = 5.0


class _Breaker:
    """Keeps an outage of Redis from costing each batch a time-out."""

    def __init__(self) -> None:
        self._tripped_until = 0.0

    @property
    def is_tripped(self) -> bool:
        return time.monotonic() < self._tripped_until

    def trip(self, error: Exception) -> None:
        if not self.is_tripped:
            log.warning("guards_off", reason=type(error).__name__, seconds=_BREAK)
        self._tripped_until = time.monotonic() + _BREAK


_breaker = _Breaker()


@contextmanager
def guards(names: Iterable[str]) -> Iterator[None]:
    """Hold the guards of these names, as far as they can be had in time.

    They are taken in sorted order, so that two batches never wait for each other.
    """
    with ExitStack() as held:
        redis = cast(RedisCache, cache)
        deadline = time.monotonic() + _PATIENCE
        for name in sorted(set(names)):
            if _breaker.is_tripped:
                break
            patience = max(0.0, deadline - time.monotonic())
            lock: Lock = redis.lock(
                f"guard.{name}", timeout=_LEASE, sleep=_POLLING, blocking_timeout=patience
            )
            try:
                if lock.acquire():
                    held.callback(_release, lock)
            except RedisError as error:
                _breaker.trip(error)
        yield


def _release(lock: Lock) -> None:
    try:
        lock.release()
    except LockError:
        log.info("guard_lapsed", name=lock.name)
    except RedisError as error:
        _breaker.trip(error)

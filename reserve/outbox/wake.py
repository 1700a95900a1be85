"""Wakes the relay after a commit: from a thread of its own, and not once per booking.

Whoever commits only sets a flag. A broker that is down or frozen costs the
customer nothing, and the sweep by beat makes good what was missed.
"""

import os
import threading
import time

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from reserve.core.logging import get_logger
from reserve.outbox.tasks import relay_events

log = get_logger(__name__)

# At most so often is a task sent, seconds.
_INTERVAL = 0.2
# After a failure the broker is left alone for a while, seconds.
_PAUSE_AFTER_FAILURE = 5.0


class _Waker:
    def __init__(self) -> None:
        self._flag = threading.Event()
        self._pid = 0
        self._lock = threading.Lock()

    def wake(self) -> None:
        if self._pid != os.getpid():
            self._start()
        self._flag.set()

    def _start(self) -> None:
        # A forked child has none of its parent's threads.
        with self._lock:
            if self._pid != os.getpid():
                self._flag = threading.Event()
                threading.Thread(target=self._run, name="relay-waker", daemon=True).start()
                self._pid = os.getpid()

    def _run(self) -> None:
        flag, is_broken = self._flag, False
        while True:
            flag.wait()
            flag.clear()
            try:
                relay_events.apply_async(expires=10)
            except (OperationalError, RedisError, OSError) as error:
                if not is_broken:
                    log.warning("relay_not_woken", reason=type(error).__name__)
                is_broken = True
                time.sleep(_PAUSE_AFTER_FAILURE)
            else:
                if is_broken:
                    log.warning("relay_woken")
                is_broken = False
            time.sleep(_INTERVAL)


_waker = _Waker()


def wake_relay() -> None:
    """Have the relay run soon. Never blocks, never fails."""
    _waker.wake()

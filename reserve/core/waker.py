"""Wakes a task of the queue: from a thread of its own, and not once per call.

Whoever wakes only sets a flag. A broker that is down or frozen costs nobody
anything, and the sweep by beat makes good what was missed.
"""

import os
import threading
import time
from typing import Any

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from reserve.core.logging import get_logger

log = get_logger(__name__)

# At most so often is a task sent, seconds.
_INTERVAL = 0.2
# After a failure the broker is left alone for a while, seconds.
_PAUSE_AFTER_FAILURE = 5.0
# A task that comes later is of no use: the sweep has been there, seconds.
_EXPIRES = 10


class Waker:
    """Sends one task, soon and seldom.

    Args:
        failure, recovery: the names of the log's events where it cannot be sent, and can again.
    """

    def __init__(self, task: Any, *, failure: str, recovery: str) -> None:
        self._task = task
        self._failure = failure
        self._recovery = recovery
        self._flag = threading.Event()
        self._pid = 0
        self._lock = threading.Lock()

    def wake(self) -> None:
        """Have the task run soon. Never blocks, never fails."""
        if self._pid != os.getpid():
            self._start()
        self._flag.set()

    def _start(self) -> None:
        # A forked child has none of its parent's threads.
        with self._lock:
            if self._pid != os.getpid():
                self._flag = threading.Event()
                threading.Thread(target=self._run, name=self._failure, daemon=True).start()
                self._pid = os.getpid()

    def _run(self) -> None:
        flag, is_broken = self._flag, False
        while True:
            flag.wait()
            flag.clear()
            try:
                self._task.apply_async(expires=_EXPIRES)
            except (OperationalError, RedisError, OSError) as error:
                if not is_broken:
                    log.warning(self._failure, reason=type(error).__name__)
                is_broken = True
                time.sleep(_PAUSE_AFTER_FAILURE)
            else:
                if is_broken:
                    log.warning(self._recovery)
                is_broken = False
            time.sleep(_INTERVAL)

"""Telling who watches: messages to groups of the channel layer, at most once.

A publication never delays or fails the work that caused it. Whoever publishes
appends to a bounded queue; a thread with an event loop of its own empties it.
"""

import asyncio
import os
import threading
from collections import deque
from typing import Any
from uuid import UUID

from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from reserve.core.logging import get_logger

log = get_logger(__name__)

_MAX_QUEUE = 10_000
# A publication that takes longer is given up, seconds.
_TIMEOUT = 2.0
_PAUSE_AFTER_FAILURE = 1.0


def venue_group(venue_id: UUID) -> str:
    """The group of everybody who watches a venue. Group names take dots, not colons."""
    return f"venue.{venue_id.hex}"


class _Publisher:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = 0
        self._queue: deque[tuple[str, dict[str, Any]]] = deque(maxlen=_MAX_QUEUE)
        self._wake = threading.Event()

    def publish(self, group: str, message: dict[str, Any]) -> None:
        if self._pid != os.getpid():
            self._start()
        # A full queue drops its oldest message; versions let readers notice.
        self._queue.append((group, message))
        self._wake.set()

    def _start(self) -> None:
        # A forked child has none of its parent's threads.
        with self._lock:
            if self._pid != os.getpid():
                self._queue.clear()
                self._wake = threading.Event()
                threading.Thread(target=self._run, name="publisher", daemon=True).start()
                self._pid = os.getpid()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        layer = get_channel_layer()
        while True:
            await asyncio.to_thread(self._wake.wait)
            self._wake.clear()
            while self._queue:
                group, message = self._queue.popleft()
                try:
                    async with asyncio.timeout(_TIMEOUT):
                        # A process hears several groups on one channel.
                        await layer.group_send(group, message | {"group": group})
                except (RedisError, OSError, TimeoutError) as error:
                    log.warning("publication_lost", reason=type(error).__name__, group=group)
                    await asyncio.sleep(_PAUSE_AFTER_FAILURE)


_publisher = _Publisher()


def publish(group: str, message: dict[str, Any]) -> None:
    """Send a message to a group, soon. Never blocks, never fails."""
    _publisher.publish(group, message)

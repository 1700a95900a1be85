"""Telling who watches: messages to groups of the channel layer, at most once.

A publication never delays or fails the work that caused it. Whoever publishes
appends to a bounded queue; a thread with an event loop of its own empties it.
"""

import asyncio
import os
import threading
from collections import deque
from functools import partial
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
    """One per process. Its thread must be a daemon: a default executor's would keep a
    process that wants to end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = 0
        self._loop: asyncio.AbstractEventLoop
        self._wake: asyncio.Event
        self._queue: deque[tuple[str, dict[str, Any]]] = deque(maxlen=_MAX_QUEUE)

    def publish(self, group: str, message: dict[str, Any]) -> None:
        if self._pid != os.getpid():
            self._start()
        # A full queue drops its oldest message; versions let readers notice.
        self._queue.append((group, message))
        self._loop.call_soon_threadsafe(self._wake.set)

    def _start(self) -> None:
        # A forked child has none of its parent's threads.
        with self._lock:
            if self._pid != os.getpid():
                self._queue.clear()
                self._loop, self._wake = asyncio.new_event_loop(), asyncio.Event()
                serving = partial(self._loop.run_until_complete, self._serve())
                threading.Thread(target=serving, name="publisher", daemon=True).start()
                self._pid = os.getpid()

    async def _serve(self) -> None:
        layer = get_channel_layer()
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                await self._send(layer, *self._queue.popleft())

    async def _send(self, layer: Any, group: str, message: dict[str, Any]) -> None:
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

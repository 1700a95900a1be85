"""Listening to groups of the channel layer: one channel for the whole process.

However many sockets watch a venue, the process subscribes to its group once and
hands each message on to those who listen.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from reserve.core.logging import get_logger

log = get_logger(__name__)

Message = dict[str, Any]

ENDED_GROUP = "sessions.ended"
"""The group that hears of ended sessions: `{"markers": […]}`, with a marker of each."""

# Messages that may wait for one listener; who lags further behind is let go.
_MAX_WAITING = 1_000
_PAUSE_AFTER_FAILURE = 1.0


class TooSlow(Exception):
    """The listener did not keep up, and has missed messages."""


class Hub:
    """The listeners of one process, by group."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[asyncio.Queue[Message | None]]] = {}
        self._channel: str | None = None
        self._receiver: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def listen(self, group: str) -> AsyncIterator[AsyncIterator[Message]]:
        """The messages of a group from now on.

        Raises:
            TooSlow: from the iterator, once the listener has fallen too far behind.
        """
        queue: asyncio.Queue[Message | None] = asyncio.Queue(_MAX_WAITING)
        await self._join(group, queue)
        try:
            yield _messages(queue)
        finally:
            await self._leave(group, queue)

    async def _join(self, group: str, queue: "asyncio.Queue[Message | None]") -> None:
        layer = get_channel_layer()
        if self._channel is None:
            self._channel = await layer.new_channel()
            self._receiver = asyncio.create_task(self._receive(layer, self._channel))
        is_first = group not in self._listeners
        self._listeners.setdefault(group, set()).add(queue)
        if is_first:
            try:
                await layer.group_add(group, self._channel)
            except BaseException:
                # Nobody hears anything: the next one is the first again.
                for listener in self._listeners.pop(group):
                    _let_go(listener)
                raise

    async def _leave(self, group: str, queue: "asyncio.Queue[Message | None]") -> None:
        listeners = self._listeners.get(group, set())
        listeners.discard(queue)
        if not listeners and group in self._listeners:
            del self._listeners[group]
            await get_channel_layer().group_discard(group, self._channel)

    async def _receive(self, layer: Any, channel: str) -> None:
        while True:
            try:
                message = await layer.receive(channel)
            except (RedisError, OSError) as error:
                log.warning("live_receiver_failed", reason=type(error).__name__)
                await asyncio.sleep(_PAUSE_AFTER_FAILURE)
            else:
                self._hand_on(message)

    def _hand_on(self, message: Message) -> None:
        for queue in self._listeners.get(message["group"], ()):
            try:
                queue.put_nowait(message)
            except asyncio.QueueFull:
                # Whoever lags so far behind is better off with a fresh start.
                _let_go(queue)


def _let_go(queue: "asyncio.Queue[Message | None]") -> None:
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait(None)


async def _messages(queue: "asyncio.Queue[Message | None]") -> AsyncIterator[Message]:
    while (message := await queue.get()) is not None:
        yield message
    raise TooSlow


hub = Hub()

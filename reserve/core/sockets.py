"""The open sockets of one process: how many one caller may have, and when their sessions end."""

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Any, Protocol

from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from redis.exceptions import RedisError

from reserve.core.failures import as_domain_error
from reserve.core.live import ENDED_GROUP, TooSlow, hub
from reserve.core.logging import get_logger
from reserve.core.sessions import Authentication, Session

log = get_logger(__name__)

# All sockets of the process are looked up by one query.
_LOOK_EVERY_SECONDS = 3.0
_PAUSE_AFTER_FAILURE_SECONDS = 1.0
# Messages of one socket: so many at once, and so many a second for good.
_BURST = 200
_PER_SECOND = 20.0


class Socket(Protocol):
    async def end_session(self) -> None:
        """Close, because the session has ended."""
        ...


class TooManySockets(Exception):
    """The caller has as many open sockets as one may have."""


class SocketCount:
    """The open sockets of each caller in this process."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    def add(self, caller: str) -> None:
        """
        Raises:
            TooManySockets: the caller has settings.SOCKETS_PER_CALLER already.
        """
        if self._open[caller] >= settings.SOCKETS_PER_CALLER:
            raise TooManySockets
        self._open[caller] += 1

    def remove(self, caller: str) -> None:
        self._open[caller] -= 1
        if self._open[caller] <= 0:
            del self._open[caller]


class MessageAllowance:
    """How many messages a socket may still send: a bucket that fills by the clock."""

    def __init__(self) -> None:
        self._left = float(_BURST)
        self._at = asyncio.get_running_loop().time()

    def take(self) -> bool:
        now = asyncio.get_running_loop().time()
        self._left = min(_BURST, self._left + (now - self._at) * _PER_SECOND)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class SocketConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Channels' consumer of a socket, for what comes from the socket alone.

    Messages of the channel layer come by the process's hub (`reserve.core.live`). So there
    is one thing to wait for, which needs no task of its own, and no connection of the
    database to look after: threads of their own have these.

    Once it is closed, what was on its way in either direction is of no use.
    """

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._sender = _Sender(send)
        self.scope, self.base_send, self.channel_layer = scope, self._sender.send, None
        with suppress(StopConsumer):
            while True:
                await self.dispatch(await receive())

    async def dispatch(self, message: Any) -> None:
        if self._sender.has_closed and message["type"] == "websocket.receive":
            return
        await getattr(self, get_handler_name(message))(message)


class _Sender:
    """Sends what a socket's consumer says until it closes.

    It does not know the consumer, whose memory then waits for no garbage collector.
    """

    __slots__ = ("_send", "has_closed")

    def __init__(self, send: Any) -> None:
        self._send = send
        self.has_closed = False

    async def send(self, message: Any) -> None:
        if self.has_closed:
            return
        self.has_closed = message["type"] == "websocket.close"
        await self._send(message)


class OpenSockets:
    """Closes sockets as soon as it hears, and otherwise when it next looks."""

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication
        self.count = SocketCount()
        self._sessions: dict[Socket, Session] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, socket: Socket, session: Session) -> None:
        # Nobody ends the session of somebody unknown.
        if session.markers:
            self._sessions[socket] = session

    def remove(self, socket: Socket) -> None:
        self._sessions.pop(socket, None)

    def watch(self) -> None:
        """Begin to look and to listen, for as long as the event loop runs."""
        self._tasks = [asyncio.create_task(self._look()), asyncio.create_task(self._listen())]

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            if not self._sessions:
                continue
            try:
                ended = set(await self._authentication.ended(set(self._sessions.values())))
            except Exception as error:  # noqa: BLE001 (the next look may succeed)
                as_domain_error(error)
                continue
            await self._end([one for one, session in self._sessions.items() if session in ended])

    async def _listen(self) -> None:
        while True:
            try:
                async with hub.listen(ENDED_GROUP) as changes:
                    async for change in changes:
                        ended = set(change.message["markers"])
                        found = [
                            socket
                            for socket, session in self._sessions.items()
                            if not ended.isdisjoint(session.markers)
                        ]
                        await self._end(found)
            except (RedisError, OSError, TooSlow) as error:
                log.warning("ended_sessions_unheard", reason=type(error).__name__)
                await asyncio.sleep(_PAUSE_AFTER_FAILURE_SECONDS)

    async def _end(self, sockets: list[Socket]) -> None:
        for socket in sockets:
            self.remove(socket)
        # One whose peer does not read keeps the others waiting for nothing.
        await asyncio.gather(
            *(asyncio.wait_for(socket.end_session(), 1) for socket in sockets),
            return_exceptions=True,
        )

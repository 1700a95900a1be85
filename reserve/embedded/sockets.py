"""The WebSocket protocol of our web processes: uvicorn's, and frames that are sent at once."""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from reserve.core.frames import EXTENSION
from reserve.core.gates import Gate, Inbox


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """As its base, with an ASGI extension by which an application writes finished frames.

    A message to thousands of sockets is one and the same: made into a frame once, it is
    written without a task, a lock or a parser for each of them.
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.queue: Any = Inbox()
        self.writable: Any = Gate()
        self.writable.set()

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            self.scope["extensions"][EXTENSION] = {"offer": self.offer}

    def start_keepalive(self) -> None:
        """What begins once the handshake is done."""
        super().start_keepalive()
        # What is written goes to the kernel at once, and what it does not take stops the
        # writer: whoever does not read keeps one message of ours, and not 64 KiB of them.
        self.transport.set_write_buffer_limits(high=0)
        # The application has headers of its own in its scope.
        self.request.headers.clear()
        self.response.headers.clear()

    # What refers to this socket from within it is not to be left to the garbage collector.

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self.scope["extensions"].pop(EXTENSION, None)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # Not before: the client's answer to a close is read after the application's end.
        self.conn.parser.close()

    def offer(self, frames: bytes) -> bool:
        """Write whole frames; False where the client does not read, or is not there any more."""
        if not self.writable.is_set() or not self.handshake_complete or self.close_sent:
            return False
        if self.disconnected or self.transport.is_closing():
            return False
        self.transport.write(frames)
        return True

"""The HTTP protocol of our web processes: uvicorn's, with answers that go out whole."""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_HEAD = b"HTTP/1.1 "


class WholeAnswers:
    """A transport that keeps the head of an answer until its body, or the loop's turn ends.

    uvicorn writes the two apart: two calls of the kernel, and a client that is woken
    twice for one answer.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport = transport
        self._loop = loop
        self._head = b""

    def write(self, data: bytes) -> None:
        if self._head:
            head, self._head = self._head, b""
            self.transport.write(head + data)
        elif data.startswith(_HEAD):
            self._head = data
            self._loop.call_soon(self.flush)
        else:
            self.transport.write(data)

    def flush(self) -> None:
        if self._head:
            self.write(b"")

    def close(self) -> None:
        self.flush()
        self.transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)


class HTTPProtocol(HttpToolsProtocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        whole = WholeAnswers(transport, self.loop)
        super().connection_made(cast(asyncio.Transport, whole))

    def handle_websocket_upgrade(self) -> None:
        # Messages to thousands are written by the transport itself.
        self.transport = cast(WholeAnswers, self.transport).transport
        super().handle_websocket_upgrade()
        # Each refers to the other, and nobody else to either from here on.
        self.parser = cast(Any, None)

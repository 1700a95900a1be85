"""What a socket of GraphQL makes of a client that leaves."""

import asyncio
import logging
from typing import Any

import orjson
import pytest

from reserve.asgi import graphql_websocket

_SCOPE = {
    "type": "websocket",
    "path": "/graphql",
    "headers": [],
    "subprotocols": ["graphql-transport-ws"],
    "client": ("127.0.0.1", 1),
}


def test_a_client_that_left_before_its_answer_is_no_fault_of_ours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent: list[Any] = []

    async def run() -> None:
        left = asyncio.Event()
        messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)
            if '"next"' in message.get("text", ""):
                left.set()
                # What servers raise, by ASGI, where nobody is there to send to.
                raise OSError

        messages.put_nowait({"type": "websocket.connect"})
        query = {"id": "1", "type": "subscribe", "payload": {"query": "{ __typename }"}}
        for body in ({"type": "connection_init"}, query):
            text = orjson.dumps(body).decode()
            messages.put_nowait({"type": "websocket.receive", "text": text})
        socket = asyncio.create_task(graphql_websocket(dict(_SCOPE), messages.get, send))
        async with asyncio.timeout(10):
            await left.wait()
            await asyncio.sleep(0)
            messages.put_nowait({"type": "websocket.disconnect", "code": 1006})
            await socket

    with caplog.at_level(logging.WARNING):
        asyncio.run(run(), debug=True)

    assert [message["type"] for message in sent[:2]] == ["websocket.accept", "websocket.send"]
    # Neither a complaint to the client, nor one to the log.
    assert sum('"error"' in message.get("text", "") for message in sent) == 0
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []

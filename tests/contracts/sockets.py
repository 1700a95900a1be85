"""One operation over a WebSocket, for tests that ask the same of both transports."""

import json
from typing import Any

from websockets.sync.client import connect

from accounts.actors import ANONYMOUS, Actor
from tests.factories import bearer


def ask_by_socket(
    server: str,
    document: str | None,
    variables: Any = None,
    actor: Actor = ANONYMOUS,
    **payload: Any,
) -> Any:
    """The first message that answers an operation on a socket of its own."""
    address = server.replace("http", "ws", 1) + "/graphql"
    with connect(address, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        authorization = {} if actor is ANONYMOUS else {"authorization": bearer(actor)}
        socket.send(json.dumps({"type": "connection_init", "payload": authorization}))
        assert json.loads(socket.recv(5))["type"] == "connection_ack"
        asked = {"variables": variables, **payload}
        if document is not None:
            asked["query"] = document
        socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": asked}))
        return json.loads(socket.recv(5))

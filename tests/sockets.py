"""A client of GraphQL over WebSocket."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from accounts.actors import ANONYMOUS, Actor
from tests.factories import bearer

WATCH = (
    "subscription OnSlotUpdated($v: ID!) { slotAvailabilityChanged(venueId: $v)"
    " { slotId status remainingCapacity capacity version startTime venueId } }"
)


class Socket:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, **message: Any) -> None:
        self.connection.send(json.dumps(message))

    def receive(self, timeout: float = 5) -> Any:
        return json.loads(self.connection.recv(timeout))

    def subscribe(self, document: str, operation_id: str = "1", **variables: Any) -> None:
        payload = {"query": document, "variables": variables}
        self.send(id=operation_id, type="subscribe", payload=payload)

    def watch(self, venue_id: str) -> None:
        """Subscribe, and wait until the server listens: what answers a query after it does."""
        self.subscribe(WATCH, "watch", v=venue_id)
        for attempt in range(3):
            self.subscribe("{ __typename }", f"after{attempt}")
            assert self.receive()["type"] == "next"
            assert self.receive()["type"] == "complete"

    def close_code(self) -> int:
        try:
            while True:
                self.connection.recv(15)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006


@contextmanager
def open_socket(server: str, subprotocol: str = "graphql-transport-ws") -> Iterator[Socket]:
    address = server.replace("http", "ws", 1) + "/graphql"
    with connect(address, subprotocols=[subprotocol]) as connection:  # type: ignore[list-item]
        yield Socket(connection)


def initialise(socket: Socket, actor: Actor = ANONYMOUS) -> Socket:
    payload = {} if actor is ANONYMOUS else {"authorization": bearer(actor)}
    socket.send(type="connection_init", payload=payload)
    assert socket.receive() == {"type": "connection_ack"}
    return socket

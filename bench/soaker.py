"""The callers of `bench.soak`: `python -m bench.soaker FILE`, until its input ends.

The file says where and how much: `url` and the city, `reads` and `bookings` a second,
`sockets`, and `every` how many seconds a line of JSON tells what came of it. Requests are
due at fixed times, whether or not earlier ones were answered, and latency counts from there.
"""

import asyncio
import json
import sys
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench.clients import Connection, Tally, Target

# A tick of the clock by which what is due is sent, seconds.
_TICK = 0.005
_READERS, _WRITERS = 24, 24
# Of the bookings: one in so many is taken back, one is a hold that lapses.
_CANCELLED, _HELD = 3, 5
# A socket lives for so long, seconds; then another opens.
_SOCKET_SECONDS = 60.0
_SUBSCRIBE = "subscription { slotAvailabilityChanged(venueId: %s) { slotId remainingCapacity } }"


class Kind:
    """Requests of one kind, at a rate.

    Attributes:
        late: how many waited for a connection when they were due.
    """

    def __init__(
        self,
        connections: list[Connection],
        next_request: Callable[[], bytes],
        answered: Callable[[bytes], None] = lambda _body: None,
    ) -> None:
        self._free = deque(connections)
        self._due: deque[tuple[float, bytes | None]] = deque()
        self._next_request = next_request
        self._answered = answered
        self.tally = Tally()
        self.late = 0

    async def keep_asking(self, rate: float) -> None:
        loop = asyncio.get_running_loop()
        began_at, sent = loop.time(), 0
        while True:
            now = loop.time()
            while rate and began_at + sent / rate <= now:
                self.ask(began_at + sent / rate)
                sent += 1
            await asyncio.sleep(_TICK)

    def ask(self, due_at: float, request: bytes | None = None) -> None:
        self._due.append((due_at, request))
        if self._free:
            self._send()
        else:
            self.late += 1

    def _send(self) -> None:
        connection, (due_at, request) = self._free.popleft(), self._due.popleft()
        clock = asyncio.get_running_loop().time

        def answered(status: int, body: bytes) -> None:
            self.tally.note(status, body, clock() - due_at)
            self._answered(body)
            self._free.append(connection)
            if self._due:
                self._send()

        connection.ask(request or self._next_request(), answered)

    def told(self) -> dict[str, Any]:
        """What came since the last call, and begin anew."""
        tally, self.tally = self.tally, Tally()
        late, self.late = self.late, 0
        return tally.figures(1.0) | {"late": late, "waiting": len(self._due)}


class Sockets:
    """Subscribers, of whom each goes after a while, and another comes."""

    def __init__(self, url: str, venues: list[str]) -> None:
        self._url = url.replace("http", "ws", 1)
        self._venues = venues
        self.heard = self.broken = 0

    async def keep_open(self, number: int) -> None:
        await asyncio.gather(*(self._stay(position, number) for position in range(number)))

    async def _stay(self, position: int, number: int) -> None:
        # Not all at once.
        await asyncio.sleep(_SOCKET_SECONDS * position / number)
        for turn in count():
            venue = self._venues[(position + turn) % len(self._venues)]
            try:
                async with connect(self._url, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
                    async with asyncio.timeout(_SOCKET_SECONDS):
                        await self._listen(socket, venue)
            except TimeoutError:
                continue
            except (OSError, ConnectionClosed):
                self.broken += 1
                await asyncio.sleep(1)

    async def _listen(self, socket: ClientConnection, venue: str) -> None:
        await socket.send(json.dumps({"type": "connection_init", "payload": {}}))
        query = {"query": _SUBSCRIBE % json.dumps(venue)}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": query}))
        async for _ in socket:
            self.heard += 1

    def told(self) -> dict[str, int]:
        told = {"heard": self.heard, "broken": self.broken}
        self.heard = self.broken = 0
        return told


def _mixed(target: Target) -> Iterator[bytes]:
    """Bookings, and now and then a hold, whose seats come back by the clock."""
    for number, booking in enumerate(target.requests("book")):
        yield booking if number % _HELD else target.hold()


async def soak(asked: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    target = Target(asked)
    await target.open()
    bookings, reads = _mixed(target), target.requests("read_many")
    numbers = count(1)

    def booked(body: bytes) -> None:
        if b'"createBooking":{' in body and not next(numbers) % _CANCELLED:
            booking = json.loads(body)["data"]["createBooking"]["id"]
            writers.ask(loop.time(), target.cancelling(booking))

    writers = Kind(await target.connect(_WRITERS), lambda: next(bookings), booked)
    readers = Kind(await target.connect(_READERS), lambda: next(reads))
    sockets = Sockets(asked["url"], asked["spread_venues"])
    tasks = [
        asyncio.create_task(writers.keep_asking(asked["bookings"])),
        asyncio.create_task(readers.keep_asking(asked["reads"])),
        asyncio.create_task(sockets.keep_open(asked["sockets"])),
        asyncio.create_task(_tell(asked["every"], writers, readers, sockets)),
    ]
    await loop.run_in_executor(None, sys.stdin.read)
    for task in tasks:
        task.cancel()


async def _tell(every: float, writers: Kind, readers: Kind, sockets: Sockets) -> None:
    while True:
        await asyncio.sleep(every)
        told = {
            "bookings": writers.told(),
            "reads": readers.told(),
            "sockets": sockets.told(),
        }
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(soak(json.loads(Path(sys.argv[1]).read_text())))

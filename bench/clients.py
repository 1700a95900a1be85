"""Clients of an HTTP API, in a process of their own: `python -m bench.clients`.

Each line of standard input is a case, answered by one line of JSON. Knows nothing
of who serves: the same requests go to ours and to a peer's address.
"""

import asyncio
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, cycle, zip_longest
from typing import Any, cast
from urllib.parse import urlsplit

import uvloop

from bench.results import percentile

SEATS = 50
"""Of each slot that a crowd runs for."""

_BOOKING = "id status confirmationCode slot { startTime endTime } venue { name address }"
_LOG_IN = "mutation Login($input: LoginInput!) { login(input: $input) { accessToken user { id } } }"
_READ = (
    "query GetAvailableSlots($venueId: ID!, $date: Date!) {"
    " availableSlots(venueId: $venueId, date: $date)"
    " { id startTime endTime status capacity remainingCapacity } }"
)
_BOOK = (
    "mutation CreateBooking($input: CreateBookingInput!) {"
    f" createBooking(input: $input) {{ {_BOOKING} }} }}"
)
_HOLD = "mutation CreateHold($input: CreateHoldInput!) { createHold(input: $input) { id status } }"
_CANCEL = "mutation CancelBooking($id: ID!) { cancelBooking(id: $id) { id status } }"
# Each booking has notes of its own, of one length: a document with them is like no other.
_NOTES = "Window seat, number 000000000"
_NUMBER = b"000000000"
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_SUCCESSES = (200, 201)
_PATIENCE_SECONDS = 30.0
# Opened at once; more would meet the kernel's limits before the server's.
_CONNECTED_TOGETHER = 50

Answered = Callable[[int, bytes], None]
Place = tuple[str, str]
"""A venue and one of its slots."""


class Connection(asyncio.Protocol):
    """A connection that stays open, with one request at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._ends_at = 0
        self._status = 0
        self._body_at = 0
        self._answered: Answered | None = None
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are none by inheritance.
        self._transport = cast(asyncio.WriteTransport, transport)

    def ask(self, request: bytes, answered: Answered) -> None:
        assert self._transport is not None
        self._answered = answered
        self._transport.write(request)

    def close(self) -> None:
        assert self._transport is not None
        self._answered = None
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data if self._received else data
        if not self._ends_at:
            body_at = received.find(b"\r\n\r\n") + 4
            if body_at < 4:  # noqa: PLR2004
                return
            length = _CONTENT_LENGTH.search(received, 0, body_at)
            if length is None:
                self._end(0, b"The answer does not tell its length.")
                return
            self._status = int(received[9:12])
            self._body_at, self._ends_at = body_at, body_at + int(length[1])
        if len(received) >= self._ends_at:
            body = received[self._body_at : self._ends_at]
            self._received, self._ends_at = b"", 0
            self._end(self._status, body)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(0, b"The connection was closed.")

    def _end(self, status: int, body: bytes) -> None:
        answered, self._answered = self._answered, None
        if answered:
            answered(status, body)


def refusal_of(status: int, body: bytes) -> str | None:
    """None for a success; else the error's code, or what the transport says."""
    if status in _SUCCESSES and b'"errors":' not in body:
        return None
    try:
        answer = json.loads(body)
        error = answer["errors"][0]["extensions"] if "errors" in answer else answer
        return str(error["code"])
    except (ValueError, KeyError, IndexError, TypeError):
        return f"{status} {body[:80].decode(errors='replace')}"


@dataclass
class Tally:
    latencies: list[float] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    faults: int = 0
    """Answers with a status of 500 or more, or none at all."""

    def note(self, status: int, body: bytes, seconds: float) -> None:
        if refused := refusal_of(status, body):
            self.refusals[refused] += 1
            self.faults += not 100 <= status < 500  # noqa: PLR2004
        else:
            self.latencies.append(seconds)

    def figures(self, seconds: float) -> dict[str, Any]:
        ordered = sorted(self.latencies)
        return {
            "per_second": len(ordered) / seconds,
            "successes": len(ordered),
            "errors": dict(self.refusals),
            "faults": self.faults,
            "latency_ms": {
                name: 1000 * percentile(ordered, part)
                for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
                if ordered
            },
        }


class Target:
    """A server, those who have logged in there, and what it offers."""

    def __init__(self, described: dict[str, Any]) -> None:
        self._described = described
        address = urlsplit(described["url"])
        self._host, self._port = address.hostname or "", address.port or 80
        self._path = address.path or "/graphql"
        self._tokens: list[str] = []
        self._places: list[Place] = []
        self._hot: list[Place] = []
        self._numbers = count(1)

    async def open(self) -> dict[str, Any]:
        """Log everybody in, and look the slots up, all by the API."""
        (connection,) = await self.connect(1)
        for number in range(1, self._described["users"] + 1):
            email = self._described["email"].format(number)
            wanted = {"input": {"email": email, "password": self._described["password"]}}
            answer = await self._call(connection, self._graphql(_LOG_IN, wanted))
            self._tokens.append(answer["login"]["accessToken"])
        date = self._described["date"]
        columns = [
            await self._slots(connection, venue, date) for venue in self._described["spread_venues"]
        ]
        # By turns: neighbours in time are not neighbours in a venue.
        rows = zip_longest(*columns)
        self._places = [place for row in rows for place, _ in filter(None, row)]
        for day in self._described["hot_dates"]:
            found = await self._slots(connection, self._described["hot_venue"], day)
            self._hot += [
                place
                for place, slot in found
                if slot["capacity"] == slot["remainingCapacity"] == SEATS
            ]
        connection.close()
        return {"spread_slots": len(self._places), "hot_slots": len(self._hot)}

    async def connect(self, number: int) -> list[Connection]:
        loop, opened = asyncio.get_running_loop(), []
        while len(opened) < number:
            together = min(_CONNECTED_TOGETHER, number - len(opened))
            made = [
                loop.create_connection(Connection, self._host, self._port) for _ in range(together)
            ]
            opened += [connection for _, connection in await asyncio.gather(*made)]
        return opened

    def requests(self, kind: str) -> Iterator[bytes]:
        """Requests without end, each as it goes over the wire."""
        match kind:
            case "read":
                return cycle(self._reads(self._described["read_venues"][:1]))
            case "read_many":
                return cycle(self._reads(self._described["spread_venues"]))
            case "book":
                return self._numbered(self._booking)
            case "book_inline":
                return self._numbered(self._inline_booking)
            case "book_rest":
                return self._numbered(self._rest_booking)
            case _:
                raise ValueError(f"There is nothing called {kind!r} to ask.")

    def a_token(self) -> str:
        """Of those who have logged in, by turns."""
        return self._tokens[next(self._numbers) % len(self._tokens)]

    def booking(self) -> tuple[bytes, str]:
        """A request for a seat of the next slot, and the slot."""
        place = self._places[next(self._numbers) % len(self._places)]
        return self._booking(place, self._tokens[0]), place[1]

    def hold(self) -> bytes:
        """A request to hold a seat of the next slot for nobody in particular."""
        number = next(self._numbers)
        place = self._places[number % len(self._places)]
        seats = {"venueId": place[0], "slotId": place[1], "guestCount": 1}
        token = self._tokens[number % len(self._tokens)]
        return self._graphql(_HOLD, {"input": seats}, token)

    def cancelling(self, booking_id: str) -> bytes:
        """A request to take back a booking, by whoever made it."""
        return self._graphql(_CANCEL, {"id": booking_id}, self._tokens[0])

    async def remaining(self) -> dict[str, int]:
        """The seats that are left on each slot, as the API says it now."""
        (connection,) = await self.connect(1)
        found = [
            slot
            for venue in self._described["spread_venues"]
            for _, slot in await self._slots(connection, venue, self._described["date"])
        ]
        connection.close()
        return {slot["id"]: slot["remainingCapacity"] for slot in found}

    def race(self, callers: int) -> list[bytes]:
        """A request of each caller for one seat of the same slot, which nobody has used."""
        place = self._hot.pop()
        tokens = cycle(self._tokens)
        return [self._booking(place, next(tokens)) for _ in range(callers)]

    def _reads(self, venues: list[str]) -> list[bytes]:
        date = self._described["date"]
        return [
            self._graphql(_READ, {"venueId": venue, "date": date}, token)
            for token in self._tokens
            for venue in venues
        ]

    def _numbered(self, booking: Callable[[Place, str], bytes]) -> Iterator[bytes]:
        tokens = cycle(self._tokens)
        templates = [booking(place, next(tokens)) for place in self._places]
        for template in cycle(templates):
            yield template.replace(_NUMBER, b"%09d" % next(self._numbers))

    def _booking(self, place: Place, token: str) -> bytes:
        seats = {"venueId": place[0], "slotId": place[1], "guestCount": 1, "notes": _NOTES}
        return self._graphql(_BOOK, {"input": seats}, token)

    def _inline_booking(self, place: Place, token: str) -> bytes:
        seats = f'{{slotId: "{place[1]}", venueId: "{place[0]}", guestCount: 1, notes: "{_NOTES}"}}'
        document = f"mutation CreateBooking {{ createBooking(input: {seats}) {{ {_BOOKING} }} }}"
        return self._post(self._path, {"query": document}, token)

    def _rest_booking(self, place: Place, token: str) -> bytes:
        seats = {"venue_id": place[0], "slot_id": place[1], "guest_count": 1, "notes": _NOTES}
        return self._post("/api/v1/bookings", seats, token)

    def _graphql(self, document: str, variables: object, token: str | None = None) -> bytes:
        name = document.split("(", maxsplit=1)[0].split()[1]
        content = {"query": document, "variables": variables, "operationName": name}
        return self._post(self._path, content, token)

    def _post(self, path: str, content: object, token: str | None) -> bytes:
        body = json.dumps(content).encode()
        lines = [
            f"POST {path} HTTP/1.1",
            f"host: {self._host}:{self._port}",
            "content-type: application/json",
            "accept: application/json",
            f"content-length: {len(body)}",
            *([f"authorization: Bearer {token}"] if token else []),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body

    async def _slots(
        self, connection: Connection, venue: str, date: str
    ) -> list[tuple[Place, dict[str, Any]]]:
        wanted = {"venueId": venue, "date": date}
        answer = await self._call(connection, self._graphql(_READ, wanted, self._tokens[0]))
        return [((venue, slot["id"]), slot) for slot in answer["availableSlots"]]

    @staticmethod
    async def _call(connection: Connection, request: bytes) -> Any:
        done: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        connection.ask(request, lambda status, body: done.set_result((status, body)))
        status, body = await asyncio.wait_for(done, _PATIENCE_SECONDS)
        if refused := refusal_of(status, body):
            raise RuntimeError(f"Refused: {refused}")
        return json.loads(body)["data"]


async def closed_loop(target: Target, case: dict[str, Any]) -> dict[str, Any]:
    """N clients that each ask again as soon as they are answered.

    Args:
        case: `kind` of requests, `clients`, `warm_seconds` that are not measured, `seconds`.
    """
    connections = await target.connect(case["clients"])
    requests = target.requests(case["kind"])
    tally = Tally()
    begins = time.perf_counter() + case["warm_seconds"]
    ends = begins + case["seconds"]
    finished = asyncio.Event()
    asking = len(connections)

    def ask(connection: Connection) -> None:
        asked = time.perf_counter()

        def answered(status: int, body: bytes) -> None:
            nonlocal asking
            moment = time.perf_counter()
            if begins <= moment < ends:
                tally.note(status, body, moment - asked)
            if moment < ends and status:
                ask(connection)
                return
            asking -= 1
            if not asking:
                finished.set()

        connection.ask(next(requests), answered)

    busy = time.process_time()
    began = time.perf_counter()
    for connection in connections:
        ask(connection)
    async with asyncio.timeout(case["warm_seconds"] + case["seconds"] + _PATIENCE_SECONDS):
        await finished.wait()
    share = (time.process_time() - busy) / (time.perf_counter() - began)
    for connection in connections:
        connection.close()
    return tally.figures(case["seconds"]) | {"clients_share": share}


async def race(target: Target, case: dict[str, Any]) -> dict[str, Any]:
    """`clients` at once for the seats of one slot, `races` times, each on a fresh slot."""
    seconds, winners, faults, refusals = [], [], 0, Counter[str]()
    for _ in range(case["races"]):
        connections = await target.connect(case["clients"])
        requests = target.race(len(connections))
        tally, finished = Tally(), asyncio.Event()
        left = len(connections)
        began = time.perf_counter()

        def answered(
            status: int,
            body: bytes,
            tally: Tally = tally,
            finished: asyncio.Event = finished,
            began: float = began,
        ) -> None:
            nonlocal left
            tally.note(status, body, time.perf_counter() - began)
            left -= 1
            if not left:
                finished.set()

        for connection, request in zip(connections, requests, strict=True):
            connection.ask(request, answered)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await finished.wait()
        seconds.append(time.perf_counter() - began)
        winners.append(len(tally.latencies))
        refusals += tally.refusals
        faults += tally.faults
        for connection in connections:
            connection.close()
    return {"seconds": seconds, "winners": winners, "errors": dict(refusals), "faults": faults}


async def serve() -> None:
    loop = asyncio.get_running_loop()
    targets: dict[str, Target] = {}
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        case = json.loads(line)
        try:
            match case["do"]:
                case "open":
                    target = targets[case["target"]] = Target(case["described"])
                    answer = await target.open()
                case "closed_loop":
                    answer = await closed_loop(targets[case["target"]], case)
                case "race":
                    answer = await race(targets[case["target"]], case)
                case unknown:
                    answer = {"fault": f"There is nothing called {unknown!r} to do."}
        except (OSError, RuntimeError, TimeoutError, LookupError) as error:
            answer = {"fault": f"{case['do']} on {case['target']}: {error!r}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())

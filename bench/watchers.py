"""Subscribers of a venue, in a process of their own: `python -m bench.watchers`.

Each line of standard input is a case, answered by one line of JSON. They speak
graphql-transport-ws to whoever serves, ours or a peer, and stay until the process ends.
"""

import asyncio
import base64
import json
import os
import re
import resource
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, cast
from urllib.parse import urlsplit

import uvloop

from bench.clients import Target, closed_loop

_SUBSCRIBE = (
    "subscription OnSlotUpdated($venueId: ID!) {"
    " slotAvailabilityChanged(venueId: $venueId) { slotId status remainingCapacity } }"
)
_CONNECTED_TOGETHER = 50
_PATIENCE_SECONDS = 30.0
_EVENT_SECONDS = 10.0
_PAUSE_BETWEEN_EVENTS = 0.02
_SILENCE_SECONDS = 1.5
# Until every subscription is known to be live, changes are made that count for nothing.
_TRIALS = 20
_SLOT = re.compile(rb'"slotId": ?"([^"]+)"')
_REMAINING = re.compile(rb'"remainingCapacity": ?(\d+)')
_CODE_MASK, _SHORT, _LONG = 15, 126, 127
_WHOLE_TEXT = 0x81
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10

Told = Callable[[bytes], None]


class Watcher(asyncio.Protocol):
    """One socket with one subscription."""

    def __init__(self, url: str, venue: str, token: str) -> None:
        self._address, self._venue, self._token = urlsplit(url), venue, token
        self._received = bytearray()
        self._is_open = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.told: Told | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        lines = (
            f"GET {self._address.path} HTTP/1.1",
            f"host: {self._address.netloc}",
            "upgrade: websocket",
            "connection: Upgrade",
            f"sec-websocket-key: {base64.b64encode(os.urandom(16)).decode()}",
            "sec-websocket-version: 13",
            "sec-websocket-protocol: graphql-transport-ws",
            *("", ""),
        )
        self.transport.write("\r\n".join(lines).encode())

    def data_received(self, data: bytes) -> None:
        # What a thousand sockets are read by counts in everybody's figures: the common case.
        if self._is_open and not self._received and (content := _only_text(data)):
            self._hear(content)
            return
        self._received += data
        if not self._is_open:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            if self._received[9:12] != b"101":
                self._fail(f"refused: {bytes(self._received[:200])!r}")
                return
            del self._received[: end + 4]
            self._is_open = True
            self._say(
                {"type": "connection_init", "payload": {"authorization": f"Bearer {self._token}"}}
            )
        for code, content in self._frames():
            if code == _TEXT:
                self._hear(content)
            elif code == _PING:
                self._send(_PONG, content)
            elif code == _CLOSE:
                self._fail(f"closed: {content!r}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("The connection was closed.")

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        received = self._received
        while len(received) >= 2:  # noqa: PLR2004 (bytes of the shortest)
            length, begin = received[1] & 127, 2
            if length == _SHORT:
                length, begin = int.from_bytes(received[2:4], "big"), 4
            elif length == _LONG:
                length, begin = int.from_bytes(received[2:10], "big"), 10
            if len(received) < begin + length:
                return
            frame = received[0] & _CODE_MASK, bytes(received[begin : begin + length])
            del received[: begin + length]
            yield frame

    def _hear(self, content: bytes) -> None:
        if b"slotAvailabilityChanged" in content:
            if self.told:
                self.told(content)
        elif b"connection_ack" in content:
            variables = {"venueId": self._venue}
            payload = {"query": _SUBSCRIBE, "variables": variables}
            self._say({"id": "1", "type": "subscribe", "payload": payload})
            if not self.ready.done():
                self.ready.set_result(None)
        elif b'"ping"' in content:
            self._say({"type": "pong"})

    def _say(self, message: object) -> None:
        self._send(_TEXT, json.dumps(message).encode())

    def _send(self, code: int, content: bytes) -> None:
        assert self.transport is not None
        mask = os.urandom(4)
        length = len(content)
        head = (
            struct.pack("!BB", 0x80 | code, 0x80 | length)
            if length < _SHORT
            else struct.pack("!BBH", 0x80 | code, 0x80 | _SHORT, length)
        )
        masked = bytes(byte ^ mask[place & 3] for place, byte in enumerate(content))
        self.transport.write(head + mask + masked)

    def _fail(self, why: str) -> None:
        if not self.ready.done():
            self.ready.set_exception(RuntimeError(why))
        if self.transport:
            self.transport.close()


def _only_text(data: bytes) -> bytes | None:
    """The content, if this is one whole text message and nothing else."""
    if len(data) < 4 or data[0] != _WHOLE_TEXT:  # noqa: PLR2004 (a head of four bytes)
        return None
    length, begin = data[1], 2
    if length == _SHORT:
        length, begin = int.from_bytes(data[2:4], "big"), 4
    return data[begin:] if len(data) == begin + length else None


class Crowd:
    """The watchers of one server, and whoever books what they watch."""

    def __init__(self, described: dict[str, Any]) -> None:
        self._described = described
        self.target = Target(described)
        self.watchers: list[Watcher] = []
        self._venue = described["spread_venues"][0]
        self.does = {
            "open": self.open,
            "watch": self.watch,
            "leave": self.leave,
            "events": self.events,
            "burst": self.burst,
            "book": self.book,
        }

    async def open(self, _case: dict[str, Any]) -> dict[str, Any]:
        return await self.target.open()

    async def book(self, case: dict[str, Any]) -> dict[str, Any]:
        """As fast as it can be, with whoever watches."""
        for watcher in self.watchers:
            watcher.told = None
        return await closed_loop(self.target, case)

    async def watch(self, case: dict[str, Any]) -> dict[str, Any]:
        """Let so many more watch; they read nothing where the case says so."""
        began = time.perf_counter()
        loop = asyncio.get_running_loop()
        address = urlsplit(self._described["url"])
        made: list[Watcher] = []
        while len(made) < case["number"]:
            together = min(_CONNECTED_TOGETHER, case["number"] - len(made))
            opened = await asyncio.gather(
                *(
                    loop.create_connection(
                        lambda: Watcher(self._described["url"], self._venue, self.target.a_token()),
                        address.hostname,
                        address.port,
                    )
                    for _ in range(together)
                )
            )
            new = [watcher for _, watcher in opened]
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await asyncio.gather(*(watcher.ready for watcher in new))
            made += new
        if case.get("is_mute"):
            for watcher in made:
                assert watcher.transport is not None
                watcher.transport.pause_reading()
        else:
            self.watchers += made
            await self._see_all_live()
        return {"seconds": time.perf_counter() - began, "watching": len(self.watchers)}

    async def _see_all_live(self) -> None:
        for _ in range(_TRIALS):
            await asyncio.sleep(0.2)
            _, seen = await self._change(2.0)
            if len(seen) == len(self.watchers):
                return
        raise RuntimeError("Not every subscription became live.")

    async def leave(self, _case: dict[str, Any]) -> dict[str, Any]:
        for watcher in self.watchers:
            if watcher.transport:
                watcher.transport.close()
        self.watchers = []
        return {}

    async def events(self, case: dict[str, Any]) -> dict[str, Any]:
        """One change after another: from sending the mutation until the last has heard, ms."""
        last, missing = [], 0
        for _ in range(case["events"]):
            _, seen = await self._change(_EVENT_SECONDS)
            missing += len(self.watchers) - len(seen)
            last.append(1000 * max(seen, default=_EVENT_SECONDS))
            await asyncio.sleep(_PAUSE_BETWEEN_EVENTS)
        return {"last_ms": last, "missing": missing}

    async def _change(self, patience: float) -> tuple[float, list[float]]:
        """Book once; when it was answered, and when each watcher heard of it, both in seconds."""
        request, slot = self.target.booking()
        wanted, seen = slot.encode(), list[float]()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        answered: asyncio.Future[float] = asyncio.get_running_loop().create_future()

        def told(content: bytes) -> None:
            if wanted in content:
                seen.append(time.perf_counter() - began)
                if len(seen) == len(self.watchers) and not done.done():
                    done.set_result(None)

        for watcher in self.watchers:
            watcher.told = told
        (connection,) = await self.target.connect(1)
        began = time.perf_counter()
        connection.ask(
            request, lambda *_: answered.done() or answered.set_result(time.perf_counter() - began)
        )
        async with asyncio.timeout(_PATIENCE_SECONDS):
            at = await answered
        try:
            async with asyncio.timeout(patience):
                await done
        except TimeoutError:
            pass
        connection.close()
        return at, seen

    async def burst(self, case: dict[str, Any]) -> dict[str, Any]:
        """Writers for some seconds; how long after the last of them everybody is right, s."""
        known: list[dict[bytes, bytes]] = []
        heard_at = 0.0
        messages = 0

        def listener(latest: dict[bytes, bytes]) -> Told:
            def told(content: bytes) -> None:
                nonlocal heard_at, messages
                slot = _SLOT.search(content)
                assert slot is not None
                latest[slot[1]] = content
                heard_at = time.perf_counter()
                messages += 1

            return told

        for watcher in self.watchers:
            known.append({})
            watcher.told = listener(known[-1])
        options = {"kind": "book", "clients": case["writers"], "warm_seconds": 0}
        booked = await closed_loop(self.target, options | {"seconds": case["seconds"]})
        ended = time.perf_counter()
        # Until nothing more comes: there is no last message to wait for.
        while time.perf_counter() - max(ended, heard_at) < _SILENCE_SECONDS:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        now_left = await self.target.remaining()
        wrong = sum(
            1
            for latest in known
            if any(
                int(_REMAINING.search(content)[1]) != now_left[slot.decode()]  # type: ignore[index]
                for slot, content in latest.items()
            )
        )
        return {
            "right_after_seconds": max(0.0, heard_at - ended),
            "wrong": wrong,
            "per_second": booked["per_second"],
            "errors": booked["errors"],
            "messages": messages,
        }


async def serve() -> None:
    loop = asyncio.get_running_loop()
    crowds: dict[str, Crowd] = {}
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        case = json.loads(line)
        try:
            if case["do"] == "open":
                crowds[case["target"]] = Crowd(case["described"])
            answer = await crowds[case["target"]].does[case["do"]](case)
        except (OSError, RuntimeError, TimeoutError, LookupError) as error:
            answer = {"fault": f"{case['do']} on {case['target']}: {error!r}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())

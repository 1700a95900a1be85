"""Waiting as asyncio has it, for what thousands of sockets have one of each.

asyncio's `Event` and `Queue` keep a deque for whoever waits, 0.6 KiB even of nobody:
a third of what an idle socket took.
"""

import asyncio
from typing import Any


class Gate:
    """As `asyncio.Event`: open or closed, and waited for while closed."""

    __slots__ = ("_is_open", "_waiting")

    def __init__(self) -> None:
        self._is_open = False
        self._waiting: list[asyncio.Future[None]] | None = None

    def is_set(self) -> bool:
        return self._is_open

    def set(self) -> None:
        self._is_open = True
        waiting, self._waiting = self._waiting, None
        for one in waiting or ():
            if not one.done():
                one.set_result(None)

    def clear(self) -> None:
        self._is_open = False

    async def wait(self) -> None:
        """Return once it is open, or has been since."""
        if self._is_open:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiting = [*(self._waiting or ()), waiter]
        try:
            await waiter
        finally:
            if self._waiting and waiter in self._waiting:
                self._waiting.remove(waiter)


class Inbox:
    """As `asyncio.Queue` without a limit: first in, first out."""

    __slots__ = ("_gate", "_messages")

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._gate = Gate()

    def empty(self) -> bool:
        return not self._messages

    def put_nowait(self, message: Any) -> None:
        self._messages.append(message)
        self._gate.set()

    async def get(self) -> Any:
        while not self._messages:
            self._gate.clear()
            await self._gate.wait()
        return self._messages.pop(0)

"""Callers of an event loop who come while a call is under way share the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Grouped(Generic[Asked, Answer]):
    """One call at a time; a lone caller waits for nobody.

    What is asked together was all asked before its call began: an answer is
    never older than its question.
    """

    def __init__(
        self, ask: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]], *, most: int
    ) -> None:
        """
        Args:
            ask: answers questions in their order; what it raises, all of them get.
            most: how many questions may share a call.
        """
        self._ask = ask
        self._most = most
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._task: asyncio.Task[None] | None = None

    def join(self, asked: Asked) -> "asyncio.Future[Answer]":
        """The answer to come. For callers of one event loop at a time."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            # What the loop before left undone has nobody waiting for it any more.
            self._loop, self._waiting, self._task = loop, [], None
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((asked, future))
        if self._task is None:
            self._task = loop.create_task(self._run())
        return future

    async def _run(self) -> None:
        while self._waiting:
            together = self._waiting[: self._most]
            del self._waiting[: self._most]
            await self._answer(together)
        self._task = None

    async def _answer(self, together: "list[tuple[Asked, asyncio.Future[Answer]]]") -> None:
        # Whoever asked may have gone: its future is done.
        try:
            answers = await self._ask([asked for asked, _ in together])
            for (_, future), answer in zip(together, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
        except Exception as error:  # noqa: BLE001 (theirs to report, and nobody is to wait forever)
            for _, future in together:
                if not future.done():
                    future.set_exception(error)

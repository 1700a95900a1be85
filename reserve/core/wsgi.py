"""A WSGI application behind ASGI whose requests and answers fit in memory.

One way to a thread with the whole request, one way back with the whole answer: each
hop between thread and event loop may cost a turn of the interpreter's lock, and
streaming takes four of them, which a small answer does not repay.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor
from contextvars import copy_context
from functools import partial
from io import BytesIO
from typing import Any, NamedTuple, TypeVar, cast

from a2wsgi.wsgi import build_environ

Result = TypeVar("Result")

CAN_WAIT = "reserve.can_wait"
"""The key of the environment that says that a response may have `pending`."""


class Pending(NamedTuple):
    """What a response waits for before it has its content."""

    begin: Callable[[], Awaitable[Any]]
    """For the event loop."""
    finish: Callable[[Any, Exception | None], Any]
    """The response whole, from what came of it or what was raised; reads nothing."""


class _Answer(NamedTuple):
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class BufferedWSGI:
    """
    Args:
        threads: in which the application runs.

    Whoever stands in front has received the whole body already, as `LimitedREST` does.
    """

    def __init__(self, application: Any, *, threads: Executor) -> None:
        self._application = application
        self._threads = threads

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        environ: Any = build_environ(scope, cast(Any, BytesIO(message.get("body", b""))))
        environ[CAN_WAIT] = True
        answer = await self._in_thread(_answer, self._application, environ)
        if isinstance(answer, Pending):
            answer = await self._finished(answer)
        start = {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
        await send(start)
        await send({"type": "http.response.body", "body": answer.body})

    async def _finished(self, pending: Pending) -> _Answer:
        outcome, failure = None, None
        try:
            outcome = await pending.begin()
        except Exception as error:  # noqa: BLE001 (theirs to show)
            failure = error
        response = pending.finish(outcome, failure)
        return _Answer(response.status_code, _encoded(response.items()), response.content)

    async def _in_thread(self, function: Callable[..., Result], *arguments: Any) -> Result:
        call = partial(copy_context().run, function, *arguments)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)


def _answer(application: Any, environ: dict[str, Any]) -> _Answer | Pending:
    status, headers = 500, []

    def start_response(
        line: str, fields: Iterable[tuple[str, str]], _failure: object = None
    ) -> Callable[[bytes], None]:
        nonlocal status, headers
        status, headers = int(line.split(" ", 1)[0]), _encoded(fields)
        return chunks.append

    chunks: list[bytes] = []
    iterable = application(environ, start_response)
    try:
        pending = getattr(iterable, "pending", None)
        if isinstance(pending, Pending):
            return pending
        chunks.extend(iterable)
    finally:
        if close := getattr(iterable, "close", None):
            close()
    return _Answer(status, headers, b"".join(chunks))


def _encoded(fields: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [
        (name.strip().encode("latin1").lower(), value.strip().encode("latin1"))
        for name, value in fields
    ]

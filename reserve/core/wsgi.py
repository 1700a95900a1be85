"""A WSGI application behind ASGI whose requests and answers fit in memory.

One way to a thread with the whole request, one way back with the whole answer: each
hop between thread and event loop may cost a turn of the interpreter's lock, and
streaming takes four of them, which a small answer does not repay.
"""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from contextvars import copy_context
from functools import partial
from http import HTTPStatus
from io import BytesIO
from typing import Any, NamedTuple, cast

from a2wsgi.wsgi import build_environ

_Headers = list[tuple[bytes, bytes]]


class _Answer(NamedTuple):
    status: int
    headers: _Headers
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
        run = partial(copy_context().run, _answer, self._application, environ)
        answer = await asyncio.get_running_loop().run_in_executor(self._threads, run)
        start = {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
        await send(start)
        await send({"type": "http.response.body", "body": answer.body})


def _answer(application: Any, environ: dict[str, Any]) -> _Answer:
    status, headers = HTTPStatus.INTERNAL_SERVER_ERROR.value, _Headers()

    def start_response(
        line: str, fields: Iterable[tuple[str, str]], _failure: object = None
    ) -> Callable[[bytes], None]:
        nonlocal status, headers
        status = int(line.split(" ", 1)[0])
        headers = [
            (name.strip().encode("latin1").lower(), value.strip().encode("latin1"))
            for name, value in fields
        ]
        return chunks.append

    chunks: list[bytes] = []
    iterable = application(environ, start_response)
    try:
        chunks.extend(iterable)
    finally:
        if close := getattr(iterable, "close", None):
            close()
    return _Answer(status, headers, b"".join(chunks))

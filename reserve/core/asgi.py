"""The outermost layer of every request: its id, its security headers, its line in the log."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from django.conf import settings
from opentelemetry.trace import SpanKind

from reserve.core import answers, tracing
from reserve.core.addresses import address_of
from reserve.core.context import REQUEST_ID_HEADER, begin_request
from reserve.core.errors import Invalid, PayloadTooLarge
from reserve.core.figures import SOCKETS
from reserve.core.security_headers import missing_headers

_HEADER = REQUEST_ID_HEADER.lower().encode()


class RequestMiddleware:
    """Gives each request its id, answers it in a header and logs how it ended.

    Answers that do not come from Django get the headers that Django's have.
    """

    def __init__(self, application: ASGI3Application) -> None:
        self._application = application

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        caller = tracing.caller_of(header(scope, b"traceparent"))
        transport = _transport(scope)
        theirs = header(scope, _HEADER) or (f"{caller.trace_id:032x}" if caller else "")
        is_probe = transport == answers.PROBE
        request_id = begin_request(
            theirs or ("" if is_probe else tracing.new_request_id()),
            address=address_of(scope),
            user_agent=header(scope, b"user-agent"),
        )
        started = time.perf_counter()
        status = 0
        is_open = False

        async def send_with_id(message: Any) -> None:
            nonlocal status, is_open
            if message["type"] in {"http.response.start", "websocket.accept"}:
                status = message.get("status", 101)
                if scope["type"] == "websocket":
                    SOCKETS.inc()
                    is_open = True
                headers = [*message.get("headers", ()), (_HEADER, request_id.encode())]
                if scope["type"] == "http":
                    headers += missing_headers(headers, is_secure=is_secure(scope))
                message = {**message, "headers": headers}
            elif message["type"] == "websocket.close":
                status = message.get("code", 1000)
            await send(message)

        method: Any = scope.get("method", "CONNECT")
        span_of_all = (
            nullcontext()
            if is_probe
            else tracing.beginning(f"{method} {transport}", kind=SpanKind.SERVER, caller=caller)
        )
        with span_of_all as span:
            try:
                await self._application(scope, receive, send_with_id)
            finally:
                if is_open:
                    SOCKETS.dec()
                if span is not None:
                    span.set_attribute("http.response.status_code", status)
                    span.set_attribute("reserve.request_id", request_id)
                answers.note(
                    answers.Answer(
                        request_id,
                        tracing.current_trace_id(),
                        scope["type"],
                        method,
                        scope["path"],
                        transport,
                        status,
                        time.perf_counter() - started,
                        # How long somebody watches says nothing about us.
                        is_timed=not is_open,
                    )
                )


def _transport(scope: Any) -> str:
    """What answers, in few words: a path would be a figure of its own for each booking."""
    path = scope["path"]
    if scope["type"] == "websocket":
        return "socket"
    if path == "/graphql":
        return "graphql"
    if path.startswith("/api/"):
        return "rest"
    return answers.PROBE if path.startswith("/health/") else "pages"


class Lifespan:
    """The ASGI lifespan protocol: prepares the process before its first request."""

    def __init__(self, prepare: Callable[[], Awaitable[None]]) -> None:
        self._prepare = prepare

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await self._prepare()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


async def read_body(receive: Any, *, limit: int, within: timedelta) -> bytes:
    """The whole body of a request.

    Raises:
        PayloadTooLarge: it has more than `limit` bytes.
        Invalid: it ends early, or does not come in time.
    """
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(within.total_seconds()):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Invalid("The body ended early.")
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > limit:
                    raise PayloadTooLarge
                chunks.append(chunk)
                if not message.get("more_body"):
                    return b"".join(chunks)
    except TimeoutError:
        raise Invalid("The body did not come in time.") from None


def is_secure(scope: Any) -> bool:
    """Whether the client speaks HTTPS, to us or to a proxy whose word is trusted."""
    if settings.TRUST_FORWARDED_PROTO:
        return header(scope, b"x-forwarded-proto") == "https"
    return bool(scope["scheme"] == "https")


def header(scope: Any, name: bytes) -> str:
    """A request header by its lower-case name, or an empty string."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return ""

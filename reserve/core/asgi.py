"""The outermost layer of every request: its id, and its one line in the log."""

import time
from typing import Any

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope

from reserve.core.context import REQUEST_ID_HEADER, begin_request
from reserve.core.logging import get_logger

log = get_logger(__name__)

_HEADER = REQUEST_ID_HEADER.lower().encode()


class RequestMiddleware:
    """Gives each request its id, answers it in a header and logs how it ended."""

    def __init__(self, application: ASGI3Application) -> None:
        self._application = application

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        request_id = begin_request(header(scope, _HEADER))
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Any) -> None:
            nonlocal status
            if message["type"] in {"http.response.start", "websocket.accept"}:
                status = message.get("status", 101)
                headers = [*message.get("headers", ()), (_HEADER, request_id.encode())]
                message = {**message, "headers": headers}
            elif message["type"] == "websocket.close":
                status = message.get("code", 1000)
            await send(message)

        try:
            await self._application(scope, receive, send_with_id)
        finally:
            log.info(
                "request",
                protocol=scope["type"],
                method=scope.get("method", "CONNECT"),
                path=scope["path"],
                status=status,
                milliseconds=round((time.perf_counter() - started) * 1000, 1),
            )


def header(scope: Any, name: bytes) -> str:
    """A request header by its lower-case name, or an empty string."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return ""

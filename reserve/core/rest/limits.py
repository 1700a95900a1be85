"""The limiter in front of REST, where a refusal costs no thread."""

from contextlib import suppress
from typing import Any

import orjson

from reserve.core.asgi import Authenticate, header
from reserve.core.errors import RateLimited, Unauthenticated, retry_seconds
from reserve.core.ratelimit.meter import Meter
from reserve.core.rest.problems import PROBLEM_JSON, problem_body


class LimitedREST:
    """Charges each request one token, and adds to its answer what is left."""

    def __init__(self, application: Any, *, authenticate: Authenticate) -> None:
        self._application = application
        self._authenticate = authenticate

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        meter = Meter()
        # A token that is refused leaves the address to be charged; the refusal is the view's.
        with suppress(Unauthenticated):
            meter.caller = self._authenticate(header(scope, b"authorization"))

        async def send_with_limits(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), *meter.headers()]
                message = {**message, "headers": headers}
            await send(message)

        try:
            await meter.charge()
        except RateLimited as error:
            await _refuse(error, send_with_limits)
        else:
            await self._application(scope, receive, send_with_limits)


async def _refuse(error: RateLimited, send: Any) -> None:
    body = orjson.dumps(problem_body(error))
    headers = [
        (b"content-type", PROBLEM_JSON.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", str(retry_seconds(error.wait)).encode()),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""What stands in front of REST, where neither a refusal nor a slow sender costs a thread."""

from datetime import timedelta
from typing import Any

import orjson
from django.conf import settings

from reserve.core.asgi import header, read_body
from reserve.core.errors import DomainError, Unauthenticated, retry_seconds
from reserve.core.failures import as_domain_error
from reserve.core.ratelimit.meter import Meter
from reserve.core.rest.problems import PROBLEM_JSON, problem_body
from reserve.core.sessions import Authentication, Session, remember_admitted

_BODY_TIMEOUT = timedelta(seconds=30)


class LimitedREST:
    """Charges each request one token, and adds to its answer what is left.

    The same round trip tells whether the caller's session has been ended.
    """

    def __init__(self, application: Any, *, authentication: Authentication) -> None:
        self._application = application
        self._authentication = authentication

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        meter = Meter()

        async def send_with_limits(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), *meter.headers()]
                message = {**message, "headers": headers}
            await send(message)

        try:
            remember_admitted(await self._admitted(scope, meter))
            scope, receive = await _with_whole_body(scope, receive)
        except Exception as error:  # noqa: BLE001 (as what stands behind it would answer)
            await _refuse(as_domain_error(error), send_with_limits)
        else:
            await self._application(scope, receive, send_with_limits)

    async def _admitted(self, scope: Any, meter: Meter) -> Session:
        try:
            session = self._authentication.identify(header(scope, b"authorization"))
        except Unauthenticated:
            # It leaves the address to be charged.
            await meter.charge()
            raise
        meter.caller = session.actor
        verdict = await meter.charge(markers=session.markers)
        await self._authentication.admit(session, verdict.marked)
        return session


async def _with_whole_body(scope: Any, receive: Any) -> tuple[Any, Any]:
    """The request with its body at hand: a slow sender holds no thread.

    Its length is said, as WSGI wants it; a chunked one does not say it itself.
    """
    headers = scope["headers"]
    if not any(name in {b"content-length", b"transfer-encoding"} for name, _ in headers):
        return scope, receive
    body = await read_body(receive, limit=settings.MAX_BODY_BYTES, within=_BODY_TIMEOUT)
    length = str(len(body)).encode()
    others = [
        (name, value)
        for name, value in headers
        if name not in {b"content-length", b"transfer-encoding"}
    ]
    told = False

    async def receive_again() -> Any:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return {**scope, "headers": [*others, (b"content-length", length)]}, receive_again


async def _refuse(error: DomainError, send: Any) -> None:
    body = orjson.dumps(problem_body(error))
    headers = [
        (b"content-type", PROBLEM_JSON.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    if error.retry_after:
        headers.append((b"retry-after", str(retry_seconds(error.retry_after)).encode()))
    if isinstance(error, Unauthenticated):
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

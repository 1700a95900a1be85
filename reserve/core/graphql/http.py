"""GraphQL over HTTP as an ASGI application of its own, beside Django's.

Django's handler and its middleware cost ten times the work itself
(docs/adr/0001-graphql-asgi.md).
"""

from datetime import timedelta
from typing import Any

import orjson
from django.conf import settings

from reserve.core.asgi import header
from reserve.core.errors import DomainError, Invalid, PayloadTooLarge, retry_seconds
from reserve.core.failures import as_domain_error
from reserve.core.graphql.context import Context
from reserve.core.graphql.executor import (
    CannotRun,
    Executor,
    Operation,
    Prepared,
    refusal_response,
)
from reserve.core.idempotency import IDEMPOTENCY_HEADER
from reserve.core.json import parse_json
from reserve.core.ratelimit.meter import Meter
from reserve.core.sessions import Authentication

_JSON = "application/json"
_IDEMPOTENCY_KEY = IDEMPOTENCY_HEADER.lower().encode()


class _UnsupportedMediaType(DomainError):
    """JSON only: a form posted by another site must not execute (CSRF)."""

    code = Invalid.code
    status = 415
    message = f"Send the body as {_JSON}."


class _MethodNotAllowed(DomainError):
    code = Invalid.code
    status = 405
    message = "Send GraphQL documents by POST."


class GraphQLHTTP:
    """Answers `POST` with JSON; whatever asks for a page is Django's to show."""

    def __init__(self, executor: Executor, *, authentication: Authentication, pages: Any) -> None:
        self._executor = executor
        self._authentication = authentication
        self._pages = pages

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] in {"GET", "HEAD"} and "text/html" in header(scope, b"accept"):
            await self._pages(scope, receive, send)
            return
        meter = Meter()
        retry_after: timedelta | None = None
        try:
            try:
                status, response = await self._respond(scope, receive, meter)
            except (DomainError, CannotRun):
                await meter.settle()
                raise
        except DomainError as error:
            status, response, retry_after = error.status, refusal_response(error), error.retry_after
        except CannotRun as refused:
            status, response = 400, refused.response()
        except Exception as error:  # noqa: BLE001 (nothing is outside of this)
            failure = as_domain_error(error)
            status, response = failure.status, refusal_response(failure)
        body = orjson.dumps(response)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            *meter.headers(),
        ]
        if retry_after:
            headers.append((b"retry-after", str(retry_seconds(retry_after)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _respond(self, scope: Any, receive: Any, meter: Meter) -> tuple[int, dict[str, Any]]:
        if scope["method"] != "POST":
            raise _MethodNotAllowed
        media_type = header(scope, b"content-type").partition(";")[0].strip().lower()
        if media_type != _JSON:
            raise _UnsupportedMediaType
        operation = Operation.from_body(parse_json(await _read_body(receive)))
        session = self._authentication.identify(header(scope, b"authorization"))
        meter.caller = session.actor
        prepared = self._executor.prepare_or_refusal(operation)
        # A token that has been ended refuses the whole request, whatever it asks.
        cost = prepared.cost if isinstance(prepared, Prepared) else 1
        verdict = await meter.charge(cost, markers=session.markers)
        await self._authentication.admit(session, verdict.marked)
        if isinstance(prepared, CannotRun):
            raise prepared
        if prepared.is_subscription:
            raise Invalid("Subscriptions go over WebSocket.")
        context = Context(session.actor, header(scope, _IDEMPOTENCY_KEY) or None)
        return 200, await self._executor.execute(prepared, operation, context)


async def _read_body(receive: Any) -> bytes:
    """The whole body, as long as it is not larger than it may be."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Invalid("The body ended early.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > settings.MAX_BODY_BYTES:
            raise PayloadTooLarge
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)

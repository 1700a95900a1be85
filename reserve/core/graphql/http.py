"""GraphQL over HTTP as an ASGI application of its own, beside Django's.

Django's handler and its middleware cost ten times the work itself
(docs/adr/0001-graphql-asgi.md).
"""

from typing import Any
from urllib.parse import parse_qs

import orjson
from django.conf import settings

from reserve.core.asgi import header
from reserve.core.errors import DomainError, Invalid, PayloadTooLarge, retry_seconds
from reserve.core.failures import as_domain_error
from reserve.core.graphql.context import Context
from reserve.core.graphql.executor import Executor
from reserve.core.graphql.media_types import GRAPHQL_RESPONSE, JSON, response_type
from reserve.core.graphql.operation import Operation
from reserve.core.graphql.persisted import PersistedQueryNotFound
from reserve.core.graphql.responses import CannotRun, Response, refusal_response
from reserve.core.idempotency import IDEMPOTENCY_HEADER
from reserve.core.json import parse_json
from reserve.core.ratelimit.meter import Meter
from reserve.core.sessions import Authentication, Session

_IDEMPOTENCY_KEY = IDEMPOTENCY_HEADER.lower().encode()
_MAX_PARAMETERS = 100
_READING = frozenset({"GET", "HEAD"})
_METHODS = ("GET", "HEAD", "OPTIONS", "POST")


class _UnsupportedMediaType(DomainError):
    """JSON only: a form posted by another site must not execute (CSRF)."""

    code = Invalid.code
    status = 415
    message = f"Send the body as {JSON}."


class _NotAcceptable(DomainError):
    code = Invalid.code
    status = 406
    message = f"Answers come as {JSON} or {GRAPHQL_RESPONSE}."


class _MethodNotAllowed(DomainError):
    code = Invalid.code
    status = 405

    def __init__(self, message: str, *allowed: str) -> None:
        super().__init__(message)
        self.allowed = ", ".join(allowed)


class GraphQLHTTP:
    """GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/).

    Answers `POST` with JSON, and queries by `GET`; whatever asks for a page is
    Django's to show.
    """

    def __init__(self, executor: Executor, *, authentication: Authentication, pages: Any) -> None:
        self._executor = executor
        self._authentication = authentication
        self._pages = pages

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "OPTIONS":
            await _tell_methods(send)
            return
        accept = header(scope, b"accept")
        if scope["method"] in _READING and "text/html" in accept:
            await self._pages(scope, receive, send)
            return
        meter = Meter()
        media_type = response_type(accept)
        headers: list[tuple[bytes, bytes]] = []
        try:
            try:
                if media_type is None:
                    raise _NotAcceptable
                status, response = await self._respond(scope, receive, meter)
            except DomainError:
                await meter.settle()
                raise
        except DomainError as error:
            status, response = error.status, refusal_response(error)
            headers += _headers_of(error)
            if isinstance(error, PersistedQueryNotFound) and media_type == GRAPHQL_RESPONSE:
                # The draft has no success without data; Apollo's older clients know no other.
                status = 400
        except CannotRun as refused:
            status, response = 400, refused.response()
        except Exception as error:  # noqa: BLE001 (nothing is outside of this)
            failure = as_domain_error(error)
            status, response = failure.status, refusal_response(failure)
            headers += _headers_of(failure)
        body = orjson.dumps(response)
        headers += [
            (b"content-type", f"{media_type or JSON}; charset=utf-8".encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"vary", b"Accept"),
            *meter.headers(),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _respond(self, scope: Any, receive: Any, meter: Meter) -> tuple[int, Response]:
        method = scope["method"]
        if method == "POST":
            media_type = header(scope, b"content-type").partition(";")[0].strip().lower()
            if media_type != JSON:
                raise _UnsupportedMediaType
        elif method not in _READING:
            raise _MethodNotAllowed("Send GraphQL documents by POST or GET.", *_METHODS)
        session = await self._admitted(scope, meter)
        if method == "POST":
            operation = Operation.from_body(parse_json(await _read_body(receive)))
        else:
            operation = Operation.from_parameters(_parameters(scope))
        operation, prepared = await self._executor.complete(operation)
        if method != "POST" and not prepared.is_query:
            raise _MethodNotAllowed("By GET only queries are executed.", "POST")
        if prepared.is_subscription:
            raise Invalid("Subscriptions go over WebSocket.")
        if prepared.root_fields > 1:
            await meter.charge(prepared.root_fields - 1)
        context = Context(session.actor, header(scope, _IDEMPOTENCY_KEY) or None)
        return 200, await self._executor.execute(prepared, operation, context)

    async def _admitted(self, scope: Any, meter: Meter) -> Session:
        """The caller's session, charged for one root field before anything is read.

        A token that is refused, or has been ended, refuses the whole request.
        """
        session = self._authentication.identify(header(scope, b"authorization"))
        meter.caller = session.actor
        verdict = await meter.charge(markers=session.markers)
        await self._authentication.admit(session, verdict.marked)
        return session


async def _tell_methods(send: Any) -> None:
    """Answers OPTIONS, which runs nothing and costs nobody a token (RFC 9110, 9.3.7)."""
    headers = [(b"allow", ", ".join(_METHODS).encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _headers_of(error: DomainError) -> list[tuple[bytes, bytes]]:
    headers = []
    if error.retry_after:
        headers.append((b"retry-after", str(retry_seconds(error.retry_after)).encode()))
    if isinstance(error, _MethodNotAllowed):
        headers.append((b"allow", error.allowed.encode()))
    return headers


def _parameters(scope: Any) -> dict[str, list[str]]:
    try:
        text = scope["query_string"].decode("ascii")
        return parse_qs(text, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        raise Invalid("The query string makes no sense.") from None


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

"""GraphQL over WebSocket, by the graphql-transport-ws protocol.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from enum import IntEnum
from functools import partial
from typing import Any

import orjson

from reserve.core.errors import DomainError, Invalid, Unauthenticated
from reserve.core.failures import as_domain_error
from reserve.core.frames import EXTENSION, Offer
from reserve.core.graphql.context import Context
from reserve.core.graphql.executor import Executor, Prepared
from reserve.core.graphql.operation import Operation
from reserve.core.graphql.responses import CannotRun, Response, refusal_response
from reserve.core.json import parse_json
from reserve.core.live import TooSlow
from reserve.core.origins import is_welcome
from reserve.core.ratelimit.meter import Caller, Meter, bucket_of
from reserve.core.sessions import Authentication, Session
from reserve.core.sockets import (
    MessageAllowance,
    OpenSockets,
    SocketConsumer,
    TooManySockets,
)

SUBPROTOCOL = "graphql-transport-ws"
_INIT_TIMEOUT_SECONDS = 10.0
_CANCELLATIONS, _CANCEL_AGAIN_SECONDS = 3, 0.5
_MAX_OPERATIONS = 100
# Who has not read for so long is gone, or holds what others wait for.
_READING_TIMEOUT_SECONDS = 10.0


class CloseCode(IntEnum):
    """The codes of the protocol."""

    BAD_REQUEST = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406
    CONNECTION_INITIALISATION_TIMEOUT = 4408
    SUBSCRIBER_ALREADY_EXISTS = 4409
    TOO_MANY_REQUESTS = 4429


class _SessionEnded(Exception):
    """The token of the socket was revoked."""


class _ClientGone(Exception):
    """Nobody is there any more to send to."""


async def _cancel(task: asyncio.Task[None]) -> None:
    """End an operation before anything else is read from its socket.

    What it awaits may finish at that very moment and let a cancellation go by.
    """
    for _ in range(_CANCELLATIONS):
        task.cancel()
        done, _unfinished = await asyncio.wait({task}, timeout=_CANCEL_AGAIN_SECONDS)
        if done:
            return


class GraphQLConsumer(SocketConsumer):
    """One socket: any number of operations, each a task of its own."""

    executor: Executor
    authentication: Authentication
    sockets: OpenSockets

    def __init__(
        self, *, executor: Executor, authentication: Authentication, sockets: OpenSockets
    ) -> None:
        super().__init__()
        self.executor = executor
        self.authentication = authentication
        self.sockets = sockets
        self._session = Session(None)
        self._init_received = False
        self._acknowledged = False
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._allowance = MessageAllowance()
        self._counted_as: list[str] = []
        self._init_timer: asyncio.TimerHandle | None = None
        self._expiry_timer: asyncio.TimerHandle | None = None

    # --- The socket -----------------------------------------------------------------

    async def connect(self) -> None:
        if not is_welcome(self.scope):
            # Before it is accepted, this is the answer 403.
            await self.close()
            return
        if SUBPROTOCOL not in self.scope["subprotocols"]:
            # A code can only be sent over an open socket.
            await self.accept()
            await self._close(CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE, "Subprotocol not acceptable")
            return
        await self.accept(SUBPROTOCOL)
        if not self._count_as(None):
            await self._close(CloseCode.TOO_MANY_REQUESTS, "Too many sockets")
            return
        loop = asyncio.get_running_loop()
        self._init_timer = loop.call_later(_INIT_TIMEOUT_SECONDS, self._on_init_timeout)

    def _count_as(self, caller: Caller | None) -> bool:
        """Count the socket as one of an account's or, of nobody's, of its address."""
        name = bucket_of(caller)
        try:
            self.sockets.count.add(name)
        except TooManySockets:
            return False
        self._counted_as.append(name)
        return True

    async def disconnect(self, code: int) -> None:
        self.sockets.remove(self)
        for name in self._counted_as:
            self.sockets.count.remove(name)
        self._counted_as.clear()
        for timer in (self._init_timer, self._expiry_timer):
            if timer:
                timer.cancel()
        await self._end_operations()

    async def end_session(self) -> None:
        """Close, because the token was revoked or has run out."""
        self._acknowledged = False
        await self._end_operations()
        await self._close(CloseCode.FORBIDDEN, "Forbidden")

    async def _end_operations(self) -> None:
        # Whoever finds out may be one of them.
        tasks = [task for task in self._operations.values() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if not self._allowance.take():
            await self._close(CloseCode.TOO_MANY_REQUESTS, "Too many messages")
            return
        try:
            message = parse_json((text_data or "").encode())
        except Invalid:
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            await self._close(CloseCode.BAD_REQUEST, "Invalid message received")
            return
        match message["type"]:
            case "connection_init":
                await self._initialise(message.get("payload"))
            case "ping":
                await self._send({"type": "pong"})
            case "pong":
                pass
            case "subscribe":
                await self._begin(message.get("id"), message.get("payload"))
            case "complete":
                await self._complete(message.get("id"))
            case _:
                await self._close(CloseCode.BAD_REQUEST, "Invalid message received")

    # --- Messages of the protocol -------------------------------------------------------

    async def _initialise(self, payload: object) -> None:
        if self._init_received:
            reason = "Too many initialisation requests"
            await self._close(CloseCode.TOO_MANY_REQUESTS, reason)
            return
        self._init_received = True
        if self._init_timer:
            self._init_timer.cancel()
        authorization = payload.get("authorization") if isinstance(payload, dict) else None
        try:
            text = authorization if isinstance(authorization, str) else ""
            self._session = self.authentication.identify(text)
            await self._charge(0)
        except (DomainError, _SessionEnded):
            await self._close(CloseCode.FORBIDDEN, "Forbidden")
            return
        if self._session.markers and not self._count_as(self._session.actor):
            await self._close(CloseCode.TOO_MANY_REQUESTS, "Too many sockets")
            return
        self._acknowledged = True
        self.sockets.add(self, self._session)
        if self._session.expires_at is not None:
            left = (self._session.expires_at - datetime.now(UTC)).total_seconds()
            loop = asyncio.get_running_loop()
            self._expiry_timer = loop.call_later(max(0.0, left), self._on_expiry)
        await self._send({"type": "connection_ack"})

    async def _begin(self, operation_id: object, payload: object) -> None:
        if not self._acknowledged:
            await self._close(CloseCode.UNAUTHORIZED, "Unauthorized")
            return
        if not isinstance(operation_id, str) or not operation_id:
            await self._close(CloseCode.BAD_REQUEST, "Invalid message received")
            return
        if operation_id in self._operations:
            reason = f"Subscriber for {operation_id} already exists"[:120]
            await self._close(CloseCode.SUBSCRIBER_ALREADY_EXISTS, reason)
            return
        if len(self._operations) >= _MAX_OPERATIONS:
            await self._close(CloseCode.TOO_MANY_REQUESTS, "Too many operations")
            return
        try:
            request = Operation.from_body(payload)
        except Invalid:
            await self._close(CloseCode.BAD_REQUEST, "Invalid message received")
            return
        task = asyncio.create_task(self._run(operation_id, request))
        self._operations[operation_id] = task
        task.add_done_callback(partial(self._forget, operation_id))

    def _forget(self, operation_id: str, task: asyncio.Task[None]) -> None:
        # Its id may be another operation's by now.
        if self._operations.get(operation_id) is task:
            del self._operations[operation_id]

    async def _complete(self, operation_id: object) -> None:
        if isinstance(operation_id, str) and (task := self._operations.pop(operation_id, None)):
            await _cancel(task)

    async def _run(self, operation_id: str, request: Operation) -> None:
        try:
            request, prepared = await self._prepare(request)
            head = b'{"type":"next","id":' + orjson.dumps(operation_id) + b',"payload":'
            async for payload in self._payloads(prepared, request, head):
                await self._send_text((head + payload + b"}").decode())
        except CannotRun as refused:
            await self._fail(operation_id, refused.response())
        except _SessionEnded:
            await self.end_session()
        except DomainError as error:
            await self._fail(operation_id, refusal_response(error))
        except TooSlow:
            await self._close(CloseCode.TOO_MANY_REQUESTS, "Too slow")
        except _ClientGone:
            return
        except Exception as error:  # noqa: BLE001 (an operation's end, not the socket's)
            await self._fail(operation_id, refusal_response(as_domain_error(error)))
        else:
            await self._send({"type": "complete", "id": operation_id})

    async def _prepare(self, request: Operation) -> tuple[Operation, Prepared]:
        """An operation that may run, and that its caller has been charged for."""
        await self._charge(1)
        request, prepared = await self.executor.complete(request)
        if prepared.root_fields > 1:
            await self._charge(prepared.root_fields - 1)
        return request, prepared

    async def _charge(self, cost: int) -> None:
        """
        Raises:
            RateLimited: the caller's bucket holds less.
            _SessionEnded: the token was revoked.
        """
        meter = Meter()
        meter.caller = self._session.actor
        verdict = await meter.charge(cost, markers=self._session.markers)
        try:
            await self.authentication.admit(self._session, verdict.marked)
        except Unauthenticated:
            raise _SessionEnded from None

    async def _payloads(
        self, prepared: Prepared, request: Operation, head: bytes
    ) -> AsyncIterator[bytes]:
        context = Context(self._session.actor)
        if not prepared.is_subscription:
            yield orjson.dumps(await self.executor.execute(prepared, request, context))
            return
        stream = await self.executor.subscribe(prepared, request, context)
        if isinstance(stream, dict):
            yield orjson.dumps(stream)
            return
        offer: Offer | None = self.scope.get("extensions", {}).get(EXTENSION, {}).get("offer")
        if offer is not None:
            stream.at_once(offer, head)
        async for payload in stream:
            yield payload

    async def _fail(self, operation_id: str, response: Response) -> None:
        await self._send({"type": "error", "id": operation_id, "payload": response["errors"]})

    # --- Sending ----------------------------------------------------------------------------

    async def _send(self, message: dict[str, Any]) -> None:
        with suppress(_ClientGone):
            await self._send_text(orjson.dumps(message).decode())

    async def _send_text(self, text: str) -> None:
        """Send, once what was sent before is on its way.

        Raises:
            TooSlow: the client has not read for too long.
            _ClientGone: nobody is there any more.
        """
        try:
            async with asyncio.timeout(_READING_TIMEOUT_SECONDS):
                await self.send(text_data=text)
        except TimeoutError:
            raise TooSlow from None
        except OSError:
            # What servers raise once a client has left, by the specification of ASGI.
            raise _ClientGone from None

    async def _close(self, code: CloseCode, reason: str) -> None:
        await self.close(code=code, reason=reason)

    def _on_init_timeout(self) -> None:
        self._init_timer = None
        reason = "Connection initialisation timeout"
        closing = self._close(CloseCode.CONNECTION_INITIALISATION_TIMEOUT, reason)
        self._closing = asyncio.ensure_future(closing)

    def _on_expiry(self) -> None:
        self._expiry_timer = None
        self._closing = asyncio.ensure_future(self.end_session())

"""The socket of a venue's board: a snapshot of a day, and then what changes.

docs/live.md has its messages.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime
from enum import IntEnum
from typing import Any
from uuid import UUID

import orjson

from accounts.actors import ANONYMOUS, Actor
from accounts.staff_pages import staff_of_cookies
from bookings.board.messages import booking_changed, slot_changed, snapshot
from bookings.board.reading import board_of, board_venue, booking_on_board
from bookings.live import SlotChange, booking_recovery, slot_recovery
from reserve.core.asgi import header
from reserve.core.broadcast import bookings_group, venue_group
from reserve.core.database import in_database
from reserve.core.errors import DomainError, Forbidden, Invalid, NotFound, Unauthenticated
from reserve.core.failures import as_domain_error
from reserve.core.json import parse_json
from reserve.core.live import Change, TooSlow, hub
from reserve.core.logging import get_logger
from reserve.core.origins import is_welcome
from reserve.core.ratelimit.meter import Meter, bucket_of
from reserve.core.sessions import Authentication, Session
from reserve.core.sockets import MessageAllowance, OpenSockets, SocketConsumer, TooManySockets
from venues.models import Venue

log = get_logger(__name__)

_AUTH_TIMEOUT_SECONDS = 10.0
# How soon a membership or a browser's session that has ended closes the socket.
_LOOK_EVERY_SECONDS = 4.0
_READING_TIMEOUT_SECONDS = 10.0


class CloseCode(IntEnum):
    TRY_AGAIN = 1013
    BAD_REQUEST = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    NOT_FOUND = 4404
    AUTHENTICATION_TIMEOUT = 4408
    TOO_MANY_REQUESTS = 4429


class BoardConsumer(SocketConsumer):
    """One socket, which watches one day of one venue at a time."""

    authentication: Authentication
    sockets: OpenSockets

    def __init__(self, *, authentication: Authentication, sockets: OpenSockets) -> None:
        super().__init__()
        self.authentication = authentication
        self.sockets = sockets
        self._actor: Actor = ANONYMOUS
        self._session = Session(None)
        self._cookies = ""
        self._venue: Venue | None = None
        self._day: date | None = None
        self._allowance = MessageAllowance()
        self._counted_as: str | None = None
        self._auth_timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # --- The socket -----------------------------------------------------------------

    async def connect(self) -> None:
        if not is_welcome(self.scope):
            await self.close()
            return
        await self.accept()
        try:
            name = bucket_of(None)
            self.sockets.count.add(name)
            self._counted_as = name
        except TooManySockets:
            await self.close(CloseCode.TOO_MANY_REQUESTS, "Too many sockets")
            return
        try:
            if authorization := header(self.scope, b"authorization"):
                await self._enter_by_token(authorization)
            elif cookies := header(self.scope, b"cookie"):
                await self._enter_by_cookies(cookies)
        except DomainError as refused:
            await self._refuse(refused)
            return
        if self._venue is None:
            loop = asyncio.get_running_loop()
            self._auth_timer = loop.call_later(_AUTH_TIMEOUT_SECONDS, self._on_auth_timeout)

    async def disconnect(self, code: int) -> None:
        self.sockets.remove(self)
        if self._counted_as is not None:
            self.sockets.count.remove(self._counted_as)
            self._counted_as = None
        if self._auth_timer:
            self._auth_timer.cancel()
        for task in self._tasks:
            task.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if not self._allowance.take():
            await self.close(CloseCode.TOO_MANY_REQUESTS, "Too many messages")
            return
        try:
            message = parse_json((text_data or "").encode())
        except Invalid:
            message = None
        match message:
            case {"type": "auth", "token": str(token)} if self._venue is None:
                try:
                    await self._enter_by_token(token)
                except DomainError as refused:
                    await self._refuse(refused)
            case {"type": "watch", **rest} if self._venue is not None:
                await self._watch(rest.get("date"))
            case {"type": "watch"}:
                await self.close(CloseCode.UNAUTHORIZED, "Authenticate first")
            case {"type": "ping"}:
                await self._send({"type": "pong"})
            case _:
                await self.close(CloseCode.BAD_REQUEST, "Invalid message received")

    async def end_session(self) -> None:
        """Close, because the token was revoked."""
        await self.close(CloseCode.FORBIDDEN, "Forbidden")

    # --- Who it is ----------------------------------------------------------------------

    async def _enter_by_token(self, token: str) -> None:
        bearer = token if token.lower().startswith("bearer ") else f"Bearer {token}"
        session = self.authentication.identify(bearer)
        meter = Meter()
        meter.caller = session.actor
        verdict = await meter.charge(1, markers=session.markers)
        await self.authentication.admit(session, verdict.marked)
        self._session, self._actor = session, session.actor
        await self._enter()

    async def _enter_by_cookies(self, cookies: str) -> None:
        actor = await in_database(staff_of_cookies, cookies)
        if actor is None:
            return
        self._cookies, self._actor = cookies, actor
        await self._enter()

    async def _enter(self) -> None:
        """
        Raises:
            Invalid, NotFound, Forbidden: there is no such venue for the actor.
        """
        venue_id = Venue.parse_id(self.scope["url_route"]["kwargs"]["venue_id"], field="venue_id")
        self._venue = await in_database(board_venue, actor=self._actor, venue_id=venue_id)
        if self._auth_timer:
            self._auth_timer.cancel()
        self.sockets.add(self, self._session)
        if self._session.expires_at is not None:
            left = (self._session.expires_at - datetime.now(UTC)).total_seconds()
            self._start(self._end_after(max(0.0, left)))
        self._start(self._look())
        self._start(self._tell(self._venue))

    async def _refuse(self, error: DomainError) -> None:
        code = {
            Unauthenticated: CloseCode.FORBIDDEN,
            Forbidden: CloseCode.FORBIDDEN,
            NotFound: CloseCode.NOT_FOUND,
            Invalid: CloseCode.NOT_FOUND,
        }
        for kind, close_code in code.items():
            if isinstance(error, kind):
                await self.close(close_code, error.text[:120])
                return
        await self.close(CloseCode.TRY_AGAIN, error.text[:120])

    def _on_auth_timeout(self) -> None:
        self._start(self._close(CloseCode.AUTHENTICATION_TIMEOUT, "Nobody has authenticated"))

    async def _end_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.end_session()

    async def _look(self) -> None:
        """Close as soon as the actor may not see the board any more."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            try:
                if not await in_database(self._is_still_welcome):
                    await self.end_session()
                    return
            except Exception as error:  # noqa: BLE001 (the next look may succeed)
                as_domain_error(error)

    def _is_still_welcome(self) -> bool:
        if self._cookies and staff_of_cookies(self._cookies) != self._actor:
            return False
        assert self._venue is not None
        try:
            board_venue(actor=self._actor, venue_id=self._venue.pk)
        except (NotFound, Forbidden):
            return False
        return True

    # --- What it is told ----------------------------------------------------------------

    async def _watch(self, day: object) -> None:
        try:
            self._day = _day_of(day)
            await self._send_snapshot()
        except ValueError:
            await self._send_error(Invalid.field("date", "This must be a date, as 2025-04-15."))
        except DomainError as refused:
            await self._send_error(refused)

    async def _send_snapshot(self) -> None:
        assert self._venue is not None
        board = await in_database(
            board_of, actor=self._actor, venue_id=self._venue.pk, day=self._day
        )
        self._day = board.day
        await self._send(snapshot(board))

    async def _tell(self, venue: Venue) -> None:
        """The snapshot, and every change from before it was taken on."""
        try:
            async with AsyncExitStack() as stack:
                slots = await stack.enter_async_context(
                    hub.listen(venue_group(venue.pk), recover=slot_recovery(venue.pk))
                )
                bookings = await stack.enter_async_context(
                    hub.listen(bookings_group(venue.pk), recover=booking_recovery(venue.pk))
                )
                await self._send_snapshot()
                await asyncio.gather(self._tell_slots(slots), self._tell_bookings(bookings, venue))
        except TooSlow:
            await self.close(CloseCode.TRY_AGAIN, "Too slow")
        except DomainError as refused:
            await self._refuse(refused)
        except Exception as error:  # noqa: BLE001 (the socket ends, and its client comes again)
            await self._refuse(as_domain_error(error))

    async def _tell_slots(self, changes: AsyncIterator[Change]) -> None:
        async for change in changes:
            said = change.renderings.get(BoardConsumer)
            if said is None:
                slot = SlotChange.from_message(change.message)
                text = orjson.dumps(slot_changed(slot)).decode()
                said = change.renderings[BoardConsumer] = (slot.starts_at.date(), text)
            day, text = said
            if day == self._day:
                await self._send_text(text)

    async def _tell_bookings(self, changes: AsyncIterator[Change], venue: Venue) -> None:
        async for change in changes:
            rendering = change.renderings.get(BoardConsumer)
            if rendering is None:
                rendering = change.renderings[BoardConsumer] = asyncio.ensure_future(
                    in_database(_booking_text, venue, UUID(change.message["booking_id"]))
                )
            # Whoever began it may leave, and the others still want it.
            if text := await asyncio.shield(rendering):
                await self._send_text(text)

    # --- Sending --------------------------------------------------------------------------

    async def _send(self, message: dict[str, Any]) -> None:
        await self._send_text(orjson.dumps(message).decode())

    async def _send_error(self, error: DomainError) -> None:
        said = {"type": "error", "code": error.code, "message": error.text}
        await self._send(said | error.details)

    async def _send_text(self, text: str) -> None:
        try:
            async with asyncio.timeout(_READING_TIMEOUT_SECONDS):
                await self.send(text_data=text)
        except TimeoutError:
            raise TooSlow from None

    async def _close(self, code: CloseCode, reason: str) -> None:
        await self.close(code, reason)

    def _start(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _day_of(text: object) -> date | None:
    """A day, or none where today is meant. Raises ValueError for anything else."""
    if text is None:
        return None
    return date.fromisoformat(text if isinstance(text, str) else "")


def _booking_text(venue: Venue, booking_id: UUID) -> str | None:
    booking = booking_on_board(venue=venue, booking_id=booking_id)
    return None if booking is None else orjson.dumps(booking_changed(booking)).decode()

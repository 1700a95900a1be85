"""Reads on a standby of PostgreSQL, where settings name one and it is near enough behind.

Once a second each web process asks the primary how far its log has come, and the standby
how far it has followed. So it knows an instant of its own clock up to which the standby
has everything that was committed; whoever reads says what must be in the answer. Nothing
that is decided on, written or locked ever looks here: `read` goes to the primary within a
transaction, and wherever the standby is away, too far behind or too slow.
"""

import asyncio
import socket
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections
from prometheus_client import Counter, Gauge

from reserve.core.logging import get_logger

Result = TypeVar("Result")

log = get_logger(__name__)

ALIAS = "replica"
_LOOK_EVERY_SECONDS = 0.5
# What takes longer is broken off, and read from the primary.
_PATIENCE_SECONDS = 2.0
_REST_SECONDS = 5.0
_POSITION = "SELECT pg_current_wal_lsn()::text"
# No text where the server is no standby (any more), or has replayed nothing yet.
_REPLAYED = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text END"

READS = Counter(
    "reserve_replica_reads",
    "Reads that were for the replica, by where they were answered.",
    ["server"],
)
BEHIND_SECONDS = Gauge(
    "reserve_replica_behind_seconds",
    "For how long the replica has not had all that was committed; 0 without a replica.",
    multiprocess_mode="livemax",
)

_is_reading: ContextVar[bool] = ContextVar("replica", default=False)


class Router:
    """Sends what `read` runs to the standby, and everything else to the primary."""

    def db_for_read(self, _model: Any, **_hints: Any) -> str:
        # Never what Django would guess: where a row came from.
        return alias()

    def db_for_write(self, _model: Any, **_hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, _one: Any, _other: Any, **_hints: Any) -> bool:
        return True

    def allow_migrate(self, alias: str, _app: str, **_hints: Any) -> bool | None:
        return False if alias == ALIAS else None


def alias() -> str:
    """Which connection a statement belongs on that is not of the ORM."""
    return ALIAS if _is_reading.get() else DEFAULT_DB_ALIAS


def has_all_until() -> float | None:
    """The instant, of time.monotonic, up to which the standby has every commit."""
    return _watch.complete_until


def is_near() -> bool:
    """Whether it is behind by no more than settings.REPLICA_LAG_LIMIT."""
    until = has_all_until()
    return (
        until is not None and time.monotonic() - until <= settings.REPLICA_LAG_LIMIT.total_seconds()
    )


def behind_seconds() -> float | None:
    """By how much, or None where nobody knows."""
    until = has_all_until()
    return None if until is None else time.monotonic() - until


def read(function: Callable[[], Result], *, since: float | None = None) -> Result:
    """Run a read on the standby, or else on the primary.

    Args:
        function: whatever it returns has been read when it returns.
        since: the instant of time.monotonic up to which every commit must be in the
            answer. Nor is it ever older than settings.REPLICA_LAG_LIMIT.
    """
    if not settings.DATABASE_REPLICA_URL or _is_reading.get():
        return function()
    if _may_be_read(since):
        try:
            with _reading():
                answer = function()
        except (OperationalError, InterfaceError) as error:
            _watch.leave_alone(error)
        else:
            READS.labels("replica").inc()
            return answer
    READS.labels("primary").inc()
    return function()


def _may_be_read(since: float | None) -> bool:
    if connections[DEFAULT_DB_ALIAS].in_atomic_block:
        return False
    return is_near() and (since is None or (has_all_until() or 0.0) >= since)


@contextmanager
def _reading() -> Iterator[None]:
    connection = connections[ALIAS]
    connection.ensure_connection()
    token = _is_reading.set(True)
    _watch.begin(connection.connection)
    try:
        yield
    except (OperationalError, InterfaceError):
        # Nobody is to ask it whether it can still be used: that might have no answer.
        connection.close()
        raise
    finally:
        _watch.end()
        _is_reading.reset(token)


@asynccontextmanager
async def _connected(name: str) -> AsyncIterator[psycopg.AsyncConnection]:
    parameters = connections[name].get_connection_params()
    parameters |= {"connect_timeout": round(_PATIENCE_SECONDS), "autocommit": True}
    # Django's own is for threads.
    parameters.pop("cursor_factory", None)
    connection = await psycopg.AsyncConnection.connect(**parameters)
    try:
        yield connection
    finally:
        await connection.close()


async def _answer(connection: psycopg.AsyncConnection, statement: str) -> str | None:
    """The only value of an answer. A server that is silent has its socket closed."""
    # To cancel would be to wait for a server's answer to that.
    loop = asyncio.get_running_loop()
    impatience = loop.call_later(_PATIENCE_SECONDS, _shut, connection.fileno())
    try:
        row = await (await connection.execute(statement)).fetchone()
    finally:
        impatience.cancel()
    return row[0] if row else None


def _shut(descriptor: int) -> None:
    # A copy is closed with the socket object; the descriptor stays the connection's.
    with (
        suppress(OSError),
        socket.fromfd(descriptor, socket.AF_UNSPEC, socket.SOCK_STREAM) as copy,
    ):
        copy.shutdown(socket.SHUT_RDWR)


def _number(position: str) -> int:
    """A position in the log, which PostgreSQL writes as two hexadecimal halves."""
    high, _, low = position.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


class _Watch:
    """How far the standby is behind, and which of its readers wait too long."""

    def __init__(self) -> None:
        self.complete_until: float | None = None
        self._began_at = time.monotonic()
        self._rests_until = 0.0
        self._is_well = True
        # By thread: what it reads on, and since when.
        self._running: dict[int, tuple[Any, float]] = {}

    def begin(self, connection: Any) -> None:
        self._running[threading.get_ident()] = connection, time.monotonic()

    def end(self) -> None:
        self._running.pop(threading.get_ident(), None)

    def leave_alone(self, error: Exception) -> None:
        self.complete_until = None
        self._rests_until = time.monotonic() + _REST_SECONDS
        if self._is_well:
            self._is_well = False
            log.warning("replica_off", reason=type(error).__name__)

    async def keep_looking(self) -> None:
        while True:
            try:
                await self._follow()
            except (psycopg.Error, OSError, TimeoutError) as error:
                self.leave_alone(error)
            until = max(self._rests_until, time.monotonic() + _LOOK_EVERY_SECONDS)
            while time.monotonic() < until:
                self._break_off()
                self._tell()
                await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def _follow(self) -> None:
        """Look at both for as long as both answer."""
        positions: deque[tuple[float, int]] = deque(maxlen=1_000)
        async with _connected(DEFAULT_DB_ALIAS) as primary, _connected(ALIAS) as standby:
            while True:
                self._break_off()
                # What was committed before this instant is before the position.
                asked_at = time.monotonic()
                position = await _answer(primary, _POSITION)
                replayed = await _answer(standby, _REPLAYED)
                if position is None or replayed is None:
                    raise OSError("It is no standby.")
                positions.append((asked_at, _number(position)))
                while positions and positions[0][1] <= _number(replayed):
                    complete_until, _ = positions.popleft()
                    if time.monotonic() >= self._rests_until:
                        self.complete_until = complete_until
                self._tell()
                if not self._is_well and is_near():
                    self._is_well = True
                    log.info("replica_on")
                await asyncio.sleep(_LOOK_EVERY_SECONDS)

    def _break_off(self) -> None:
        """Close the sockets of readers that wait too long; they then read from the primary."""
        now = time.monotonic()
        for connection, began_at in list(self._running.values()):
            if now - began_at > _PATIENCE_SECONDS:
                with suppress(psycopg.Error):
                    _shut(connection.fileno())

    def _tell(self) -> None:
        behind = behind_seconds()
        BEHIND_SECONDS.set(time.monotonic() - self._began_at if behind is None else behind)


_watch = _Watch()
_looking: asyncio.Task[None] | None = None


def start_watching() -> None:
    """Begin to look after the standby, in a web process where there is one."""
    global _looking  # noqa: PLW0603 (a task that nobody keeps may be collected)
    if settings.DATABASE_REPLICA_URL:
        _looking = asyncio.create_task(_watch.keep_looking())

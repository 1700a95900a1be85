"""Telling who watches: messages to groups of the channel layer.

A publication never fails the work that caused it. Whoever publishes leaves the
message with a thread, which sends all that has come meanwhile in one call; only the
desk, which speaks to Redis at that moment anyway, has it sent along (`publishing`).
Of several messages about one thing only the latest is sent; what could not be sent
is sent when Redis is back, unless something later has replaced it.
"""

import os
import threading
import time
from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from channels.layers import get_channel_layer
from django.conf import settings
from django_redis import get_redis_connection
from opentelemetry.trace import SpanContext
from redis.exceptions import RedisError

from reserve.core import tracing
from reserve.core.carried_out import Command, carrying_out, counted
from reserve.core.figures import PUBLISH_SECONDS
from reserve.core.logging import get_logger

log = get_logger(__name__)

Message = dict[str, Any]


class Publication(NamedTuple):
    """A message about one thing to a group."""

    group: str
    key: str
    """Names the thing within its group."""
    message: Message


_MAX_PENDING = 10_000
_PAUSE_AFTER_FAILURE_SECONDS = 1.0
_SENT_TOGETHER = 500
_SEND = carrying_out(1)


def venue_group(venue_id: UUID) -> str:
    """The group of everybody who watches a venue. Group names take dots, not colons."""
    return f"venue.{venue_id.hex}"


def bookings_group(venue_id: UUID) -> str:
    """The group that hears of a venue's bookings; each message is about one, by its id."""
    return f"venue.{venue_id.hex}.bookings"


class _Publisher:
    """One per process. Its thread is a daemon, so that a process that wants to end can."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = 0
        self._pending: dict[tuple[str, str], Message] = {}
        self._wake = threading.Event()
        # Of whoever has first left something since the last call.
        self._span: SpanContext | None = None

    def publish(self, group: str, key: str, message: Message) -> None:
        if self._pid != os.getpid():
            self._start()
        with self._lock:
            # The latest of a thing goes to the end: order is kept by its version.
            self._pending.pop((group, key), None)
            if len(self._pending) < _MAX_PENDING:
                self._pending[group, key] = message
            self._span = self._span or tracing.current()
        self._wake.set()

    def _start(self) -> None:
        # A forked child has none of its parent's threads.
        with self._lock:
            if self._pid != os.getpid():
                self._pending, self._wake = {}, threading.Event()
                threading.Thread(target=self._run, name="publisher", daemon=True).start()
                self._pid = os.getpid()

    def _run(self) -> None:
        is_late = False
        while True:
            self._wake.wait()
            self._wake.clear()
            with self._lock:
                pending, self._pending = self._pending, {}
                caller, self._span = self._span, None
            try:
                with (
                    tracing.shared("publish", [caller], messages=len(pending)),
                    PUBLISH_SECONDS.time(),
                ):
                    _send(pending)
            except (RedisError, OSError) as error:
                if not is_late:
                    log.warning("publications_late", reason=type(error).__name__)
                is_late = True
                time.sleep(_PAUSE_AFTER_FAILURE_SECONDS)
                self._put_back(pending)
            else:
                if is_late:
                    log.warning("publications_in_time")
                is_late = False

    def _put_back(self, unsent: dict[tuple[str, str], Message]) -> None:
        """Keep what was not sent, before what came since and has not replaced it."""
        with self._lock:
            kept = {**unsent, **self._pending}
            lost = len(kept) - _MAX_PENDING
            if lost > 0:
                log.warning("publications_lost", messages=lost)
                for key in list(kept)[:lost]:
                    del kept[key]
            self._pending = kept
        self._wake.set()


def _send(pending: dict[tuple[str, str], Message]) -> None:
    """Publish in one call.

    The channel layer's own `group_send` makes a round trip of each message, which cost
    a quarter of the bookings per second; a pipeline's answer to each costs a twentieth.
    """
    commands = publishing(Publication(*name, message) for name, message in pending.items())
    redis = get_redis_connection("default")
    for start in range(0, len(commands), _SENT_TOGETHER):
        redis.eval(_SEND, 0, *counted(commands[start : start + _SENT_TOGETHER]))


_publisher = _Publisher()


def publish(group: str, key: str, message: Message) -> None:
    """Send a message about one thing to a group, soon. Never blocks, never fails.

    Args:
        key: names the thing within its group; a later message about it replaces
            one that was not sent yet.
    """
    _publisher.publish(group, key, message)


def publishing(publications: Iterable[Publication]) -> list[Command]:
    """What sends messages at once, for whoever speaks to Redis anyway.

    In the channel layer's own format.
    """
    serialize = get_channel_layer().serialize
    return [
        (
            "PUBLISH",
            f"{settings.CHANNEL_PREFIX}__group__{group}",
            # A process hears several groups on one channel.
            serialize(message | {"group": group, "key": key}),
        )
        for group, key, message in publications
    ]

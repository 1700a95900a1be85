"""Listening to groups of the channel layer: one channel for the whole process.

However many sockets watch a venue, the process subscribes to its group once and
hands each change on to those who listen. What one of them has not taken yet is
replaced by a later change of the same thing, so that a burst ends with everybody
right and a slow reader costs no memory.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Hashable,
    Iterable,
    Iterator,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from reserve.core.failures import as_domain_error
from reserve.core.gates import Gate
from reserve.core.logging import get_logger
from reserve.core.pacing import Pace

log = get_logger(__name__)

Message = dict[str, Any]
Offer = Callable[["Telling"], bool]
"""Takes changes at once, and says whether it could; if not, they wait as others do."""
Recover = Callable[[datetime], Awaitable[Iterable[Message]]]
Check = Callable[[], Awaitable[object]]

ENDED_GROUP = "sessions.ended"
"""The group that hears of ended sessions: `{"markers": […]}`, with a marker of each."""

ACCESS_CHANGED = "access.changed"
"""The type of the message by which a group hears that some may no longer listen to it."""

# How often a listener to what is not public is asked about again.
_CHECK_EVERY_SECONDS = 3.0
# Things of which one listener may have changes waiting; who lags further behind is let go.
_MAX_WAITING = 1_000
_PAUSE_AFTER_FAILURE_SECONDS = 1.0
# Until what was subscribed again is surely heard, so that nothing falls between
# what is asked for and what is heard.
_PAUSE_BEFORE_RECOVERY_SECONDS = 0.2


class TooSlow(Exception):
    """The listener did not keep up, and has missed changes."""


@dataclass(eq=False, slots=True)
class Change:
    """A message, handed to every listener of the process as this one object.

    `renderings` keeps what has been made of it, so that it is made once and not
    once for each listener.
    """

    message: Message
    renderings: dict[Hashable, Any] = field(default_factory=dict)


class Telling(list[Change]):
    """Changes that are told together, as one object to all who want them all.

    `made` keeps what has been made of them together, as a change's `renderings` does.
    """

    def __init__(self, changes: Iterable[Change]) -> None:
        super().__init__(changes)
        self.made: dict[Hashable, Any] = {}


class Listener:
    """The changes that one listener has not taken yet: the latest of each thing.

    Args:
        offer: asked first, while nothing waits and the listener itself waits for more.
    """

    __slots__ = ("_is_idle", "_is_too_slow", "_offer", "_waiting", "_wake")

    def __init__(self, offer: Offer | None = None) -> None:
        self._offer = offer
        self._waiting: dict[str, Change] = {}
        self._wake = Gate()
        self._is_idle = False
        self._is_too_slow = False

    def put_all(self, changes: Telling) -> None:
        if self._offer and self._is_idle and not self._wake.is_set() and self._offer(changes):
            return
        for change in changes:
            self.put(change)

    def put(self, change: Change) -> None:
        key = change.message["key"]
        # The latest goes to the end: what others were told first comes first.
        self._waiting.pop(key, None)
        if len(self._waiting) >= _MAX_WAITING:
            self.let_go()
        else:
            self._waiting[key] = change
            self._wake.set()

    def let_go(self) -> None:
        """End the listener: whoever lags so far behind is better off with a fresh start."""
        self._waiting.clear()
        self._is_too_slow = True
        self._wake.set()

    async def changes(
        self, check: Check | None = None, *, is_public: bool = True
    ) -> AsyncIterator[Change]:
        clock = asyncio.get_running_loop().time
        due = None if check is None or is_public else clock() + _CHECK_EVERY_SECONDS
        while True:
            change = await (self._next() if due is None else self._next_until(due))
            is_told = change is not None and change.message.get("type") == ACCESS_CHANGED
            # Not by the time limit alone: where changes never pause, it never comes.
            if check is not None and (is_told or (due is not None and clock() >= due)):
                await check()
                due = clock() + _CHECK_EVERY_SECONDS
            if change is not None and not is_told:
                yield change

    async def _next_until(self, due: float) -> Change | None:
        try:
            async with asyncio.timeout_at(due):
                return await self._next()
        except TimeoutError:
            return None

    async def _next(self) -> Change:
        while True:
            self._is_idle = True
            try:
                await self._wake.wait()
            finally:
                self._is_idle = False
            if self._is_too_slow:
                raise TooSlow
            if self._waiting:
                return self._waiting.pop(next(iter(self._waiting)))
            self._wake.clear()


class _Group:
    """Who listens to a group, and how to tell them what was missed."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self.recover: Recover | None = None
        # By the thing that they want to hear of; None for those who want all.
        self._listeners: defaultdict[str | None, set[Listener]] = defaultdict(set)
        self._untold: dict[str, Message] = {}
        self._later: asyncio.TimerHandle | None = None
        self._next_at = 0.0

    def __iter__(self) -> Iterator[Listener]:
        return chain.from_iterable(self._listeners.values())

    def add(self, listener: Listener, key: str | None) -> None:
        self._listeners[key].add(listener)

    def remove(self, listener: Listener, key: str | None) -> bool:
        """Whether nobody is left."""
        self._listeners[key].discard(listener)
        if not self._listeners[key]:
            del self._listeners[key]
        return not self._listeners

    def hand_on(self, message: Message) -> None:
        """Tell the listeners: now or, of a group that was told just before, a little later.

        However fast changes come, telling has its share of the process and no more: what
        comes meanwhile is told together, and of each thing only the latest.
        """
        if message.get("type") == ACCESS_CHANGED:
            for listener in list(self):
                listener.put(Change(message))
            return
        self._untold.pop(message["key"], None)
        self._untold[message["key"]] = message
        if self._later is None:
            loop = asyncio.get_running_loop()
            delay = self._next_at - loop.time()
            if delay <= 0:
                self._tell()
            else:
                self._later = loop.call_later(delay, self._tell)

    def _tell(self) -> None:
        self._later = None
        started = time.thread_time()
        everything = Telling(Change(message) for message in self._untold.values())
        changes = dict(zip(self._untold, everything, strict=True))
        self._untold = {}
        for key, listeners in self._listeners.items():
            if key is None:
                wanted = everything
            elif key in changes:
                wanted = Telling([changes[key]])
            else:
                continue
            for listener in listeners:
                listener.put_all(wanted)
        rest = self._pace.rest_after(time.thread_time() - started)
        self._next_at = asyncio.get_running_loop().time() + rest


class Hub:
    """The listeners of one process, by group."""

    def __init__(self) -> None:
        self._groups: dict[str, _Group] = {}
        self._pace = Pace()
        self._channel: str | None = None
        self._receiver: asyncio.Task[None] | None = None
        self._recoveries: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listen(
        self,
        group: str,
        *,
        key: str | None = None,
        recover: Recover | None = None,
        check: Check | None = None,
        is_public: bool = True,
        offer: Offer | None = None,
    ) -> AsyncIterator[AsyncIterator[Change]]:
        """The changes that are told to a group from now on.

        Args:
            key: the thing to hear of, if not of all.
            recover: what the group should have heard since a moment, asked for when
                the connection to Redis was lost; one for all listeners of a group.
            check: raises where the listener may no longer listen. It is asked after
                ACCESS_CHANGED, which no listener is handed.
            is_public: where it is not, or no longer, `check` is asked every few seconds too:
                the end of a role or a login is told to no group.
            offer: takes changes without the iterator, while it can; of what is public only.

        Raises:
            TooSlow: from the iterator, once the listener has fallen too far behind.
            Exception: from the iterator, what `check` raises.
        """
        listener = Listener(offer if is_public else None)
        await self._join(group, listener, key, recover)
        try:
            yield listener.changes(check, is_public=is_public)
        finally:
            await self._leave(group, listener, key)

    def stream(self, group: str, **listening: Any) -> "Stream":
        """The same, listening from when it is iterated. Takes what `listen` does."""
        return Stream(self, group, listening)

    async def _join(
        self, name: str, listener: Listener, key: str | None, recover: Recover | None
    ) -> None:
        layer = get_channel_layer()
        if self._channel is None:
            self._channel = await layer.new_channel()
            self._receiver = asyncio.create_task(self._receive(layer, self._channel))
            layer.on_interruption(self._begin_recovery)
        is_first = name not in self._groups
        group = self._groups.setdefault(name, _Group(self._pace))
        group.add(listener, key)
        group.recover = group.recover or recover
        if is_first:
            try:
                await layer.group_add(name, self._channel)
            except BaseException:
                # Nobody hears anything: the next one is the first again.
                for waiting in self._groups.pop(name):
                    waiting.let_go()
                raise

    async def _leave(self, name: str, listener: Listener, key: str | None) -> None:
        group = self._groups.get(name)
        if group is not None and group.remove(listener, key):
            del self._groups[name]
            await get_channel_layer().group_discard(name, self._channel)

    async def _receive(self, layer: Any, channel: str) -> None:
        while True:
            try:
                message = await layer.receive(channel)
            except (RedisError, OSError) as error:
                log.warning("live_receiver_failed", reason=type(error).__name__)
                await asyncio.sleep(_PAUSE_AFTER_FAILURE_SECONDS)
            else:
                if group := self._groups.get(message["group"]):
                    group.hand_on(message)

    # --- After an interruption --------------------------------------------------------

    def _begin_recovery(self, since: datetime) -> None:
        task = asyncio.create_task(self._recover(since))
        self._recoveries.add(task)
        task.add_done_callback(self._recoveries.discard)

    async def _recover(self, since: datetime) -> None:
        """Tell the listeners of each group what moved while nothing was heard."""
        log.warning("live_interrupted", since=since.isoformat(), groups=len(self._groups))
        await asyncio.sleep(_PAUSE_BEFORE_RECOVERY_SECONDS)
        for group in list(self._groups.values()):
            if group.recover is None:
                continue
            try:
                for message in await group.recover(since):
                    group.hand_on(message)
            except Exception as error:  # noqa: BLE001 (whoever cannot be told begins anew)
                as_domain_error(error)
                for listener in group:
                    listener.let_go()


class Stream:
    """The changes that are told to a group, for as long as somebody iterates."""

    def __init__(self, hub: Hub, group: str, listening: dict[str, Any]) -> None:
        self._hub, self._group, self._listening = hub, group, listening
        self.offer: Offer | None = None

    async def __aiter__(self) -> AsyncIterator[Change]:
        # Handed on, and not kept: it knows whoever iterates, who knows this.
        offer, self.offer = self.offer, None
        listening = self._hub.listen(self._group, **self._listening, offer=offer)
        async with listening as changes:
            async for change in changes:
                yield change


hub = Hub()

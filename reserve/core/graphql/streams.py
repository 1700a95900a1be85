"""The results of subscriptions: each change rendered once for all who asked the same."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Hashable
from typing import Any

import orjson

from reserve.core.frames import Offer, text_frame
from reserve.core.live import Change, Stream, Telling

Response = dict[str, Any]
Execute = Callable[[Any], Awaitable[Response] | Response]


class Rendered:
    """The response to each event, as JSON.

    Args:
        events: what happens. A `Change` that comes from the hub is the same object for
            every listener of the process, and so are its results: nothing that a
            subscription tells of one may depend on who listens. Whoever tells more to
            some than to others yields anything else, and it is rendered for each.
        question: the same where document, operation and variables are.
    """

    def __init__(self, events: AsyncIterable[Any], execute: Execute, question: Hashable) -> None:
        self._events, self._execute, self._question = events, execute, question

    def at_once(self, offer: Offer, head: bytes) -> None:
        """Hand over what is there without waiting; the iterator yields only the rest.

        To be called before it is iterated.

        Args:
            offer: takes the frames of messages.
            head: a message up to its payload, which ends it but for a brace.
        """
        if isinstance(self._events, Stream):
            self._events.offer = _AtOnce(self, offer, (self._question, head))

    def frames(self, telling: Telling, head: bytes) -> bytes:
        """Those of all the changes; none where one of them takes its time."""
        renderings = [self._rendering(change) for change in telling]
        finished = [one for one in renderings if isinstance(one, bytes)]
        if len(finished) < len(renderings):
            return b""
        return b"".join(text_frame(head + payload + b"}") for payload in finished)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for event in self._events:
            if not isinstance(event, Change):
                yield await _render(self._execute, event)
                continue
            rendering = self._rendering(event)
            if isinstance(rendering, bytes):
                yield rendering
            else:
                # Whoever began it may leave, and the others still want it.
                yield await asyncio.shield(rendering)

    def _rendering(self, change: Change) -> "bytes | asyncio.Future[bytes]":
        rendering = change.renderings.get(self._question)
        if rendering is None:
            rendering = change.renderings[self._question] = _begin(self._execute, change)
        found: bytes | asyncio.Future[bytes] = rendering
        return found


class _AtOnce:
    """Hands frames on, made once for all who asked the same under the same name."""

    __slots__ = ("_offer", "_rendered", "_what")

    def __init__(self, rendered: Rendered, offer: Offer, what: tuple[Hashable, bytes]) -> None:
        self._rendered, self._offer, self._what = rendered, offer, what

    def __call__(self, telling: Telling) -> bool:
        frames = telling.made.get(self._what)
        if frames is None:
            frames = telling.made[self._what] = self._rendered.frames(telling, self._what[1])
        return bool(frames) and self._offer(frames)


def _begin(execute: Execute, event: Change) -> "bytes | asyncio.Future[bytes]":
    """Render; what needs no waiting, which is most, is there at once."""
    response = execute(event)
    if isinstance(response, dict):
        return orjson.dumps(response)
    return asyncio.ensure_future(_finish(response))


async def _render(execute: Execute, event: Any) -> bytes:
    response = execute(event)
    return orjson.dumps(response if isinstance(response, dict) else await response)


async def _finish(response: Awaitable[Response]) -> bytes:
    return orjson.dumps(await response)

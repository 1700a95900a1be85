"""The results of subscriptions: each change rendered once for all who asked the same."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Hashable
from typing import Any

import orjson

from reserve.core.live import Change

Response = dict[str, Any]
Execute = Callable[[Any], Awaitable[Response] | Response]


async def rendered(
    events: AsyncIterable[Any], execute: Execute, question: Hashable
) -> AsyncIterator[bytes]:
    """The response to each event, as JSON.

    Args:
        events: what happens. A `Change` that comes from the hub is the same object for
            every listener of the process, and so are its results: nothing that a
            subscription tells of one may depend on who listens. Whoever tells more to
            some than to others yields anything else, and it is rendered for each.
        question: the same where document, operation and variables are.
    """
    async for event in events:
        if not isinstance(event, Change):
            yield await _render(execute, event)
            continue
        rendering = event.renderings.get(question)
        if rendering is None:
            rendering = event.renderings[question] = _begin(execute, event)
        if isinstance(rendering, bytes):
            yield rendering
        else:
            # Whoever began it may leave, and the others still want it.
            yield await asyncio.shield(rendering)


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

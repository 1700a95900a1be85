"""What a web process has answered: a line of the log for each request, and its figures.

The lines of one turn of the event loop are written at its end, one after the other, and
the figures of a second together. Told between other things each would cost twice as much
and more: a processor is slow at what it did not do just before (ADR 27).
"""

import asyncio
from contextvars import Context
from functools import cache
from typing import Any, NamedTuple

from reserve.core.figures import ANSWERS, REQUEST_SECONDS
from reserve.core.gathered import GatheredCounter, GatheredHistogram
from reserve.core.logging import timestamp, write_lines

PROBE = "health"
"""The transport of those who ask every few seconds whether we are well: no news."""
# What is told later holds nothing of the request that came first.
_NOBODY = Context()


class Answer(NamedTuple):
    """How a request ended.

    Attributes:
        protocol: of ASGI: http or websocket.
        transport: what answered, in few words.
        is_timed: whether its time says anything about us.
    """

    request_id: str
    trace_id: str
    protocol: str
    method: str
    path: str
    transport: str
    status: int
    seconds: float
    is_timed: bool


_untold: list[Answer] = []


def note(answer: Answer) -> None:
    """Have it told at the end of this turn of the running event loop."""
    if not _untold:
        asyncio.get_running_loop().call_soon(_tell, context=_NOBODY)
    _untold.append(answer)


def _tell() -> None:
    answers = _untold[:]
    _untold.clear()
    now = timestamp()
    write_lines(_line(answer, now) for answer in answers)
    for answer in answers:
        _answers(answer.transport, answer.status).inc_soon()
        if answer.is_timed:
            _request_seconds(answer.transport).observe_soon(answer.seconds)


def _line(answer: Answer, now: str) -> dict[str, Any]:
    line: dict[str, Any] = {
        "event": "request",
        "level": "debug" if answer.transport == PROBE else "info",
        "logger": __name__,
        "timestamp": now,
        "request_id": answer.request_id,
        "protocol": answer.protocol,
        "method": answer.method,
        "path": answer.path,
        "status": answer.status,
        "milliseconds": round(answer.seconds * 1000, 1),
    }
    if answer.trace_id:
        line["trace_id"] = answer.trace_id
    return line


# To look a figure up by its labels takes as long as to count.
@cache
def _request_seconds(transport: str) -> GatheredHistogram:
    return REQUEST_SECONDS.labels(transport)


@cache
def _answers(transport: str, status: int) -> GatheredCounter:
    return ANSWERS.labels(transport, str(status))

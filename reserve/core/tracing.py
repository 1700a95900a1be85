"""Spans of what takes time, where an endpoint for them is set; otherwise next to nothing.

A trace has the id of the request that it tells of (`trace_id_of`), so that what a worker
does for an event hours later is found beside it, though nothing but the request's id went
along. reserve/telemetry.py sends the spans; without it no tracer is ever set.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, Tracer

from reserve.core.context import random_id, request_id

_HEX = re.compile(r"(?!0{32})[0-9a-f]{32}")
# https://www.w3.org/TR/trace-context/#traceparent-header: version, trace id, parent id, flags.
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
)
_NOTHING: AbstractContextManager[None] = nullcontext()
_tracer: Tracer | None = None


def _keep_all(_trace_id: int) -> bool:
    return True


_keeps: Callable[[int], bool] = _keep_all
_make_id: Callable[[], str] = random_id


def use(
    tracer: Tracer | None,
    *,
    keeps: Callable[[int], bool] = _keep_all,
    make_id: Callable[[], str] = random_id,
) -> None:
    """Make spans by this tracer from now on; None ends it.

    Args:
        keeps: whether a trace that begins here is kept, by its id; the tracer's own
            sampler says the same. What is not kept costs no span.
        make_id: for requests that bring none, of which it so decides what is kept.
    """
    # One for each process, set before it serves.
    global _tracer, _keeps, _make_id
    _tracer, _keeps, _make_id = tracer, keeps, make_id


def new_request_id() -> str:
    """An id for a request that brings none."""
    return _make_id()


def trace_id_of(request_id: str) -> int:
    """The trace of a request: its id where it has the form of one, and a hash of it otherwise."""
    if _HEX.fullmatch(request_id):
        return int(request_id, 16)
    return int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:16], "big") or 1


def caller_of(traceparent: str) -> SpanContext | None:
    """The span of a caller, by the header of W3C's Trace Context; None where it makes no sense."""
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=trace.TraceFlags(flags & 1))


def current() -> SpanContext | None:
    """The span at work, if there is one whose trace is kept."""
    if _tracer is None:
        return None
    span = trace.get_current_span()
    if span is trace.INVALID_SPAN:
        return None
    context = span.get_span_context()
    return context if context.trace_flags.sampled else None


def current_trace_id() -> str:
    """The trace at work in 32 hexadecimal digits, or an empty string where none is kept."""
    if _tracer is None:
        return ""
    span = trace.get_current_span()
    if span is trace.INVALID_SPAN:
        return ""
    return f"{span.get_span_context().trace_id:032x}"


def beginning(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    caller: SpanContext | None = None,
    attributes: Mapping[str, str | int] | None = None,
) -> AbstractContextManager[Span | None]:
    """The first span of a request, a task or a handler here; nothing where its trace is not kept.

    Args:
        caller: the span of whoever called, if known.
    """
    if _tracer is None:
        return _NOTHING
    is_kept = caller.trace_flags.sampled if caller else _keeps(trace_id_of(request_id()))
    if not is_kept:
        return _detached() if trace.get_current_span() is not trace.INVALID_SPAN else _NOTHING
    context = otel.Context()
    if caller is not None:
        context = trace.set_span_in_context(NonRecordingSpan(caller), context)
    return _begin(name, context=context, kind=kind, attributes=attributes)


def span(name: str, **attributes: str | int) -> AbstractContextManager[None]:
    """A part of what is done for several at once (`shared`); nothing where that is not traced."""
    parts = _parts.get()
    return _NOTHING if parts is None else _Part(parts, name, attributes)


@contextmanager
def shared(
    name: str, callers: Iterable[SpanContext | None], **attributes: str | int
) -> Iterator[None]:
    """What is done for several at once: part of the first one's trace, with links to the others.

    Its span and those of its parts are made when it has ended. Made in the middle of it, by
    a thread that others wait for, each would take four times as long.
    """
    if _tracer is None:
        yield
        return
    # By their ids: the contexts themselves cannot be hashed.
    kept = list({caller.span_id: caller for caller in callers if caller is not None}.values())
    if not kept:
        with _detached():
            yield
        return
    context = trace.set_span_in_context(NonRecordingSpan(kept[0]), otel.Context())
    whole = _Part([], name, attributes)
    token, parts_token = otel.attach(context), _parts.set([])
    try:
        with whole:
            yield
    finally:
        parts = _parts.get() or []
        _parts.reset(parts_token)
        otel.detach(token)
        _make(whole, parts, context, [Link(caller) for caller in kept[1:]])


class _Part:
    """From when to when something lasted, in nanoseconds since 1970."""

    __slots__ = ("_parts", "attributes", "began", "ended", "name")

    def __init__(
        self, parts: "list[_Part]", name: str, attributes: Mapping[str, str | int]
    ) -> None:
        self.name, self.attributes = name, attributes
        self._parts = parts

    def __enter__(self) -> None:
        self.began = time.time_ns()

    def __exit__(self, *_: object) -> None:
        self.ended = time.time_ns()
        self._parts.append(self)


_parts: ContextVar[list[_Part] | None] = ContextVar("parts", default=None)


def _make(whole: _Part, parts: Iterable[_Part], context: otel.Context, links: list[Link]) -> None:
    assert _tracer is not None
    span = _tracer.start_span(
        whole.name, context, links=links, attributes=whole.attributes, start_time=whole.began
    )
    within = trace.set_span_in_context(span, context)
    for part in parts:
        _tracer.start_span(
            part.name, within, attributes=part.attributes, start_time=part.began
        ).end(part.ended)
    span.end(whole.ended)


def _begin(name: str, **options: Any) -> AbstractContextManager[Span]:
    assert _tracer is not None
    # An exception's text may be personal: what went wrong is for the log, which leaves it out.
    return _tracer.start_as_current_span(
        name, record_exception=False, set_status_on_exception=False, **options
    )


@contextmanager
def _detached() -> Iterator[None]:
    """Whoever does it may be traced; what is done is not for them."""
    token = otel.attach(otel.Context())
    try:
        yield
    finally:
        otel.detach(token)

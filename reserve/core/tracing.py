"""Spans of what takes time, where an endpoint for them is set; otherwise its figures alone.

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

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, Tracer

from reserve.core.context import random_id, request_id
from reserve.core.gathered import GatheredHistogram

_HEX = re.compile(r"(?!0{32})[0-9a-f]{32}")
# https://www.w3.org/TR/trace-context/#traceparent-header: version, trace id, parent id, flags.
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
)
_SECOND = 1_000_000_000
_NOTHING: AbstractContextManager[None] = nullcontext()
_tracer: Tracer | None = None
# The span at work, if its trace is kept. OpenTelemetry's own context would hold it too,
# and takes ten times as long to look at, as each request does a few times.
_span: ContextVar[SpanContext | None] = ContextVar("span", default=None)


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
    return _span.get()


def current_trace_id() -> str:
    """The trace at work in 32 hexadecimal digits, or an empty string where none is kept."""
    span = _span.get()
    return "" if span is None else f"{span.trace_id:032x}"


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
    if is_kept:
        return _begun(_tracer.start_span(name, _within(caller), kind, attributes))
    return _nobodys_work()


@contextmanager
def _begun(span: Span) -> Iterator[Span]:
    # What an exception says may be personal: what went wrong is for the log, which leaves it out.
    with _at_work(span.get_span_context()):
        try:
            yield span
        finally:
            span.end()


@contextmanager
def _at_work(span: SpanContext | None) -> Iterator[None]:
    token = _span.set(span)
    try:
        yield
    finally:
        _span.reset(token)


def _within(span: SpanContext | None) -> Context:
    context = Context()
    return context if span is None else trace.set_span_in_context(NonRecordingSpan(span), context)


class _Timed:
    """From when to when something lasted, in nanoseconds of a clock that nobody sets."""

    __slots__ = ("attributes", "began", "ended", "name")

    def __init__(self, name: str, attributes: Mapping[str, str | int]) -> None:
        self.name, self.attributes = name, attributes

    def __enter__(self) -> None:
        self.began = time.perf_counter_ns()

    def __exit__(self, *_: object) -> None:
        self.ended = time.perf_counter_ns()


class Part(_Timed):
    """A part of what is done for several at once (`shared`), whose seconds are counted."""

    __slots__ = ("_seconds",)

    def __init__(self, name: str, seconds: GatheredHistogram, **attributes: str | int) -> None:
        super().__init__(name, attributes)
        self._seconds = seconds

    def __exit__(self, *_: object) -> None:
        self.ended = time.perf_counter_ns()
        self._seconds.observe_soon((self.ended - self.began) / _SECOND)
        if (parts := _parts.get()) is not None:
            parts.append(self)


_parts: ContextVar[list[Part] | None] = ContextVar("parts", default=None)


@contextmanager
def shared(
    name: str, callers: Iterable[SpanContext | None], **attributes: str | int
) -> Iterator[None]:
    """What is done for several at once: part of the first one's trace, with links to the others.

    Its span and those of its parts are made when it has ended. Made in the middle of it, by
    a thread that others wait for, each would take four times as long.
    """
    # By their ids: the contexts themselves cannot be hashed.
    kept = list({caller.span_id: caller for caller in callers if caller is not None}.values())
    if not kept:
        with _nobodys_work():
            yield
        return
    whole, parts = _Timed(name, attributes), list[Part]()
    token, parts_token = _span.set(kept[0]), _parts.set(parts)
    try:
        with whole:
            yield
    finally:
        _span.reset(token)
        _parts.reset(parts_token)
        if _tracer is not None:
            _tell(_tracer, whole, parts, kept)


def _nobodys_work() -> AbstractContextManager[None]:
    """Whoever does it may be traced; what is done is not for them."""
    return _NOTHING if _span.get() is None else _at_work(None)


def _tell(
    tracer: Tracer, whole: _Timed, parts: Iterable[_Timed], callers: list[SpanContext]
) -> None:
    epoch = time.time_ns() - time.perf_counter_ns()
    span = tracer.start_span(
        whole.name,
        _within(callers[0]),
        attributes=whole.attributes,
        links=[Link(caller) for caller in callers[1:]],
        start_time=epoch + whole.began,
    )
    within = _within(span.get_span_context())
    for part in parts:
        tracer.start_span(
            part.name, within, attributes=part.attributes, start_time=epoch + part.began
        ).end(epoch + part.ended)
    span.end(epoch + whole.ended)

"""Which traces are kept, and how their spans are sent: by OTLP over HTTP.

Imported only where an endpoint is set: it takes 15 MB.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

import os
import time
from collections.abc import Callable

from django.conf import settings
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from reserve.core import tracing
from reserve.core.context import random_id, request_id
from reserve.core.entropy import entropy

# Seconds; spans that cannot be sent in time are dropped, and nobody waits for them.
_EXPORT_TIMEOUT = 5
_SECOND = 1_000_000_000
# Of an id, and of its end, by which the sampler decides.
_ID_BYTES, _RANDOM_BYTES = 16, 7


class _OfRequests(RandomIdGenerator):
    """Traces that begin here have the id of their request, in whichever process."""

    def generate_trace_id(self) -> int:
        current = request_id()
        return tracing.trace_id_of(current) if current else super().generate_trace_id()


class OneInSoMany(TraceIdRatioBased):
    """As its base, by the last 56 bits of the id, which are random in a UUID (version 4) too.

    Of the last 64 a UUID has two fixed, so that none would be below a half of them. That
    these 56 are random is also what W3C's Trace Context, level 2, asks of an id.
    """

    TRACE_ID_LIMIT = (1 << 8 * _RANDOM_BYTES) - 1

    def keeps(self, trace_id: int) -> bool:
        return trace_id & self.TRACE_ID_LIMIT < self.bound


class OwnIds:
    """Ids of requests, so many a second of which are of traces that are kept.

    Web and worker find in the id alone whether a trace is kept. So it is decided first,
    and the id made to say so: at little load every request is traced, at any load no more
    than these, and each from the call to its last mail.

    They are the first of each second, one after the other: what is seldom done is done
    slowly, and the second of two that are traced together costs a fraction of the first.

    Args:
        sampler: keeps some ids, and not all.
        per_second: of this process.
        clock: nanoseconds since whenever.
    """

    def __init__(
        self,
        sampler: OneInSoMany,
        per_second: int,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._bound = sampler.bound
        self._beyond = sampler.TRACE_ID_LIMIT + 1
        self._per_second = self._left = per_second
        self._clock = clock
        self._began = clock()

    def make(self) -> str:
        made = entropy.randbytes(_ID_BYTES)
        now = self._clock()
        if now - self._began >= _SECOND:
            self._began, self._left = now, self._per_second
        if self._left > 0:
            # Threads that come together may keep one more.
            self._left -= 1
            return self._within(made, 0, self._bound)
        if int.from_bytes(made[-_RANDOM_BYTES:]) < self._bound:
            return self._within(made, self._bound, self._beyond)
        return made.hex()

    def _within(self, made: bytes, least: int, beyond: int) -> str:
        """The id with other random bits in the place of those that the sampler looks at."""
        chosen = least + entropy.randrange(beyond - least)
        return (made[:-_RANDOM_BYTES] + chosen.to_bytes(_RANDOM_BYTES)).hex()


def start() -> None:
    """Begin to send spans from this process, after any fork."""
    endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT.rstrip("/")
    # By the trace's id, so that every process decides alike. A caller's decision counts.
    sampler = OneInSoMany(settings.TRACE_PERCENT / 100)
    is_choosing = 0 < sampler.bound <= sampler.TRACE_ID_LIMIT
    make_id = OwnIds(sampler, settings.TRACES_PER_SECOND).make if is_choosing else random_id
    provider = TracerProvider(
        sampler=ParentBased(sampler),
        resource=Resource.create(
            {SERVICE_NAME: settings.OTEL_SERVICE_NAME, "process.pid": os.getpid()}
        ),
        id_generator=_OfRequests(),
    )
    exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=_EXPORT_TIMEOUT)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracing.use(provider.get_tracer("reserve"), keeps=sampler.keeps, make_id=make_id)

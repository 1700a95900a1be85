"""Sends spans by OTLP over HTTP. Imported only where an endpoint is set: it takes 15 MB.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

import os

from django.conf import settings
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from reserve.core import tracing
from reserve.core.context import request_id

# Seconds; spans that cannot be sent in time are dropped, and nobody waits for them.
_EXPORT_TIMEOUT = 5


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

    TRACE_ID_LIMIT = (1 << 56) - 1

    def keeps(self, trace_id: int) -> bool:
        return trace_id & self.TRACE_ID_LIMIT < self.bound


def start() -> None:
    """Begin to send spans from this process, after any fork."""
    endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT.rstrip("/")
    # By the trace's id, so that every process decides alike. A caller's decision counts.
    sampler = OneInSoMany(settings.TRACE_PERCENT / 100)
    provider = TracerProvider(
        sampler=ParentBased(sampler),
        resource=Resource.create(
            {SERVICE_NAME: settings.OTEL_SERVICE_NAME, "process.pid": os.getpid()}
        ),
        id_generator=_OfRequests(),
    )
    exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=_EXPORT_TIMEOUT)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracing.use(provider.get_tracer("reserve"), keeps=sampler.keeps)

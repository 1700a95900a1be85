"""Spans reach a collector, in the trace of the request that caused them, in web and worker."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_hex
from uuid import uuid4

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from reserve.core import tracing
from reserve.core.context import on_behalf_of
from reserve.core.gathered import GatheredHistogram, count_gathered
from reserve.telemetry import OneInSoMany, OwnIds
from tests.factories import bearer, make_customer, make_resource, make_slot
from tests.processes import process, wait_until, web_process

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = GatheredHistogram("parts_of_tests_seconds", "How long parts took.", registry=None)
CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class _Collector(ThreadingHTTPServer):
    """What an OpenTelemetry collector is to its senders: OTLP over HTTP, in protobuf."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.spans: list[Span] = []

    def names(self, trace_id: str) -> dict[str, Span]:
        """The spans of a trace by name; of those that are alike the first, which is web's."""
        latest_first = sorted(self.spans, key=lambda span: -span.start_time_unix_nano)
        return {span.name: span for span in latest_first if span.trace_id.hex() == trace_id}


class _Receiver(BaseHTTPRequestHandler):
    server: _Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.server.spans.extend(scope.spans)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """The tests say what they miss."""


@contextmanager
def _collector() -> Iterator[tuple[_Collector, str]]:
    server = _Collector()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_booking_is_one_trace_from_the_call_to_its_confirmation() -> None:
    slot = make_slot(make_resource(capacity=9))
    customer = make_customer()
    document = "mutation C($i: CreateBookingInput!) { createBooking(input: $i) { id } }"
    wanted = {"venueId": slot.venue.public_id, "slotId": slot.public_id, "guestCount": 2}
    body = {"query": document, "variables": {"i": wanted}}
    worker = ("-m", "celery", "-A", "reserve", "--quiet", "worker", "--concurrency", "1", "--beat")
    with _collector() as (collector, endpoint):
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "TRACE_PERCENT": "100",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        with process(*worker, **variables), web_process(**variables) as address:
            in_web = {"POST graphql", "batch", "guard", "row lock", "commit"}
            expected = in_web | {"publish", "handle booking.created"}

            def trace_of(**headers: str) -> str:
                """Book, and wait: events of several requests would share a call of a handler."""
                headers["Authorization"] = bearer(customer)
                answer = httpx.post(f"{address}/graphql", json=body, headers=headers, timeout=20)
                found = answer.headers["X-Request-ID"]
                wait_until(lambda: expected <= collector.names(found).keys(), seconds=25)
                return str(found)

            own, theirs = trace_of(), trace_of(traceparent=CALLER)
            assert theirs == CALLER.split("-")[1]
            wait_until(
                lambda: any(
                    span.name == "reserve.outbox.tasks.relay_events" for span in collector.spans
                )
            )
    spans = collector.names(theirs)
    assert spans["POST graphql"].parent_span_id.hex() == CALLER.split("-")[2]
    above = {
        "batch": "POST graphql",
        "guard": "batch",
        "row lock": "batch",
        "commit": "batch",
    }
    for name, parent in above.items():
        assert spans[name].parent_span_id == spans[parent].span_id, name
    assert collector.names(own)["POST graphql"].parent_span_id == b""
    for span in spans.values():
        assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < 30e9


def test_a_request_without_an_id_is_traced_where_there_are_few() -> None:
    with _collector() as (collector, endpoint):
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        with web_process(**variables, TRACES_PER_SECOND="1000") as address:
            for _ in range(5):
                answer = httpx.post(f"{address}/graphql", json={"query": "{ __typename }"})
                trace = answer.headers["X-Request-ID"]
                wait_until(lambda trace=trace: "POST graphql" in collector.names(trace))
    # Probes ask all the time, and nobody wants to know.
    assert {span.name for span in collector.spans} == {"POST graphql"}


def test_as_many_traces_are_kept_as_is_asked_whatever_the_ids_are_made_of() -> None:
    sampler = OneInSoMany(0.05)
    for make in (lambda: uuid4().hex, lambda: token_hex(16), lambda: f"call {token_hex(4)}"):
        kept = sum(
            sampler.should_sample(None, tracing.trace_id_of(make()), "one").decision.is_sampled()
            for _ in range(4_000)
        )
        # Five standard deviations to each side.
        assert 130 < kept < 270


def test_at_little_load_every_trace_is_kept_and_at_any_load_so_many_a_second() -> None:
    now = 1000.0
    sampler = OneInSoMany(0.01)
    ids = OwnIds(sampler, 3, clock=lambda: int(now * 1e9))
    made: list[str] = []

    def kept(number: int) -> int:
        made.extend(ids.make() for _ in range(number))
        return sum(sampler.keeps(tracing.trace_id_of(one)) for one in made[-number:])

    for _ in range(20):
        now += 0.4
        assert kept(1) == 1
    now += 60
    assert kept(1_000) == 3
    now += 0.9
    assert kept(1_000) == 0
    now += 0.1
    assert kept(1_000) == 3
    assert len(set(made)) == len(made)
    assert all(len(one) == 32 for one in made)


def test_a_trace_that_is_not_kept_has_no_span_and_is_none_of_the_one_around_it() -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracing.use(provider.get_tracer("test"), keeps=lambda trace_id: trace_id == 2)
    try:
        with on_behalf_of(f"{2:032x}"), tracing.beginning("task") as outer:
            assert outer is not None
            with on_behalf_of(f"{1:032x}"), tracing.beginning("handle") as inner:
                assert inner is None
                assert tracing.current_trace_id() == ""
                with tracing.shared("batch", [tracing.current()]), tracing.Part("part", SECONDS):
                    assert tracing.current_trace_id() == ""
            with tracing.shared("batch", [tracing.current()]), tracing.Part("part", SECONDS):
                assert tracing.current_trace_id() == f"{outer.get_span_context().trace_id:032x}"
        spans = kept.get_finished_spans()
        assert [span.name for span in spans] == ["part", "batch", "task"]
    finally:
        tracing.use(None)


def test_without_an_endpoint_only_figures_are_made() -> None:
    def counted() -> float:
        count_gathered()
        (metric,) = SECONDS.collect()
        return next(one.value for one in metric.samples if one.name.endswith("_count"))

    before = counted()
    assert tracing.current() is None
    with tracing.beginning("request") as request:
        assert request is None
    with tracing.shared("batch", [None]), tracing.Part("part", SECONDS):
        assert tracing.current_trace_id() == ""
    with pytest.raises(LookupError), tracing.Part("part", SECONDS):
        raise LookupError
    assert counted() == before + 2


def test_a_callers_header_is_taken_as_the_standard_has_it() -> None:
    found = tracing.caller_of(CALLER)
    assert found is not None
    assert f"{found.trace_id:032x}" == CALLER.split("-")[1]
    assert found.trace_flags.sampled
    for nonsense in (
        "",
        "00-0-0-01",
        CALLER.upper(),
        f"ff{CALLER[2:]}",
        f"00-{'0' * 32}{CALLER[35:]}",
    ):
        assert tracing.caller_of(nonsense) is None, nonsense
    assert tracing.trace_id_of("call-1") == tracing.trace_id_of("call-1") != 0

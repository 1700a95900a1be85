"""Traces and figures: where they go, and who may read them."""

import re

from django.core.exceptions import ImproperlyConfigured

from reserve import env

# Where spans go, by OTLP over HTTP; nowhere while unset.
OTEL_EXPORTER_OTLP_ENDPOINT = env.text("OTEL_EXPORTER_OTLP_ENDPOINT")
if OTEL_EXPORTER_OTLP_ENDPOINT and not re.fullmatch(
    r"https?://[^/]+(/.*)?", OTEL_EXPORTER_OTLP_ENDPOINT
):
    raise ImproperlyConfigured(
        "OTEL_EXPORTER_OTLP_ENDPOINT cannot be read. Write it as http://HOST:4318."
    )
OTEL_SERVICE_NAME = env.text("OTEL_SERVICE_NAME", "reserve")
if not re.fullmatch(r"[\w.-]+", OTEL_SERVICE_NAME):
    raise ImproperlyConfigured("OTEL_SERVICE_NAME must be of letters, digits, dots and hyphens.")
# Of traces that are kept, of requests that bring no id: all at little load, these at any.
TRACES_PER_SECOND = env.integer("TRACES_PER_SECOND", 2, maximum=1000)
# Of traces by ids of callers, and of tasks of Beat; none or all are of any request. A
# caller that keeps its trace has ours kept too.
TRACE_PERCENT = env.integer("TRACE_PERCENT", 1, minimum=0, maximum=100)
# Where a worker shows its figures; 0 for nowhere.
WORKER_METRICS_PORT = env.integer("WORKER_METRICS_PORT", 0, minimum=0, maximum=65535)
METRICS_ALLOWED_NETWORKS = env.networks("METRICS_ALLOWED_NETWORKS", "127.0.0.0/8,::1/128")
# A web process with an older undelivered event is not ready: nobody relays.
EVENT_AGE_LIMIT = env.duration("EVENT_AGE_LIMIT", "5m")

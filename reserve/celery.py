"""The Celery application of `make worker` and `make beat`."""

import os
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from celery import Celery, signals
from celery.apps.worker import (  # type: ignore[attr-defined]
    install_worker_term_hard_handler,
    on_cold_shutdown,
)
from django.conf import settings
from django.utils.module_loading import import_string
from opentelemetry.trace import SpanKind

from reserve.core import parting, tracing, worker_connections
from reserve.core.context import begin_request, request_id
from reserve.core.figures import TASK_SECONDS, TASK_WAIT_SECONDS, TASKS, note_memory
from reserve.core.gathered import count_gathered
from reserve.core.logging import get_logger
from reserve.core.sealing import first_key_prefix
from reserve.embedded.figures import end_shared_figures
from reserve.worker_figures import serve_figures

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reserve.settings")

log = get_logger(__name__)

app = Celery("reserve", amqp="reserve.core.broker:AMQP")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Celery would replace the handlers of the root logger; the settings have set them."""


signals.task_prerun.connect(worker_connections.close_broken)
signals.task_postrun.connect(worker_connections.close_unfit)

_CAUSE = "request_id"
_SENT_AT = "sent_at"
_SAMPLE_EVERY_SECONDS = 5.0


@signals.before_task_publish.connect
def _name_cause(headers: dict[str, Any], **_: Any) -> None:
    headers[_SENT_AT] = time.time()
    if cause := request_id():
        headers.setdefault(_CAUSE, cause)


@dataclass
class _Run:
    """The task that this process runs; it runs one at a time."""

    began_at: float = 0.0
    ending: ExitStack = field(default_factory=ExitStack)


_run = _Run()


@signals.task_prerun.connect
def _begin_task(task_id: str = "", task: Any = None, **_: Any) -> None:
    """A task goes by the id of the request that sent it, and by its own where none did."""
    sender = getattr(task.request, _CAUSE, None) or task_id
    begin_request(sender)
    _run.began_at = time.perf_counter()
    sent_at = getattr(task.request, _SENT_AT, None)
    if sent_at is not None:
        queue = (task.request.delivery_info or {}).get("routing_key") or "none"
        TASK_WAIT_SECONDS.labels(queue).observe(max(0.0, time.time() - sent_at))
    _run.ending.enter_context(
        tracing.beginning(
            task.name, kind=SpanKind.CONSUMER, attributes={"reserve.task_id": task_id}
        )
    )


@signals.task_postrun.connect
def _end_task(task: Any = None, retval: Any = None, state: str = "", **_: Any) -> None:
    """Count a task and give it its line; one that succeeds and finds nothing to do is no news."""
    seconds = time.perf_counter() - _run.began_at
    TASKS.labels(task.name, state or "UNKNOWN").inc()
    TASK_SECONDS.labels(task.name).observe(seconds)
    count_gathered()
    tell = log.debug if state == "SUCCESS" and not retval else log.info
    tell(
        "task",
        task=task.name,
        state=state,
        # Tasks answer how much they did, if anything.
        done=retval if isinstance(retval, int) else None,
        milliseconds=round(seconds * 1000, 1),
    )
    _run.ending.close()


@signals.worker_process_init.connect
def _begin_process(**_: Any) -> None:
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        import_string("reserve.telemetry.start")()
    # OpenSSL takes 3 MiB, which a task would load that runs once an hour: a process that is
    # as large from its start is one that does not seem to grow.
    first_key_prefix()
    threading.Thread(target=_sample, name="figures", daemon=True).start()


def _sample() -> None:
    while True:
        note_memory("worker")
        time.sleep(_SAMPLE_EVERY_SECONDS)


_ending: dict[str, Any] = {}


@signals.worker_init.connect
def _know_worker(sender: Any = None, **_: Any) -> None:
    _ending["worker"] = sender


@signals.worker_shutting_down.connect
def _end_at_once_when_asked_again(how: str = "", **_: Any) -> None:
    """Celery would wait for its tasks however often it hears SIGTERM.

    What is ended so goes back to the broker; it was not acknowledged.
    """
    if how == "Warm":
        install_worker_term_hard_handler(_ending["worker"], sig="SIGTERM", callback=_end_at_once)


def _end_at_once(worker: Any) -> None:
    # First: Celery waits for processes that are ending by themselves.
    parting.hurry()
    on_cold_shutdown(worker)


@signals.worker_shutdown.connect
def _forget_figures(**_: Any) -> None:
    end_shared_figures()


@signals.worker_init.connect
def _show_figures(**_: Any) -> None:
    if settings.WORKER_METRICS_PORT:
        serve_figures(settings.WORKER_METRICS_PORT)

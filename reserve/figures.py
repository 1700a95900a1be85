"""All figures of `/metrics`."""

from collections.abc import Iterable
from contextlib import suppress

from django.conf import settings
from django.db import Error, connection
from django_redis import get_redis_connection
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from bookings.metrics import LedgerFigures
from notifications.metrics import DeliveryFigures
from reserve.core.ratelimit.figures import RefusalFigures
from reserve.exposition import own_figures
from reserve.outbox.selectors import age_of_oldest_undelivered, count_dead, count_undelivered
from webhooks.metrics import WebhookFigures


def text() -> bytes:
    """Those of the processes here, and those that PostgreSQL and Redis know for all."""
    return own_figures() + generate_latest(_SHARED)


class _EventFigures(Collector):
    """Read from the database at each scrape."""

    def collect(self) -> Iterable[Metric]:
        try:
            undelivered = count_undelivered()
            age = age_of_oldest_undelivered().total_seconds()
            dead = count_dead()
        except Error:
            return
        yield GaugeMetricFamily(
            "reserve_events_undelivered", "Events that the relay still owes.", value=undelivered
        )
        yield GaugeMetricFamily(
            "reserve_events_oldest_undelivered_seconds",
            "Age of the oldest event that the relay still owes.",
            value=age,
        )
        yield GaugeMetricFamily(
            "reserve_events_dead",
            "Events that the relay gave up, until somebody decides.",
            value=dead,
        )

    def describe(self) -> Iterable[Metric]:
        return ()


_CONNECTIONS = """
SELECT COALESCE(state, 'unknown'), count(*), current_setting('max_connections')::int
FROM pg_stat_activity WHERE datname = current_database() GROUP BY 1
"""


class _ConnectionFigures(Collector):
    """Who is connected to our database, whichever process and program."""

    def collect(self) -> Iterable[Metric]:
        try:
            with connection.cursor() as cursor:
                cursor.execute(_CONNECTIONS)
                rows = cursor.fetchall()
        except Error:
            return
        family = GaugeMetricFamily(
            "reserve_database_connections",
            "Connections to our database, by what they do.",
            labels=["state"],
        )
        for state, number, _ in rows:
            family.add_metric([state], number)
        yield family
        yield GaugeMetricFamily(
            "reserve_database_connections_limit",
            "Connections that PostgreSQL allows altogether.",
            value=rows[0][2],
        )

    def describe(self) -> Iterable[Metric]:
        return ()


class _QueueFigures(Collector):
    """How many tasks wait in each queue of the broker."""

    def collect(self) -> Iterable[Metric]:
        names = [queue.name for queue in settings.CELERY_TASK_QUEUES]
        prefix = settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
        try:
            pipeline = get_redis_connection("default").pipeline(transaction=False)
            for name in names:
                pipeline.llen(f"{prefix}{name}")
            lengths = pipeline.execute()
        except (RedisError, OSError):
            return
        family = GaugeMetricFamily(
            "reserve_queue_tasks", "Tasks that wait for a worker.", labels=["queue"]
        )
        for name, length in zip(names, lengths, strict=True):
            family.add_metric([name], length)
        yield family

    def describe(self) -> Iterable[Metric]:
        return ()


class _Reachable(Collector):
    """Whether the servers answer: where they do not, the other figures are absent."""

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(
            "reserve_server_up", "Whether a server that we need answers, 1 or 0.", labels=["server"]
        )
        database = redis = False
        with suppress(Error), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            database = True
        with suppress(RedisError, OSError):
            redis = bool(get_redis_connection("default").ping())
        family.add_metric([connection.vendor], int(database))
        family.add_metric(["redis"], int(redis))
        yield family

    def describe(self) -> Iterable[Metric]:
        return ()


_SHARED = CollectorRegistry()
for _collector in (
    _Reachable(),
    _EventFigures(),
    _ConnectionFigures(),
    _QueueFigures(),
    DeliveryFigures(),
    WebhookFigures(),
    LedgerFigures(),
    RefusalFigures(),
):
    _SHARED.register(_collector)

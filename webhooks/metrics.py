"""Figures of webhooks for `/metrics`; reserve/health.py registers them."""

from collections.abc import Iterable

from django.db import Error
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from webhooks.selectors import oldest_due_webhook


class WebhookFigures(Collector):
    """Read from the database at each scrape: every process would tell the same."""

    def collect(self) -> Iterable[Metric]:
        try:
            due = oldest_due_webhook()
        except Error:
            return
        yield GaugeMetricFamily(
            "reserve_webhooks_oldest_due_seconds",
            "For how long the webhook that has waited longest could have been sent.",
            value=due.total_seconds(),
        )

    def describe(self) -> Iterable[Metric]:
        return ()

"""Figures of messages for `/metrics`; reserve/health.py registers them."""

from collections.abc import Iterable

from django.db import Error
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from notifications.selectors import count_dead_deliveries, oldest_due_delivery
from notifications.services import lanes


class DeliveryFigures(Collector):
    """Read from the database at each scrape: every process would tell the same."""

    def collect(self) -> Iterable[Metric]:
        try:
            due = oldest_due_delivery()
            dead = count_dead_deliveries()
            # Those of webhooks are others' to repair.
            failing = {lane for lane in lanes.failing() if not lane.startswith("webhook.")}
        except Error:
            return
        yield GaugeMetricFamily(
            "reserve_deliveries_oldest_due_seconds",
            "For how long the message that has waited longest could have been sent.",
            value=due.total_seconds(),
        )
        yield GaugeMetricFamily(
            "reserve_deliveries_dead", "Messages given up, until somebody decides.", value=dead
        )
        yield GaugeMetricFamily(
            "reserve_message_servers_closed",
            "Mail and push servers that are left alone for a while, since they failed.",
            value=len(failing),
        )

    def describe(self) -> Iterable[Metric]:
        return ()

"""Figures of bookings for `/metrics`; reserve/health.py registers them."""

from collections.abc import Iterable

from django.db import Error
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bookings.models import LedgerCheck
from reserve.core.clock import now


class LedgerFigures(Collector):
    """What the last check of the ledger found. Before the first there is nothing to tell."""

    def collect(self) -> Iterable[Metric]:
        try:
            last = LedgerCheck.objects.order_by("-started_at").first()
        except Error:
            return
        if last is None:
            return
        yield GaugeMetricFamily(
            "reserve_ledger_problems",
            "What the last check of slots, bookings and events found broken.",
            value=last.problem_count,
        )
        yield GaugeMetricFamily(
            "reserve_ledger_check_age_seconds",
            "How long ago the ledger was last checked.",
            value=(now() - last.started_at).total_seconds(),
        )

    def describe(self) -> Iterable[Metric]:
        return ()

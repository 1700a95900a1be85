"""How many calls were refused, counted in Redis: any process may be asked for `/metrics`."""

from collections.abc import Iterable
from typing import Any

from django.core.cache import caches
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

REFUSALS_KEY = "reserve.limit.refusals"
"""A hash: kind of refusal to how many."""


def client() -> Any:
    """The client of django-redis, over connections whose waits are short."""
    cache: Any = caches["limits"]
    return cache.client.get_client()


class RefusalFigures(Collector):
    def collect(self) -> Iterable[Metric]:
        try:
            counts = client().hgetall(REFUSALS_KEY)
        except (RedisError, OSError):
            return
        family = CounterMetricFamily(
            "reserve_limit_refusals",
            "Calls refused because a limit was reached, by what was limited.",
            labels=["kind"],
        )
        for kind, number in sorted(counts.items()):
            family.add_metric([kind.decode()], int(number))
        yield family

    def describe(self) -> Iterable[Metric]:
        return ()

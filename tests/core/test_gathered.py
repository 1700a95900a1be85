"""Histograms that count their observations together."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import Histogram

from reserve.core import gathered
from reserve.core.gathered import GatheredHistogram, count_gathered

BOUNDS = (0.001, 0.01, 0.1, 1.0)


def samples(histogram: Histogram) -> list[tuple[str, tuple[tuple[str, str], ...], float]]:
    (metric,) = histogram.collect()
    return [
        (one.name, tuple(one.labels.items()), round(one.value, 6))
        for one in metric.samples
        if not one.name.endswith("_created")
    ]


def made(kind: type[Histogram]) -> Histogram:
    return kind("waits", "How long it took.", ["who"], buckets=BOUNDS, registry=None)


def test_all_at_once_is_what_each_by_itself_is() -> None:
    amounts = [*BOUNDS, 0.0, 7.0, *(random.expovariate(20) for _ in range(200))]
    one_by_one, together = made(Histogram), made(GatheredHistogram)
    for amount in amounts:
        one_by_one.labels("us").observe(amount)
    child = together.labels("us")
    assert isinstance(child, GatheredHistogram)
    child.observe_all(amounts)
    assert samples(together) == samples(one_by_one)


def test_what_many_threads_observe_is_counted_once() -> None:
    histogram = made(GatheredHistogram).labels("them")
    assert isinstance(histogram, GatheredHistogram)

    def observe(_number: int) -> None:
        histogram.observe_soon(0.05)
        count_gathered()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(observe, range(2_000)))
    assert [value for name, _, value in samples(histogram) if name.endswith("_count")] == [2_000]


def test_what_nobody_counts_is_counted_when_it_is_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathered, "_MOST_WAITING", 10)
    count_gathered()
    histogram = made(GatheredHistogram).labels("nobody")
    assert isinstance(histogram, GatheredHistogram)
    for _ in range(100):
        histogram.observe_soon(0.5)
        assert len(gathered._waiting) <= 10

"""Figures that count together what they were told."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import Counter, Histogram

from reserve.core import gathered
from reserve.core.gathered import GatheredCounter, GatheredHistogram, count_gathered

BOUNDS = (0.001, 0.01, 0.1, 1.0)


def samples(histogram: Counter | Histogram) -> list[tuple[str, tuple[tuple[str, str], ...], float]]:
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
    child.add(amounts)
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


def test_increments_are_added_up() -> None:
    counter = GatheredCounter("calls", "How many called.", ["who"], registry=None)
    for amount in (1, 2, 3):
        counter.labels("us").inc_soon(amount)
    counter.labels("them").inc_soon()
    assert [value for _, _, value in samples(counter)] == [0, 0]
    count_gathered()
    assert [(labels, value) for _, labels, value in samples(counter)] == [
        ((("who", "us"),), 6),
        ((("who", "them"),), 1),
    ]


def test_what_nobody_counts_is_counted_when_it_is_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathered, "_MOST_UNCOUNTED", 10)
    histogram = made(GatheredHistogram).labels("nobody")
    assert isinstance(histogram, GatheredHistogram)
    for _ in range(100):
        histogram.observe_soon(0.5)
        assert len(histogram._uncounted) <= 10

"""How a figure changes with time, and how sure that is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, median

# Neighbouring samples resemble each other; the medians of so many spans hardly do.
_SPANS = 12
# Of Student's distribution, two-sided, by degrees of freedom; for more than 10 the last.
_T95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)


@dataclass(frozen=True)
class Trend:
    """Of samples over hours.

    Attributes:
        first: median of the first span; `last`, of the last.
        percent_per_hour: slope of the straight line through the spans' medians, by least
            squares, of the median of all.
        uncertainty: half of its 95 % confidence interval, in percent per hour.
    """

    first: float
    last: float
    median: float
    greatest: float
    percent_per_hour: float
    uncertainty: float


def trend_of(samples: Sequence[tuple[float, float]]) -> Trend:
    """
    Args:
        samples: hours since the start and the value then, in order of time.
    """
    values = [value for _, value in samples]
    size = max(1, math.ceil(len(samples) / _SPANS))
    spans = [samples[begin : begin + size] for begin in range(0, len(samples), size)]
    points = [(mean(at for at, _ in span), median(value for _, value in span)) for span in spans]
    slope, error = _line(points)
    whole = median(values)
    per_cent = 100 / whole if whole else 0.0
    return Trend(
        points[0][1], points[-1][1], whole, max(values), slope * per_cent, error * per_cent
    )


def _line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Slope by least squares, and half of its 95 % confidence interval."""
    at, level = mean(x for x, _ in points), mean(y for _, y in points)
    spread = sum((x - at) ** 2 for x, _ in points)
    degrees = len(points) - 2
    if not spread or degrees < 1:
        return 0.0, math.inf
    slope = sum((x - at) * (y - level) for x, y in points) / spread
    left = sum((y - level - slope * (x - at)) ** 2 for x, y in points)
    return slope, _T95[min(degrees, len(_T95)) - 1] * math.sqrt(left / degrees / spread)

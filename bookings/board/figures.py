"""Occupancy as bars: geometry for the board's charts, which are drawn as SVG in percent.

Percent and not units of a viewBox: the chart is as wide as its place, and its letters are
of the page's size in every place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bookings.board.reading import Load

_GAP = 0.25
_MOST_LABELS = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """A column of a chart, in percent of it; `y` and `height` are of the part in use."""

    load: Load
    x: float
    width: float
    y: int
    height: int
    is_labelled: bool

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 2)


def bars(loads: Sequence[Load]) -> list[Bar]:
    if not loads:
        return []
    step = 100 / len(loads)
    width = step * (1 - _GAP)
    every = -(-len(loads) // _MOST_LABELS)
    found = []
    for number, load in enumerate(loads):
        height = min(load.percent, 100)
        found.append(
            Bar(
                load,
                round(number * step + step * _GAP / 2, 2),
                round(width, 2),
                100 - height,
                height,
                number % every == 0,
            )
        )
    return found

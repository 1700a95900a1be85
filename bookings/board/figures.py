"""Occupancy as bars: geometry for the board's charts, which are drawn as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

from bookings.board.reading import Load

WIDTH, HEIGHT = 1000, 160
_GAP = 0.25
_MOST_LABELS = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """A column of a chart of WIDTH by HEIGHT; `y` and `height` are of the part in use."""

    load: Load
    x: float
    width: float
    y: float
    height: float
    is_labelled: bool

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 1)


def bars(loads: Sequence[Load]) -> list[Bar]:
    if not loads:
        return []
    step = WIDTH / len(loads)
    width = step * (1 - _GAP)
    every = -(-len(loads) // _MOST_LABELS)
    found = []
    for number, load in enumerate(loads):
        height = HEIGHT * min(load.percent, 100) / 100
        found.append(
            Bar(
                load,
                round(number * step + step * _GAP / 2, 1),
                round(width, 1),
                round(HEIGHT - height, 1),
                round(height, 1),
                number % every == 0,
            )
        )
    return found

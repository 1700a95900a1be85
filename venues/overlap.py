"""Whether openings meet on the clock on the wall. Pure: no database, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """An opening of up to 24 hours, on each day of a range or on one weekday of it.

    A range includes both ends; None leaves an end open. Monday is 0.
    """

    opens_at: time
    length: timedelta
    first: date | None
    last: date | None
    weekday: int | None = None

    @property
    def begin(self) -> timedelta:
        return timedelta(hours=self.opens_at.hour, minutes=self.opens_at.minute)

    def meets(self, other: "Stretch") -> bool:
        """Whether there is a day on which the two overlap, one past midnight maybe."""
        return any(self._meets_after(other, shift) for shift in (-1, 0, 1))

    def shares_day(self, other: "Stretch") -> bool:
        """Whether there is a day on which both open."""
        return self._shares_day(other, 0)

    def _meets_after(self, other: "Stretch", shift: int) -> bool:
        """Whether this on some day overlaps the other so many days later."""
        others_begin = other.begin + shift * _DAY
        return (
            self.begin < others_begin + other.length
            and others_begin < self.begin + self.length
            and self._shares_day(other, shift)
        )

    def _shares_day(self, other: "Stretch", shift: int) -> bool:
        # By the number of the day, of which there is one before the first date.
        first = max(_number(self.first, date.min), _number(other.first, date.min) - shift)
        last = min(_number(self.last, date.max), _number(other.last, date.max) - shift)
        weekdays = {self.weekday} if self.weekday is not None else set()
        if other.weekday is not None:
            weekdays.add((other.weekday - shift) % 7)
        if len(weekdays) > 1:
            return False
        for weekday in weekdays:
            # Day 1 was a Monday.
            first += (weekday - (first - 1)) % 7
        return first <= last


def overlaps(stretches: Sequence[Stretch]) -> dict[int, int]:
    """The positions of those that overlap an earlier one, each with the first of these."""
    found: dict[int, int] = {}
    for position, stretch in enumerate(stretches):
        for earlier in range(position):
            if stretch.meets(stretches[earlier]):
                found[position] = earlier
                break
    return found


def _number(day: date | None, otherwise: date) -> int:
    return (day or otherwise).toordinal()

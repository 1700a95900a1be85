"""Slots around every change of every zone's clock from 2020 to 2037.

No sample: all zones of the database, all their changes, all usual lengths, and
hours that begin before, within and after what is skipped or comes twice.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest

from tests.venues.rules import every_day
from tests.venues.transitions import Transition, transitions
from venues.schedule import PlannedSlot, day_bounds, instant

LENGTHS = [timedelta(minutes=minutes) for minutes in (15, 30, 45, 60, 90)]
HOURS = [(time(22), time(6)), (time(0), time(0)), (time(1), time(5)), (time(2, 30), time(3, 15))]
DAY = timedelta(days=1)

Generator = Callable[[date, ZoneInfo, time, time, timedelta], Sequence[PlannedSlot]]


def _planned(
    day: date, zone: ZoneInfo, opens: time, closes: time, length: timedelta
) -> Sequence[PlannedSlot]:
    return every_day(zone, opens, closes, length).slots_of(day)


def _on_the_wall(
    day: date, zone: ZoneInfo, opens: time, closes: time, length: timedelta
) -> Iterator[tuple[datetime, datetime]]:
    """Steps on the clock on the wall, as everybody does at first."""
    begin = datetime.combine(day, opens)
    end = datetime.combine(day if closes > opens else day + DAY, closes)
    while begin + length <= end:
        yield begin.replace(tzinfo=zone), (begin + length).replace(tzinfo=zone)
        begin += length


def _both_ends_on_the_wall(*opening: Any) -> Sequence[PlannedSlot]:
    return [
        PlannedSlot(*(end.astimezone(UTC) for end in ends), 1) for ends in _on_the_wall(*opening)
    ]


def _starts_on_the_wall(*opening: Any) -> Sequence[PlannedSlot]:
    starts = [start.astimezone(UTC) for start, _ in _on_the_wall(*opening)]
    return [PlannedSlot(start, start + opening[-1], 1) for start in starts]


def _wrong(
    slots: Sequence[PlannedSlot],
    opens_at: datetime,
    closes_at: datetime,
    length: timedelta,
) -> set[str]:
    """What is wrong with the slots of one opening."""
    checks = {
        "starts are distinct": len({slot.starts_at for slot in slots}) == len(slots),
        "slots do not overlap": all(a.ends_at <= b.starts_at for a, b in pairwise(slots)),
        "lengths are true": all(slot.ends_at - slot.starts_at == length for slot in slots),
        "slots are within the opening": all(
            opens_at <= slot.starts_at and slot.ends_at <= closes_at for slot in slots
        ),
        "open time is covered": len(slots) == (closes_at - opens_at) // length,
    }
    return {name for name, holds in checks.items() if not holds}


def _days_around(change: Transition) -> Iterator[date]:
    """The local day of the change and its neighbours, whose night it may be."""
    local = (change.at - timedelta(seconds=1)).astimezone(change.zone).date()
    return (local + offset * DAY for offset in (-1, 0, 1))


def _around(change: Transition, generate: Generator) -> set[str]:
    wrong: set[str] = set()
    for opens, closes in HOURS:
        for day in _days_around(change):
            closing_day = day if closes > opens else day + DAY
            opens_at = instant(day, opens, change.zone)
            closes_at = instant(closing_day, closes, change.zone)
            for length in LENGTHS:
                slots = generate(day, change.zone, opens, closes, length)
                wrong |= _wrong(slots, opens_at, closes_at, length)
    return wrong


def test_slots_are_right_around_every_change_of_every_zone() -> None:
    assert not {
        (change.zone.key, change.at): wrong
        for change in transitions()
        if (wrong := _around(change, _planned))
    }


def test_days_and_nights_follow_each_other_without_overlap() -> None:
    """Two openings that meet within the change, and a night that runs into it."""
    for change in transitions():
        plan = every_day(change.zone, time(2, 30), time(2, 30), timedelta(minutes=30))
        nights = [slot for day in _days_around(change) for slot in plan.slots_of(day)]
        assert all(a.ends_at <= b.starts_at for a, b in pairwise(nights)), change


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        (_both_ends_on_the_wall, {"starts are distinct", "lengths are true"}),
        (_starts_on_the_wall, {"starts are distinct", "slots do not overlap"}),
    ],
)
def test_slots_on_the_wall_clock_fail_these_checks(control: Generator, expected: set[str]) -> None:
    wrong = {name for change in _of("America/New_York") for name in _around(change, control)}
    assert wrong == expected | {"slots are within the opening", "open time is covered"}


def _of(name: str) -> list[Transition]:
    at = {change.at: change for change in transitions()}
    zone = ZoneInfo(name)
    return [
        Transition(zone, change.at, change.before, change.after)
        for change in at.values()
        if (change.at - timedelta(seconds=1)).astimezone(zone).utcoffset()
        != change.at.astimezone(zone).utcoffset()
    ]


def test_every_zone_and_change_is_among_them() -> None:
    """The rule of 2007 by itself: the second Sunday of March, the first of November."""
    assert len(available_timezones()) > 400
    sundays = [
        day
        for year in range(2020, 2038)
        for month, first in ((3, 8), (11, 1))
        for day in [date(year, month, first + (6 - date(year, month, first).weekday()) % 7)]
    ]
    changes = _of("America/New_York")
    assert sorted(change.at.date() for change in changes) == sundays
    # By half an hour, too.
    jumps = {change.after - change.before for change in transitions()}
    assert {timedelta(minutes=30), -timedelta(minutes=30)} <= jumps


def test_slots_are_right_on_ordinary_days_of_every_zone() -> None:
    day, length = date(2026, 1, 15), timedelta(minutes=45)
    for name in available_timezones():
        zone = ZoneInfo(name)
        slots = _planned(day, zone, time(22), time(6), length)
        bounds = instant(day, time(22), zone), instant(day + DAY, time(6), zone)
        assert not _wrong(slots, *bounds, length), name


@pytest.mark.parametrize("month", [1, 7])
def test_a_local_day_begins_where_the_one_before_ends_in_every_zone(month: int) -> None:
    for name in available_timezones():
        zone = ZoneInfo(name)
        first, second = (day_bounds(date(2026, month, day), zone) for day in (1, 2))
        assert first[1] == second[0]


def test_the_clock_of_instants_never_runs_backwards() -> None:
    """So openings that adjoin on the wall adjoin in truth, on every day."""
    quarters = [time(number // 4, number % 4 * 15) for number in range(96)]
    for change in transitions():
        day = change.at.astimezone(change.zone).date()
        moments = [instant(day, quarter, change.zone) for quarter in quarters]
        assert moments == sorted(moments), change

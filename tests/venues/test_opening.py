"""Slots on the days when the clocks change: distinct starts, true lengths, no overlap."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from venues.opening import day_bounds, instant, slots_of_day

NEW_YORK, COPENHAGEN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Copenhagen")


@dataclass(frozen=True)
class Rule:
    opens_at: time
    closes_at: time
    slot_duration: timedelta = timedelta(minutes=30)
    weekday: int = 0


def _starts(day: date, zone: ZoneInfo, opens: time, closes: time) -> list[datetime]:
    rule = Rule(opens, closes, weekday=day.weekday())
    return [slot.starts_at for slot in slots_of_day(day, zone, [rule])]


def test_an_ordinary_day_has_the_slots_that_its_hours_say() -> None:
    starts = _starts(date(2026, 6, 15), COPENHAGEN, time(9), time(11))
    assert [start.astimezone(COPENHAGEN).strftime("%H:%M") for start in starts] == [
        "09:00",
        "09:30",
        "10:00",
        "10:30",
    ]


def test_in_spring_the_skipped_hour_has_no_slots() -> None:
    starts = _starts(date(2026, 3, 8), NEW_YORK, time(1), time(5))
    assert len(starts) == len(set(starts)) == 6
    assert [start.astimezone(NEW_YORK).strftime("%H:%M") for start in starts] == [
        "01:00",
        "01:30",
        "03:00",
        "03:30",
        "04:00",
        "04:30",
    ]


def test_in_autumn_the_hour_that_comes_twice_has_its_slots_twice() -> None:
    starts = _starts(date(2026, 11, 1), NEW_YORK, time(0), time(3))
    assert len(starts) == len(set(starts)) == 8
    assert starts == [starts[0] + index * timedelta(minutes=30) for index in range(8)]


def test_hours_may_end_on_the_next_day() -> None:
    starts = _starts(date(2026, 6, 15), COPENHAGEN, time(22), time(2))
    assert len(starts) == 8
    assert starts[-1].astimezone(COPENHAGEN) == datetime(2026, 6, 16, 1, 30, tzinfo=COPENHAGEN)


def test_a_slot_that_does_not_fit_any_more_is_left_out() -> None:
    assert len(_starts(date(2026, 6, 15), COPENHAGEN, time(9), time(10, 45))) == 3


def test_a_time_that_the_clock_skips_is_the_moment_of_the_change() -> None:
    moment = instant(date(2026, 3, 8), time(2, 30), NEW_YORK)
    assert moment == datetime(2026, 3, 8, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)]
)
def test_a_day_is_as_long_as_it_really_is(day: date, hours: int) -> None:
    begins_at, ends_at = day_bounds(day, COPENHAGEN)
    assert ends_at - begins_at == timedelta(hours=hours)


_ZONES = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)
_DAYS = st.dates(date(2020, 1, 1), date(2037, 12, 31))
_TIMES = st.integers(0, 95).map(lambda quarter: time(quarter // 4, quarter % 4 * 15))
_LENGTHS = st.sampled_from([15, 30, 45, 60, 90]).map(lambda minutes: timedelta(minutes=minutes))


@settings(max_examples=500, deadline=None)
@given(day=_DAYS, zone=_ZONES, opens=_TIMES, closes=_TIMES, length=_LENGTHS)
def test_slots_are_distinct_true_and_side_by_side_in_every_zone(
    day: date, zone: ZoneInfo, opens: time, closes: time, length: timedelta
) -> None:
    rule = Rule(opens, closes, length, day.weekday())
    slots = list(slots_of_day(day, zone, [rule]))

    assert all(slot.ends_at - slot.starts_at == length for slot in slots)
    assert all(slot.ends_at == following.starts_at for slot, following in pairwise(slots))
    closing_day = day if closes > opens else day + timedelta(days=1)
    opens_at, closes_at = instant(day, opens, zone), instant(closing_day, closes, zone)
    assert len(slots) == max(timedelta(), closes_at - opens_at) // length
    assert all(opens_at <= slot.starts_at and slot.ends_at <= closes_at for slot in slots)

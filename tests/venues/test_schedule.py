"""From rules to slots: which rule holds on a day, buffers, nights, and days that jump."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.venues.rules import clock, every_day, schedule, special, weekly
from venues.overlap import Stretch
from venues.schedule import ClosedDays, PlannedSlot, Schedule, day_bounds, instant

NEW_YORK, COPENHAGEN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Copenhagen")
MONDAY = date(2026, 6, 15)
HOUR = timedelta(hours=1)


def minutes(number: int) -> timedelta:
    return timedelta(minutes=number)


def test_an_ordinary_day_has_the_slots_that_its_hours_say() -> None:
    slots = every_day(COPENHAGEN, time(9), time(11)).slots_of(MONDAY)
    assert clock(slots, COPENHAGEN) == ["09:00", "09:30", "10:00", "10:30"]


def test_in_spring_the_skipped_hour_has_no_slots() -> None:
    slots = every_day(NEW_YORK, time(1), time(5)).slots_of(date(2026, 3, 8))
    assert clock(slots, NEW_YORK) == ["01:00", "01:30", "03:00", "03:30", "04:00", "04:30"]


def test_in_autumn_the_hour_that_comes_twice_has_its_slots_twice() -> None:
    slots = every_day(NEW_YORK, time(0), time(3)).slots_of(date(2026, 11, 1))
    first = slots[0].starts_at
    assert [slot.starts_at for slot in slots] == [first + minutes(30) * n for n in range(8)]


def test_hours_may_end_on_the_next_day_and_belong_to_the_first() -> None:
    slots = every_day(COPENHAGEN, time(22), time(2)).slots_of(MONDAY)
    assert len(slots) == 8
    assert slots[-1].starts_at == datetime(2026, 6, 16, 1, 30, tzinfo=COPENHAGEN)


def test_a_slot_that_does_not_fit_any_more_is_left_out() -> None:
    assert len(every_day(COPENHAGEN, time(9), time(10, 45)).slots_of(MONDAY)) == 3


def test_buffers_are_kept_free_before_and_after_each_slot() -> None:
    fields = {"buffer_before": minutes(10), "buffer_after": minutes(5)}
    plan = every_day(COPENHAGEN, time(9), time(11), minutes(45), **fields)
    assert clock(plan.slots_of(MONDAY), COPENHAGEN) == ["09:10", "10:10"]
    # A minute less, and the buffer after the second is not within the opening.
    plan = every_day(COPENHAGEN, time(9), time(10, 59), minutes(45), **fields)
    assert clock(plan.slots_of(MONDAY), COPENHAGEN) == ["09:10"]


def test_starts_are_an_interval_apart() -> None:
    plan = every_day(COPENHAGEN, time(9), time(12), minutes(30), interval=minutes(50))
    assert clock(plan.slots_of(MONDAY), COPENHAGEN) == ["09:00", "09:50", "10:40", "11:30"]


@pytest.mark.parametrize(
    "fields",
    [
        {"length": timedelta()},
        {"length": -HOUR, "interval": HOUR},
        {"interval": minutes(29)},
        {"buffer_after": minutes(1), "interval": minutes(30)},
        {"buffer_before": minutes(-10), "interval": HOUR},
    ],
)
def test_a_pattern_that_would_pile_slots_up_cannot_be_had(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        weekly(0, time(9), time(17), **fields)


# --- Which rule holds -----------------------------------------------------------


DAY = MONDAY
_OF_VENUE = {"is_own": False, "length": HOUR}
_HOURS = {
    "resource": weekly(0, time(8), time(9)),
    "venue": weekly(0, time(10), time(11), **_OF_VENUE),
}
_SPECIAL = {
    "resource": special(DAY, DAY, time(12), time(13)),
    "venue": special(DAY, DAY, time(14), time(15), **_OF_VENUE),
}
_CLOSURE = ClosedDays(DAY, DAY)


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("specials", [(), ("resource",), ("venue",), ("venue", "resource")])
@pytest.mark.parametrize("hours", [(), ("resource",), ("venue",), ("venue", "resource")])
def test_the_nearest_rule_holds(
    hours: tuple[str, ...], specials: tuple[str, ...], closed: bool
) -> None:
    plan = schedule(
        COPENHAGEN,
        *(_HOURS[owner] for owner in hours),
        special_hours=tuple(_SPECIAL[owner] for owner in specials),
        closures=(_CLOSURE,) if closed else (),
    )
    ranks = (
        *((owner in specials, at) for owner, at in (("resource", "12:00"), ("venue", "14:00"))),
        *((owner in hours, at) for owner, at in (("resource", "08:00"), ("venue", "10:00"))),
    )
    expected = next((at for holds, at in ranks if holds), None)
    starts = clock(plan.slots_of(DAY), COPENHAGEN)
    assert starts[:1] == ([] if closed or expected is None else [expected])
    # All slots are of that one rule.
    assert len(starts) <= 2


def test_a_resource_with_a_week_of_its_own_has_nothing_of_its_venues() -> None:
    tuesdays = weekly(1, time(10), time(11), is_own=False)
    plan = schedule(COPENHAGEN, weekly(0, time(8), time(9)), tuesdays)
    assert plan.slots_of(DAY + timedelta(days=1)) == []


def test_hours_hold_from_a_date_until_a_date_and_the_venues_before_and_after() -> None:
    week = timedelta(days=7)
    own = weekly(0, time(8), time(9), valid_from=DAY, valid_until=DAY + week)
    plan = schedule(COPENHAGEN, own, weekly(0, time(10), time(11), is_own=False))
    firsts = [clock(plan.slots_of(DAY + n * week), COPENHAGEN)[0] for n in range(-1, 3)]
    assert firsts == ["10:00", "08:00", "08:00", "10:00"]


def test_special_hours_and_closures_include_both_ends() -> None:
    last = DAY + timedelta(days=2)
    days = [DAY + timedelta(days=n) for n in range(-1, 4)]
    plan = schedule(COPENHAGEN, special_hours=(special(DAY, last, time(9), time(10)),))
    assert [len(plan.slots_of(day)) for day in days] == [0, 2, 2, 2, 0]
    week = tuple(weekly(day, time(9), time(10)) for day in range(7))
    plan = schedule(COPENHAGEN, *week, closures=(ClosedDays(DAY, last),))
    assert [len(plan.slots_of(day)) for day in days] == [2, 0, 0, 0, 2]


def test_several_special_hours_of_a_day_all_hold_with_their_capacities() -> None:
    plan = schedule(
        COPENHAGEN,
        special_hours=(
            special(DAY, DAY, time(18), time(19), HOUR, capacity=3),
            special(DAY, DAY, time(9), time(10), HOUR),
        ),
    )
    slots = plan.slots_of(DAY)
    assert clock(slots, COPENHAGEN) == ["09:00", "18:00"]
    assert [slot.capacity for slot in slots] == [10, 3]


# --- Nights ----------------------------------------------------------------------


def test_an_opening_waits_until_the_night_before_is_over() -> None:
    night = weekly(0, time(22), time(6), HOUR)
    tuesday = DAY + timedelta(days=1)
    early = special(tuesday, tuesday, time(4), time(9), HOUR)
    plan = schedule(COPENHAGEN, night, special_hours=(early,))
    assert clock(plan.slots_of(DAY), COPENHAGEN)[-1] == "05:00"
    assert clock(plan.slots_of(tuesday), COPENHAGEN) == ["06:00", "07:00", "08:00"]


def test_a_night_that_is_closed_keeps_nobody_waiting() -> None:
    tuesday = DAY + timedelta(days=1)
    plan = schedule(
        COPENHAGEN,
        weekly(0, time(22), time(6), HOUR),
        special_hours=(special(tuesday, tuesday, time(4), time(6), HOUR),),
        closures=(ClosedDays(DAY, DAY),),
    )
    assert clock(plan.slots_of(tuesday), COPENHAGEN) == ["04:00", "05:00"]


def test_a_closure_of_the_next_day_leaves_the_night_that_has_begun() -> None:
    night = weekly(0, time(22), time(6), HOUR)
    tomorrow = DAY + timedelta(days=1)
    plan = schedule(COPENHAGEN, night, closures=(ClosedDays(tomorrow, tomorrow),))
    assert len(plan.slots_of(DAY)) == 8


_TIMES = st.integers(0, 95).map(lambda quarter: time(quarter // 4, quarter % 4 * 15))
_BUFFERS = st.sampled_from([0, 5, 15]).map(minutes)
_LENGTHS = st.sampled_from([15, 30, 45, 60, 90]).map(minutes)
_ZONES = st.sampled_from(
    ["Europe/Copenhagen", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]
).map(ZoneInfo)
_DATES = st.dates(date(2026, 3, 1), date(2026, 11, 15))


@st.composite
def patterns(draw: Any) -> dict[str, Any]:
    before, after, length = draw(_BUFFERS), draw(_BUFFERS), draw(_LENGTHS)
    return {
        "is_own": draw(st.booleans()),
        "opens": draw(_TIMES),
        "closes": draw(_TIMES),
        "length": length,
        "buffer_before": before,
        "buffer_after": after,
        "interval": before + length + after + minutes(draw(st.sampled_from([0, 0, 10]))),
        "capacity": draw(st.integers(1, 5)),
    }


@st.composite
def schedules(draw: Any, day: date) -> Schedule:
    """Rules as no validation would pass: they overlap at will."""
    near = st.integers(-2, 2).map(lambda days: day + timedelta(days=days))
    ranges = st.tuples(near, near).map(sorted)
    hours = [
        weekly(draw(st.integers(0, 6)), **draw(patterns()), valid_from=draw(st.none() | near))
        for _ in range(draw(st.integers(0, 8)))
    ]
    specials = [special(*draw(ranges), **draw(patterns())) for _ in range(draw(st.integers(0, 3)))]
    closures = [ClosedDays(*draw(ranges)) for _ in range(draw(st.integers(0, 1)))]
    return schedule(draw(_ZONES), *hours, special_hours=tuple(specials), closures=tuple(closures))


@settings(max_examples=300, deadline=None)
@given(data=st.data(), day=_DATES)
def test_whatever_the_rules_no_slots_of_a_resource_overlap(data: Any, day: date) -> None:
    plan = data.draw(schedules(day))
    slots: list[PlannedSlot] = []
    for offset in range(-2, 4):
        of_day = plan.slots_of(day + timedelta(days=offset))
        assert of_day == sorted(of_day, key=lambda slot: slot.starts_at)
        slots.extend(of_day)
    slots.sort(key=lambda slot: slot.starts_at)
    assert all(slot.ends_at <= following.starts_at for slot, following in pairwise(slots))
    assert all(slot.starts_at < slot.ends_at for slot in slots)


# --- Overlap ----------------------------------------------------------------------


@st.composite
def stretches(draw: Any) -> Stretch:
    first = draw(st.none() | st.dates(date(2026, 6, 1), date(2026, 6, 30)))
    last = draw(st.none() | st.dates(first or date(2026, 6, 1), date(2026, 6, 30)))
    length = minutes(15 * draw(st.integers(1, 96)))
    return Stretch(draw(_TIMES), length, first, last, draw(st.none() | st.integers(0, 6)))


def _occurrences(stretch: Stretch) -> list[tuple[datetime, datetime]]:
    """One by one, over more days than the dates above reach."""
    days = [date(2026, 5, 15) + timedelta(days=n) for n in range(70)]
    return [
        (begin, begin + stretch.length)
        for day in days
        if (stretch.first is None or stretch.first <= day)
        and (stretch.last is None or day <= stretch.last)
        and (stretch.weekday is None or stretch.weekday == day.weekday())
        for begin in [datetime.combine(day, stretch.opens_at)]
    ]


@settings(max_examples=300, deadline=None)
@given(one=stretches(), other=stretches())
def test_overlap_is_what_comparing_all_days_finds(one: Stretch, other: Stretch) -> None:
    expected = any(
        begin < others_end and others_begin < end
        for begin, end in _occurrences(one)
        for others_begin, others_end in _occurrences(other)
    )
    assert one.meets(other) is other.meets(one) is expected


def test_overlap_is_told_at_the_ends_of_the_calendar() -> None:
    night = Stretch(time(22), HOUR * 8, date.min, date.max)
    morning = Stretch(time(5), HOUR, date.max, None)
    assert morning.meets(night)
    assert not Stretch(time(5), HOUR, None, date.min).meets(night)


# --- Instants ----------------------------------------------------------------------


def test_a_time_that_the_clock_skips_is_the_moment_of_the_change() -> None:
    moment = instant(date(2026, 3, 8), time(2, 30), NEW_YORK)
    assert moment == datetime(2026, 3, 8, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)]
)
def test_a_day_is_as_long_as_it_really_is(day: date, hours: int) -> None:
    begins_at, ends_at = day_bounds(day, COPENHAGEN)
    assert ends_at - begins_at == HOUR * hours

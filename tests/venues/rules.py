"""Schedules for tests that need no database."""

from datetime import date, time, timedelta
from functools import cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from venues.schedule import PlannedSlot, Schedule, SpecialDays, WeeklyHours

HALF_HOUR = timedelta(minutes=30)
_ID = UUID(int=1)


def _pattern(opens: time, closes: time, length: timedelta, fields: dict[str, Any]) -> Any:
    before, after = (fields.get(f"buffer_{side}", timedelta()) for side in ("before", "after"))
    defaults = {
        "is_own": True,
        "opens_at": opens,
        "closes_at": closes,
        "length": length,
        "interval": before + length + after,
        "capacity": 10,
    }
    return defaults | fields


def weekly(
    weekday: int, opens: time, closes: time, length: timedelta = HALF_HOUR, **fields: Any
) -> WeeklyHours:
    return WeeklyHours(weekday=weekday, **_pattern(opens, closes, length, fields))


def special(
    first: date, last: date, opens: time, closes: time, length: timedelta = HALF_HOUR, **fields: Any
) -> SpecialDays:
    return SpecialDays(first_date=first, last_date=last, **_pattern(opens, closes, length, fields))


def schedule(zone: ZoneInfo, *hours: WeeklyHours, **fields: Any) -> Schedule:
    return Schedule(_ID, _ID, _ID, zone, 10, hours=hours, **fields)


def every_day(
    zone: ZoneInfo, opens: time, closes: time, length: timedelta = HALF_HOUR, **fields: Any
) -> Schedule:
    return schedule(zone, *_week(opens, closes, length, **fields))


@cache
def _week(opens: time, closes: time, length: timedelta, **fields: Any) -> tuple[WeeklyHours, ...]:
    return tuple(weekly(day, opens, closes, length, **fields) for day in range(7))


def clock(slots: list[PlannedSlot], zone: ZoneInfo) -> list[str]:
    """The starts as the clock on the wall shows them."""
    return [slot.starts_at.astimezone(zone).strftime("%H:%M") for slot in slots]

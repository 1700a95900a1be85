"""Quiet hours: until when a device is to stay silent."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


def quiet_until(now: datetime, *, begin: time, end: time, zone: ZoneInfo) -> datetime | None:
    """When quiet hours that are on now are over, in UTC; None where they are not on.

    By the zone's wall clock: a night in which the clock changes is an hour shorter or
    longer. An end that is not after the beginning is on the next day.
    """
    local = now.astimezone(zone)
    wall = local.time()
    if begin < end:
        if not begin <= wall < end:
            return None
        day = local.date()
    elif wall >= begin:
        day = local.date() + timedelta(days=1)
    elif wall < end:
        day = local.date()
    else:
        return None
    return datetime.combine(day, end, tzinfo=zone).astimezone(UTC)

"""Days and times as a reader writes them; the active language decides."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils import formats

from venues.models import Venue

# What accounts have that never said where they are.
_UNKNOWN_ZONE = "UTC"


def day(moment: datetime) -> str:
    """The weekday and the date, of a moment in the offset that is meant."""
    weekday, date = formats.date_format(moment, "l"), formats.date_format(moment, "DATE_FORMAT")
    return f"{weekday}, {date}"


def clock(moment: datetime) -> str:
    return formats.time_format(moment, "TIME_FORMAT")


def stretch(begin: datetime, end: datetime, zone: ZoneInfo) -> str:
    """From when to when, by a zone's clock."""
    return f"{clock(begin.astimezone(zone))} – {clock(end.astimezone(zone))}"


def own_time(begin: datetime, venue: Venue, timezone: str) -> str:
    """When it begins for a reader elsewhere; empty where the clocks agree, or nobody knows."""
    if timezone in {"", _UNKNOWN_ZONE}:
        return ""
    there, here = begin.astimezone(venue.zone), begin.astimezone(ZoneInfo(timezone))
    if there.utcoffset() == here.utcoffset():
        return ""
    return f"{day(here)}, {clock(here)} ({timezone})"

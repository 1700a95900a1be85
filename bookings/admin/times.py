"""Moments by the venue's clock, as pages show them."""

from datetime import datetime

from venues.models import Venue

NEVER = "–"


def brief_time(venue: Venue, moment: datetime | None) -> str:
    """Date and time, for the columns of a list."""
    return f"{venue.local(moment):%Y-%m-%d %H:%M}" if moment else NEVER


def local_time(venue: Venue, moment: datetime | None) -> str:
    """The same with the name of the zone."""
    return f"{venue.local(moment):%Y-%m-%d %H:%M %Z}" if moment else NEVER

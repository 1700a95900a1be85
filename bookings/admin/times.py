from datetime import datetime

from venues.models import Venue


def local_time(venue: Venue, moment: datetime | None) -> str | None:
    """A moment by the venue's clock."""
    return f"{venue.local(moment):%Y-%m-%d %H:%M %Z}" if moment else None

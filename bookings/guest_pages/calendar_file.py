"""The calendar file of a booking (RFC 5545), to be added by whoever downloads it."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from django.conf import settings
from icalendar import Calendar, Event

from bookings.models import Booking
from bookings.states import SEATED


def calendar_file(booking: Booking, now: datetime) -> bytes:
    """The file; its UID and SEQUENCE are the booking's, so that a later one moves the entry."""
    venue = booking.venue
    entry = Event()
    entry.add("uid", f"{booking.public_id}@{urlsplit(settings.PUBLIC_URL).hostname}")
    entry.add("sequence", booking.version)
    entry.add("dtstamp", now.astimezone(UTC))
    # In UTC: every calendar shows its owner's own clock, and no zone data is needed.
    entry.add("dtstart", booking.starts_at.astimezone(UTC))
    entry.add("dtend", booking.ends_at.astimezone(UTC))
    entry.add("summary", venue.name)
    if venue.address:
        entry.add("location", venue.address)
    if venue.latitude is not None and venue.longitude is not None:
        entry.add("geo", (venue.latitude, venue.longitude))
    entry.add("description", booking.confirmation_code)
    entry.add("status", "CONFIRMED" if booking.status_at(now) in SEATED else "CANCELLED")
    calendar = Calendar()
    calendar.add("prodid", "-//ReserveAPI//Bookings//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(entry)
    return bytes(calendar.to_ical())

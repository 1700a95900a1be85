"""The calendar file of a booking (RFC 5545), sent so that it moves one entry (RFC 5546).

One UID for the life of a booking, a SEQUENCE that grows with each of its events, and
METHOD says whether the entry is to be written or taken away.
"""

from datetime import UTC

from icalendar import Calendar, Event, vCalAddress, vText

from bookings.models import Booking
from notifications.content.facts import Facts
from notifications.content.reader import Reader
from notifications.kinds import CANCELLATIONS, Kind

_WITH_CALENDAR = frozenset({Kind.CONFIRMED, Kind.RESCHEDULED, *CANCELLATIONS})


def has_calendar(kind: Kind, facts: Facts) -> bool:
    return kind in _WITH_CALENDAR and facts.is_in_calendars


def method_of(kind: Kind) -> str:
    return "CANCEL" if kind in CANCELLATIONS else "REQUEST"


def calendar_of(
    *, kind: Kind, booking: Booking, facts: Facts, reader: Reader, organizer: str, domain: str
) -> bytes:
    """The file.

    Args:
        organizer: the address that the mail comes from: updates count from it only.
        domain: makes the UID the installation's own.
    """
    venue = booking.venue
    entry = Event()
    entry.add("uid", f"{booking.public_id}@{domain}")
    entry.add("sequence", facts.sequence)
    entry.add("dtstamp", facts.recorded_at.astimezone(UTC))
    # In UTC: every calendar shows its owner's own clock, and no zone data is needed.
    entry.add("dtstart", facts.starts_at.astimezone(UTC))
    entry.add("dtend", facts.ends_at.astimezone(UTC))
    entry.add("summary", venue.name)
    if venue.address:
        entry.add("location", venue.address)
    if venue.latitude is not None and venue.longitude is not None:
        entry.add("geo", (venue.latitude, venue.longitude))
    entry.add("description", booking.confirmation_code)
    entry.add("status", "CANCELLED" if kind in CANCELLATIONS else "CONFIRMED")
    entry.add("transp", "OPAQUE")
    entry["organizer"] = _person(organizer, venue.name)
    attendee = _person(reader.email, reader.name)
    attendee.params["partstat"] = vText("ACCEPTED")
    attendee.params["rsvp"] = vText("FALSE")
    entry.add("attendee", attendee, encode=False)

    calendar = Calendar()
    calendar.add("prodid", "-//ReserveAPI//Bookings//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method_of(kind))
    calendar.add_component(entry)
    return bytes(calendar.to_ical())


def _person(address: str, name: str) -> vCalAddress:
    person = vCalAddress(f"mailto:{address}")
    # Quotation marks have no escape in a parameter (RFC 5545, 3.2).
    person.params["cn"] = vText(name.replace('"', "'"))
    return person

"""What each field of a venue and of its rules means, for readers of both APIs."""

from collections.abc import Mapping

from venues.services.checks import MAX_OPENINGS, MAX_SPECIAL_HOURS
from venues.services.venues import FIRST_CAPACITY
from venues.validators import (
    DAY_MINUTES,
    DAY_SECONDS,
    MAX_CAPACITY,
    MAX_DAYS,
    MAX_DESCRIPTION,
    MAX_PICTURES,
    MAX_REMINDER,
    MAX_REMINDERS,
    MAX_URL_LENGTH,
    MIN_REMINDER,
)

_INSTALLATIONS = "null for the installation's."
_MAX_MINUTES = MAX_DAYS * DAY_MINUTES

VENUE = {
    "name": "At most 200 characters.",
    "slug": "Letters, digits, hyphens and underscores, unique in the organization;"
    " at most 64 characters.",
    "description": f"For guests to read; lines may end. At most {MAX_DESCRIPTION} characters.",
    "picture_urls": f"At most {MAX_PICTURES} addresses with https://, the first one the cover;"
    f" each of at most {MAX_URL_LENGTH} characters.",
    "street": "Street and number; at most 200 characters.",
    "postal_code": "As the country writes it; at most 20 characters.",
    "city": "Town or city; at most 100 characters.",
    "region": "State or province; at most 100 characters.",
    "country": "ISO 3166-1 alpha-2, of 2 characters.",
    "latitude": "WGS 84, degrees north; only together with the longitude; null for none.",
    "longitude": "WGS 84, degrees east; only together with the latitude; null for none.",
    "timezone": "IANA name, such as Europe/Copenhagen; at most 64 characters. Another one moves"
    " slots.",
    "contact_email": "For guests; at most 254 characters.",
    "contact_phone": "For guests; at most 32 characters.",
    "website": f"With https:// or http://, at most {MAX_URL_LENGTH} characters.",
    "is_public": "Seen and booked by everybody; otherwise by the organization's staff alone.",
    "confirmation_mode": "Whether the queue confirms bookings, or staff.",
    "booking_horizon_days": "How far ahead can be booked, in days of the venue,"
    f" 0 to {MAX_DAYS}; {_INSTALLATIONS} Another one moves slots.",
    "minimum_notice_minutes": "How long before its start a slot can still be booked, in minutes,"
    f" 0 to {_MAX_MINUTES}.",
    "hold_seconds": f"How long a hold lasts, in seconds, 1 to {DAY_SECONDS}; {_INSTALLATIONS}",
    "minimum_party_size": f"The smallest party, in people, 1 to {MAX_CAPACITY}.",
    "maximum_party_size": f"The largest party, in people, 1 to {MAX_CAPACITY};"
    " null for no limit but the seats.",
    "cancellation_cutoff_minutes": "How long before the start a customer can still cancel,"
    f" in minutes, 0 to {_MAX_MINUTES}.",
    "open_bookings_per_customer": "Holds and coming bookings that one customer may have,"
    f" 1 to {MAX_CAPACITY}; null for no limit.",
    "accepts_guests": "Whether people without an account may book.",
    "accepts_unverified": "Whether accounts may book whose e-mail address is not verified.",
    "reminder_minutes": "How long before the start guests are reminded, in minutes,"
    f" {MIN_REMINDER} to {MAX_REMINDER}; at most {MAX_REMINDERS} times, none for never.",
}

RESOURCE = {
    "name": "At most 200 characters.",
    "booking_mode": "Whether a booking takes the seats of its party, or the whole slot.",
    "capacity": f"Seats of a slot, 1 to {MAX_CAPACITY}, where its hours name none."
    " Another one changes slots.",
    "position": "Order on a board, the lowest first.",
}

_SLOTS = {
    "opens_at": "Whole minute of the venue's clock.",
    "closes_at": "Whole minute of the venue's clock; not after opening means on the next day,"
    " and 00:00 to 00:00 is the whole day.",
    "slot_minutes": f"Length of a slot, in minutes, 1 to {DAY_MINUTES}; {_INSTALLATIONS}",
    "interval_minutes": "From start to start, in minutes, at least a slot with its buffers;"
    " null for just that.",
    "buffer_before_minutes": "Kept free before each slot, in minutes.",
    "buffer_after_minutes": "Kept free after each slot, in minutes.",
    "capacity": f"Seats of each slot, 1 to {MAX_CAPACITY}; null for the resource's.",
}
_REASON = "Shown to whoever sees the venue; at most 200 characters."

OPENING_HOURS = {"weekday": "Monday is 0, Sunday is 6."} | _SLOTS
OPENING_HOURS |= {
    "valid_from": "The first day, by the venue's calendar; null leaves it open.",
    "valid_until": "The last day, by the venue's calendar; null leaves it open.",
}
SPECIAL_HOURS = {
    "first_date": "The first day, by the venue's calendar.",
    "last_date": "The last day, by the venue's calendar, included; within five years.",
    "reason": _REASON,
} | _SLOTS
CLOSURE = {
    "first_date": "The first day, by the venue's calendar.",
    "last_date": "The last day, by the venue's calendar, included; within five years.",
    "reason": _REASON,
}

RESOURCE_ID = "The resource that it is for; null for the venue and all its resources."
OPENINGS = f"The whole week; at most {MAX_OPENINGS}. They replace what is there."
ALL_SPECIAL_HOURS = f"All of them; at most {MAX_SPECIAL_HOURS}. They replace what is there."
ORGANIZATION_ID = "Whose venue it is: where it is left out, the one that the caller manages."
FIRST_RESOURCE = (
    "What can be booked there at first; without it, one that is named like the venue"
    f" and has {FIRST_CAPACITY} seats."
)


def help_texts(texts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The same as a serializer takes it."""
    return {name: {"help_text": text} for name, text in texts.items()}

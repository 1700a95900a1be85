"""What makes no sense: the operation, its values, the field at fault and what is said of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from reserve.core import sentences
from reserve.core.text import UNWRITABLE
from tests.staff import Place, closure, opening, special

Fields = dict[str, Any]

_AT_LEAST_1 = "This must be at least 1."
_AT_MOST = "This must be at most 1000000000."
_TOO_LONG = "A slot with its buffers is longer than the opening."
_AT_MOST_DAYS = "This must be at most 730."
_ORDER = "This must not be before the first date."
_FIVE_YEARS = "This must be within five years of the first date."
_SAME = "This must differ from opening, but for 00:00 to 00:00, the whole day."
# Which GraphQL's integers cannot say.
BEYOND = "This must be from -2147483648 to 2147483647."
BEYOND_32_BITS = 2**31


def _first(**fields: Any) -> Any:
    return {"resource": {"name": "Hall", "capacity": 4} | fields}


def _rules(**fields: Any) -> Any:
    return {"openings": [opening(weekday=3), opening(**fields)]}


_A_DAY = "There must be at most 288 slots a day."

BAD: list[tuple[str, Fields, str, str]] = [
    ("create_venue", {"timezone": "Factory"}, "timezone", "Factory is not an IANA time zone."),
    ("create_venue", {"name": "Kro\u202eorK"}, "name", UNWRITABLE),
    ("create_venue", {"booking_horizon_days": 731}, "booking_horizon_days", _AT_MOST_DAYS),
    ("create_venue", {"minimum_party_size": 0}, "minimum_party_size", _AT_LEAST_1),
    (
        "create_venue",
        {"hold_seconds": BEYOND_32_BITS},
        "hold_seconds",
        "This must be at most 86400.",
    ),
    ("create_venue", _first(capacity=0), "resource.capacity", _AT_LEAST_1),
    ("create_venue", _first(capacity=BEYOND_32_BITS), "resource.capacity", _AT_MOST),
    ("create_venue", _first(name="\u2066Hall"), "resource.name", UNWRITABLE),
    (
        "update_venue",
        {"timezone": "localtime"},
        "timezone",
        "localtime is not an IANA time zone.",
    ),
    ("update_venue", {"name": "Kro \u2069"}, "name", UNWRITABLE),
    ("update_resource", {"capacity": 0}, "capacity", _AT_LEAST_1),
    ("update_resource", {"capacity": -1}, "capacity", _AT_LEAST_1),
    ("update_resource", {"capacity": BEYOND_32_BITS}, "capacity", _AT_MOST),
    ("update_resource", {"name": "Bar\u202d"}, "name", UNWRITABLE),
    ("update_resource", {"name": "Bar\x1b"}, "name", UNWRITABLE),
    ("update_resource", {"position": -1}, "position", "This must be at least 0."),
    ("add_special_hours", special(last_date="2031-04-30"), "last_date", _ORDER),
    ("add_special_hours", special(last_date="2131-05-01"), "last_date", _FIVE_YEARS),
    ("add_special_hours", special(closes_at="10:00"), "closes_at", _SAME),
    ("add_special_hours", special(slot_minutes=0), "slot_minutes", _AT_LEAST_1),
    ("add_special_hours", special(slot_minutes=-30), "slot_minutes", _AT_LEAST_1),
    ("add_special_hours", special(slot_minutes=481), "slot_minutes", _TOO_LONG),
    ("add_special_hours", special(slot_minutes=1), "slot_minutes", _A_DAY),
    ("add_special_hours", special(capacity=0), "capacity", _AT_LEAST_1),
    ("add_special_hours", special(capacity=BEYOND_32_BITS), "capacity", _AT_MOST),
    ("update_closure", {"last_date": "2031-12-31"}, "last_date", _ORDER),
    ("update_closure", {"last_date": "2132-01-01"}, "last_date", _FIVE_YEARS),
    (
        "update_closure",
        {"reason": "Snow\x07"},
        "reason",
        UNWRITABLE,
    ),
    ("update_slot", {"capacity": 0}, "capacity", "This must be from 1 to 1000000000."),
    ("update_slot", {"capacity": -1}, "capacity", "This must be from 1 to 1000000000."),
    ("update_slot", {"capacity": BEYOND_32_BITS}, "capacity", "This must be from 1 to 1000000000."),
    (
        "update_slot",
        {"is_closed": True, "reason": "Pipe\x07"},
        "reason",
        UNWRITABLE,
    ),
    ("set_opening_hours", _rules(slot_minutes=1), "openings.1.slot_minutes", _A_DAY),
    (
        "set_opening_hours",
        {
            "openings": [
                opening(closes_at="11:00", slot_minutes=1),
                opening(opens_at="12:00", closes_at="15:00", slot_minutes=1),
            ]
        },
        "openings.1.opens_at",
        "With the others there are more than 288 slots on a day.",
    ),
    (
        "update_venue",
        {"timezone": "Mars/Olympus"},
        "timezone",
        "Mars/Olympus is not an IANA time zone.",
    ),
    ("update_venue", {"name": "Two\x07rooms"}, "name", UNWRITABLE),
    (
        "update_venue",
        {"latitude": 91, "longitude": 1},
        "latitude",
        "This must be from -90 to 90 degrees.",
    ),
    ("update_venue", {"latitude": 9}, "longitude", "Latitude and longitude go together."),
    ("update_venue", {"maximum_party_size": 0}, "maximum_party_size", _AT_LEAST_1),
    ("update_venue", {"maximum_party_size": BEYOND_32_BITS}, "maximum_party_size", _AT_MOST),
    (
        "update_venue",
        {"booking_horizon_days": 36_525},
        "booking_horizon_days",
        "This must be at most 730.",
    ),
    ("update_venue", {"hold_seconds": 0}, "hold_seconds", _AT_LEAST_1),
    (
        "update_venue",
        {"website": "javascript:alert(1)"},
        "website",
        "This must be an address with https:// or http://.",
    ),
    (
        "update_venue",
        {"picture_urls": ["http://a.example"]},
        "picture_urls",
        "Number 1 is no address with https://.",
    ),
    (
        "update_venue",
        {"minimum_party_size": 4, "maximum_party_size": 3},
        "maximum_party_size",
        "This must not be below the smallest party.",
    ),
    ("add_resource", {"name": "Bar", "capacity": 0}, "capacity", _AT_LEAST_1),
    ("add_resource", {"name": "Bar", "capacity": -1}, "capacity", _AT_LEAST_1),
    ("add_resource", {"name": "Bar", "capacity": BEYOND_32_BITS}, "capacity", _AT_MOST),
    ("add_resource", {"name": "Bar", "capacity": 2**31 - 1}, "capacity", _AT_MOST),
    ("set_opening_hours", _rules(closes_at="09:00"), "openings.1.closes_at", _SAME),
    ("set_opening_hours", _rules(slot_minutes=0), "openings.1.slot_minutes", _AT_LEAST_1),
    ("set_opening_hours", _rules(slot_minutes=-30), "openings.1.slot_minutes", _AT_LEAST_1),
    ("set_opening_hours", _rules(slot_minutes=600), "openings.1.slot_minutes", _TOO_LONG),
    (
        "set_opening_hours",
        _rules(interval_minutes=20),
        "openings.1.interval_minutes",
        "This is shorter than a slot with its buffers.",
    ),
    ("set_opening_hours", _rules(capacity=0), "openings.1.capacity", _AT_LEAST_1),
    ("set_opening_hours", _rules(capacity=BEYOND_32_BITS), "openings.1.capacity", _AT_MOST),
    (
        "set_opening_hours",
        _rules(opens_at="09:00:30"),
        "openings.1.opens_at",
        "This must be a whole minute of the venue's clock.",
    ),
    (
        "set_opening_hours",
        _rules(valid_from="2031-05-02", valid_until="2031-05-01"),
        "openings.1.valid_until",
        _ORDER,
    ),
    (
        "set_opening_hours",
        _rules(valid_from="2031-05-02", valid_until="2131-05-02"),
        "openings.1.valid_until",
        _FIVE_YEARS,
    ),
    (
        "set_opening_hours",
        _rules(weekday=3, opens_at="16:30", closes_at="20:00"),
        "openings.1.opens_at",
        "This overlaps another: Thursday 09:00 to 17:00.",
    ),
    (
        "set_special_hours",
        {"special_hours": [special(last_date="2031-04-30")]},
        "special_hours.0.last_date",
        _ORDER,
    ),
    (
        "set_special_hours",
        {"special_hours": [special(last_date="2131-05-01")]},
        "special_hours.0.last_date",
        _FIVE_YEARS,
    ),
    ("add_closure", closure(last_date="2031-04-30"), "last_date", _ORDER),
    ("add_closure", closure(last_date="2131-05-01"), "last_date", _FIVE_YEARS),
    ("add_closure", closure(first_date="0001-01-01"), "last_date", _FIVE_YEARS),
    ("add_closure", closure(last_date="9999-12-31"), "last_date", _FIVE_YEARS),
    (
        "add_closure",
        closure(reason="Snow\x07"),
        "reason",
        UNWRITABLE,
    ),
    ("add_slot", {"capacity": 0}, "capacity", "This must be from 1 to 1000000000."),
    ("add_slot", {"capacity": BEYOND_32_BITS}, "capacity", "This must be from 1 to 1000000000."),
    ("add_slot", {"day": "2020-01-01"}, "start_time", "This must not be in the past."),
    ("add_slot", {"day": "2126-01-01"}, "start_time", "This is further ahead than can be booked."),
    ("add_slot", {"day": "9999-12-30"}, "start_time", "This is further ahead than can be booked."),
]


NEW_VENUE = {"name": "The New Room", "slug": "the-new-room", "timezone": "Europe/Copenhagen"}


def slot_times(fields: Fields) -> Fields:
    day = fields.get("day", (datetime.now(UTC) + timedelta(days=1)).date().isoformat())
    times = {"start_time": f"{day}T18:00:00+00:00", "end_time": f"{day}T19:00:00+00:00"}
    return times | {name: value for name, value in fields.items() if name != "day"}


def asked_of(operation: str, fields: Fields, place: Place) -> Fields:
    if operation == "add_slot":
        return slot_times(fields) | {"resource_id": place.resource.public_id}
    if operation == "create_venue":
        named = {"organization_id": place.venue.organization.public_id}
        return NEW_VENUE | named | fields
    return fields


WRONG: list[tuple[str, Fields, str, str]] = [
    ("update_venue", {"name": 7}, "name", sentences.TEXT),
    ("update_venue", {"is_public": "yes"}, "is_public", sentences.TRUE_OR_FALSE),
    ("update_venue", {"is_public": 1}, "is_public", sentences.TRUE_OR_FALSE),
    ("update_venue", {"hold_seconds": True}, "hold_seconds", sentences.WHOLE_NUMBER),
    ("update_venue", {"hold_seconds": "60"}, "hold_seconds", sentences.WHOLE_NUMBER),
    ("update_venue", {"latitude": "5"}, "latitude", sentences.NUMBER),
    ("update_venue", {"owner": 1}, "owner", sentences.UNKNOWN),
    (
        "update_venue",
        {"confirmation_mode": "SOMETIMES"},
        "confirmation_mode",
        "Value 'SOMETIMES' is not a valid choice.",
    ),
    ("add_resource", {"name": "Bar"}, "capacity", sentences.REQUIRED),
    ("add_resource", {"name": "Bar", "capacity": None}, "capacity", sentences.WHOLE_NUMBER),
    ("set_opening_hours", {"openings": None}, "openings", sentences.LIST),
    ("set_opening_hours", {"openings": [7]}, "openings.0", sentences.OBJECT),
    ("set_opening_hours", _rules(weekday=True), "openings.1.weekday", sentences.WHOLE_NUMBER),
    ("set_opening_hours", _rules(weekday=None), "openings.1.weekday", sentences.WHOLE_NUMBER),
    ("set_opening_hours", _rules(opens_at=9), "openings.1.opens_at", sentences.TIME_OF_DAY),
    ("set_opening_hours", _rules(opens_at="25:00"), "openings.1.opens_at", sentences.TIME_OF_DAY),
    ("set_opening_hours", _rules(valid_from="2026-02-30"), "openings.1.valid_from", sentences.DATE),
    ("add_closure", closure(first_date="2026-02-30"), "first_date", sentences.DATE),
    ("add_closure", closure(first_date=20260230), "first_date", sentences.DATE),
    ("add_closure", {"first_date": "2026-02-28"}, "last_date", sentences.REQUIRED),
    ("add_slot", {"start_time": "soon"}, "start_time", sentences.INSTANT),
    ("add_slot", {"start_time": 7}, "start_time", sentences.INSTANT),
    ("add_slot", {"start_time": "2031-01-01T10:00:00"}, "start_time", sentences.INSTANT),
    ("update_slot", {"is_closed": "no"}, "is_closed", sentences.TRUE_OR_FALSE),
    ("update_slot", {"capacity": True}, "capacity", sentences.WHOLE_NUMBER),
    (
        "update_slot",
        {"is_closed": True, "reason": "x" * 501},
        "reason",
        "This must not be longer than 500 characters.",
    ),
]


# In REST; GraphQL takes null for what is left out.
WRONG_NULLS: list[tuple[str, Fields, str, str]] = [
    ("update_venue", {"name": None}, "name", sentences.TEXT),
    ("update_venue", {"is_public": None}, "is_public", sentences.TRUE_OR_FALSE),
]

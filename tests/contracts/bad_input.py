"""What makes no sense, and how each transport is asked for it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from accounts.actors import Actor
from bookings.models import Slot
from bookings.services.slots import add_slot, change_slot
from reserve.core import sentences
from reserve.core.text import UNWRITABLE
from tests.admin.conftest import Person
from tests.admin.tenants import page_of
from tests.admin.test_forms import HOURS_ROW, RESOURCE_ROW, VENUE, formset
from tests.admin.test_schedules import SPECIAL_ROW
from tests.staff import Place, closure, opening, special
from venues.models import Closure, Resource, Venue
from venues.services import resources, schedule, venues

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

BAD: list[tuple[str, dict[str, Any], str, str]] = [
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


def _slot_times(fields: dict[str, Any]) -> dict[str, Any]:
    day = fields.get("day", (datetime.now(UTC) + timedelta(days=1)).date().isoformat())
    times = {"start_time": f"{day}T18:00:00+00:00", "end_time": f"{day}T19:00:00+00:00"}
    return times | {name: value for name, value in fields.items() if name != "day"}


def asked_of(operation: str, fields: dict[str, Any], place: Place) -> dict[str, Any]:
    if operation == "add_slot":
        return _slot_times(fields) | {"resource_id": place.resource.public_id}
    if operation == "create_venue":
        named = {"organization_id": place.venue.organization.public_id}
        return NEW_VENUE | named | fields
    return fields


WRONG: list[tuple[str, dict[str, Any], str, str]] = [
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
WRONG_NULLS: list[tuple[str, dict[str, Any], str, str]] = [
    ("update_venue", {"name": None}, "name", sentences.TEXT),
    ("update_venue", {"is_public": None}, "is_public", sentences.TRUE_OR_FALSE),
]

_CLOCK = {"opens_at", "closes_at"}
_DATES = {"valid_from", "valid_until", "first_date", "last_date"}


def _python(row: dict[str, Any]) -> dict[str, Any]:
    """Values as the services take them."""
    return {
        name: time.fromisoformat(value)
        if name in _CLOCK
        else date.fromisoformat(value)
        if name in _DATES
        else value
        for name, value in row.items()
    }


Fields = dict[str, Any]


# --- By services -------------------------------------------------------------------


def by_service(operation: str, fields: Fields, place: Place) -> object:
    return _SERVICES[operation](place.people["owner"], fields, place)


def _owner(actor: Actor, place: Place) -> Any:
    return {"actor": actor, "venue_id": place.venue.pk, "resource_id": None}


def _create_venue(actor: Actor, fields: Fields, place: Place) -> object:
    details = NEW_VENUE | fields
    resource = details.pop("resource", None)
    return venues.create_venue(
        actor=actor,
        organization_id=place.venue.organization_id,
        details=venues.VenueDetails(**details),
        resource=resource and resources.ResourceDetails(**resource),
    )


def _update_venue(actor: Actor, fields: Fields, place: Place) -> object:
    return venues.update_venue(actor=actor, venue_id=place.venue.pk, changes=fields)


def _add_resource(actor: Actor, fields: Fields, place: Place) -> object:
    details = resources.ResourceDetails(**fields)
    return resources.add_resource(actor=actor, venue_id=place.venue.pk, details=details)


def _update_resource(actor: Actor, fields: Fields, place: Place) -> object:
    return resources.update_resource(actor=actor, resource_id=place.resource.pk, changes=fields)


def _set_opening_hours(actor: Actor, fields: Fields, place: Place) -> object:
    week = [schedule.Opening(**_python(row)) for row in fields["openings"]]
    return schedule.set_opening_hours(**_owner(actor, place), openings=week)


def _set_special_hours(actor: Actor, fields: Fields, place: Place) -> object:
    days = [schedule.SpecialOpening(**_python(row)) for row in fields["special_hours"]]
    return schedule.set_special_hours(**_owner(actor, place), special_hours=days)


def _add_special_hours(actor: Actor, fields: Fields, place: Place) -> object:
    hours = schedule.SpecialOpening(**_python(fields))
    return schedule.add_special_hours(**_owner(actor, place), opening=hours)


def _add_closure(actor: Actor, fields: Fields, place: Place) -> object:
    return schedule.add_closure(**_owner(actor, place), **_python(fields))


def _update_closure(actor: Actor, fields: Fields, place: Place) -> object:
    changes, closure_id = _python(fields), place.closure.pk
    return schedule.update_closure(actor=actor, closure_id=closure_id, changes=changes)


def _add_slot(actor: Actor, fields: Fields, place: Place) -> object:
    times = _slot_times(fields)
    return add_slot(
        actor=actor,
        resource_id=place.resource.pk,
        starts_at=datetime.fromisoformat(times["start_time"]),
        ends_at=datetime.fromisoformat(times["end_time"]),
        capacity=fields.get("capacity"),
    )


def _update_slot(actor: Actor, fields: Fields, place: Place) -> object:
    return change_slot(actor=actor, slot_id=place.slot.pk, **fields)


_SERVICES: dict[str, Callable[[Actor, Fields, Place], object]] = {
    "create_venue": _create_venue,
    "update_venue": _update_venue,
    "add_resource": _add_resource,
    "update_resource": _update_resource,
    "set_opening_hours": _set_opening_hours,
    "set_special_hours": _set_special_hours,
    "add_special_hours": _add_special_hours,
    "add_closure": _add_closure,
    "update_closure": _update_closure,
    "add_slot": _add_slot,
    "update_slot": _update_slot,
}


# --- In the admin ------------------------------------------------------------------

_NONE = formset("resources") | formset("special_hours") | formset("opening_hours")


def by_admin(operation: str, fields: Fields, place: Place, person: Person) -> Any:
    """What the page answers on which it is done; the capacity of a slot is for an action."""
    page, row = _PAGES[operation](fields, place)
    return person.post(page, row)


def _venue_page(place: Place, fields: Fields) -> tuple[str, Fields]:
    return page_of(Venue, "change", place.venue), VENUE | _NONE | fields


def _new_venue(fields: Fields, place: Place) -> tuple[str, Fields]:
    details = {"organization": place.venue.organization_id} | fields
    rows = [RESOURCE_ROW | details.pop("resource")] if "resource" in details else []
    return page_of(Venue, "add"), VENUE | _NONE | formset("resources", *rows) | details


def _venue(fields: Fields, place: Place) -> tuple[str, Fields]:
    if "picture_urls" in fields:
        fields = {"picture_urls": "\n".join(fields["picture_urls"])}
    return _venue_page(place, fields)


def _new_resource(fields: Fields, place: Place) -> tuple[str, Fields]:
    return page_of(Resource, "add"), _NONE | RESOURCE_ROW | fields | {"venue": place.venue.pk}


def _resource(fields: Fields, place: Place) -> tuple[str, Fields]:
    page = page_of(Resource, "change", place.resource)
    return page, _NONE | RESOURCE_ROW | fields | {"venue": place.venue.pk}


def _week(fields: Fields, place: Place) -> tuple[str, Fields]:
    rows = (HOURS_ROW | row for row in fields["openings"])
    return _venue_page(place, formset("opening_hours", *rows))


def _all_special_hours(fields: Fields, place: Place) -> tuple[str, Fields]:
    rows = (SPECIAL_ROW | row for row in fields["special_hours"])
    return _venue_page(place, formset("special_hours", *rows))


def _special_hours(fields: Fields, place: Place) -> tuple[str, Fields]:
    return _venue_page(place, formset("special_hours", SPECIAL_ROW | fields))


def _new_closure(fields: Fields, place: Place) -> tuple[str, Fields]:
    row = {"reason": "", "resource": "", "venue": place.venue.pk}
    return page_of(Closure, "add"), row | fields


def _closure(fields: Fields, place: Place) -> tuple[str, Fields]:
    row = {"first_date": "2032-01-01", "last_date": "2032-01-02", "reason": "", "resource": ""}
    return page_of(Closure, "change", place.closure), row | {"venue": place.venue.pk} | fields


def _new_slot(fields: Fields, place: Place) -> tuple[str, Fields]:
    times = _slot_times(fields)
    row = {"day": times["start_time"][:10], "start_time": "18:00", "end_time": "19:00"}
    row |= {"resource": place.resource.pk, "capacity": fields.get("capacity", "")}
    return page_of(Slot, "add"), row


_PAGES: dict[str, Callable[[Fields, Place], tuple[str, Fields]]] = {
    "create_venue": _new_venue,
    "update_venue": _venue,
    "add_resource": _new_resource,
    "update_resource": _resource,
    "set_opening_hours": _week,
    "set_special_hours": _all_special_hours,
    "add_special_hours": _special_hours,
    "add_closure": _new_closure,
    "update_closure": _closure,
    "add_slot": _new_slot,
}

"""The staff's operations, asked of the admin's pages."""

from collections.abc import Callable
from typing import Any

from bookings.models import Slot
from tests.admin.conftest import Person
from tests.admin.tenants import page_of
from tests.admin.test_forms import HOURS_ROW, RESOURCE_ROW, VENUE, formset
from tests.admin.test_schedules import SPECIAL_ROW
from tests.contracts.bad_input import Fields, slot_times
from tests.staff import Place
from venues.models import Closure, Resource, Venue

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
    times = slot_times(fields)
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

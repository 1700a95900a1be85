"""The staff's operations, asked of the services that the APIs ask."""

from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

from accounts.actors import Actor
from bookings.services.slots import add_slot, change_slot
from tests.contracts.bad_input import NEW_VENUE, Fields, slot_times
from tests.staff import Place
from venues.services import resources, schedule, venues

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
    times = slot_times(fields)
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

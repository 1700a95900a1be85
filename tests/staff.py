"""What staff do to venues, through each API, in the spelling of REST."""

import re
from dataclasses import dataclass, field
from datetime import date, time
from typing import Any, Protocol

from accounts.actors import ANONYMOUS, SYSTEM, Actor, account
from accounts.models import Role
from bookings.models import Slot
from tests.clients import GraphQLApi, RestApi
from tests.factories import (
    make_customer,
    make_member,
    make_organization,
    make_resource,
    make_slot,
    make_venue,
)
from tests.venues.conftest import everything
from venues.models import Closure, Resource, SpecialHours, Venue
from venues.services import schedule

# By operation: method, path; the GraphQL input, or none; whether slots may move.
_REST = {
    "create_venue": ("POST", "/venues"),
    "update_venue": ("PATCH", "/venues/{venue}"),
    "add_resource": ("POST", "/venues/{venue}/resources"),
    "update_resource": ("PATCH", "/venues/{venue}/resources/{resource}"),
    "set_opening_hours": ("PUT", "/venues/{venue}/opening-hours"),
    "set_special_hours": ("PUT", "/venues/{venue}/special-hours"),
    "add_special_hours": ("POST", "/venues/{venue}/special-hours"),
    "remove_special_hours": ("DELETE", "/venues/{venue}/special-hours/{special}"),
    "add_closure": ("POST", "/venues/{venue}/closures"),
    "update_closure": ("PATCH", "/venues/{venue}/closures/{closure}"),
    "remove_closure": ("DELETE", "/venues/{venue}/closures/{closure}"),
    "add_slot": ("POST", "/venues/{venue}/slots"),
    "update_slot": ("PATCH", "/venues/{venue}/slots/{slot}"),
}
MOVING = tuple(name for name in _REST if name not in {"create_venue", "add_slot", "update_slot"})

_OPENING = "id weekday opensAt closesAt slotMinutes capacity validFrom validUntil"
_SPECIAL = "id resourceId firstDate lastDate opensAt closesAt reason"
_CLOSURE = "id resourceId firstDate lastDate reason"
_VENUE = "id organizationId name slug timezone address pictureUrls bookingHorizonDays"
_SLOT = "id startTime endTime status capacity remainingCapacity unavailableReason"
_SLOTS = "{ count first { slotId startTime endTime capacity capacityBefore } }"
_PREVIEW = (
    f"preview {{ added {_SLOTS} removed {_SLOTS} withdrawn {_SLOTS} restored {_SLOTS}"
    f" changed {_SLOTS} bookingCount conflicts {{ count first {{ kind slot {{ slotId startTime }}"
    " bookings { id confirmationCode guestName guestCount status startTime } } } }"
)
# What the payload calls the thing, its fields, and the ids that the input names.
_GRAPHQL: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "create_venue": ("", _VENUE, ()),
    "update_venue": ("venue", _VENUE, ("id:venue",)),
    "add_resource": ("resource", "id name capacity bookingMode position", ("venueId:venue",)),
    "update_resource": ("resource", "id name capacity bookingMode position", ("id:resource",)),
    "set_opening_hours": ("openingHours", _OPENING, ("venueId:venue",)),
    "set_special_hours": ("specialHours", _SPECIAL, ("venueId:venue",)),
    "add_special_hours": ("specialHours", _SPECIAL, ("venueId:venue",)),
    "remove_special_hours": ("removedId", "", ("id:special",)),
    "add_closure": ("closure", _CLOSURE, ("venueId:venue",)),
    "update_closure": ("closure", _CLOSURE, ("id:closure",)),
    "remove_closure": ("removedId", "", ("id:closure",)),
    "add_slot": ("", _SLOT, ()),
    "update_slot": ("", _SLOT, ("id:slot",)),
}
_LISTS = {"set_opening_hours": "openings", "set_special_hours": "special_hours"}


@dataclass(frozen=True)
class Said:
    """The code of a refusal with its fields, or the content; in the spelling of REST."""

    code: str | None
    errors: dict[str, list[str]] = field(default_factory=dict)
    content: Any = None


class StaffApi(Protocol):
    def do(
        self,
        operation: str,
        actor: Actor,
        ids: dict[str, str],
        fields: dict[str, Any],
        *,
        dry_run: bool = False,
    ) -> Said: ...


class RestStaff:
    def __init__(self, address: str) -> None:
        self.api = RestApi(address)

    def do(
        self,
        operation: str,
        actor: Actor,
        ids: dict[str, str],
        fields: dict[str, Any],
        *,
        dry_run: bool = False,
    ) -> Said:
        method, path = _REST[operation]
        path = path.format(**ids) + ("?dry_run=true" if dry_run else "")
        body = None if method == "DELETE" else fields
        response = self.api.send(method, path, body, actor)
        content = response.json() if response.content else None
        if response.is_error:
            return Said(content["code"], content.get("errors", {}))
        if dry_run:
            assert response.status_code == 200
        elif method == "POST":
            assert response.status_code == 201
            location = response.headers["location"].removeprefix("/api/v1")
            assert self.api.send("GET", location, None, actor).json() == content
        return Said(None, content=content)


class GraphQLStaff:
    def __init__(self, address: str) -> None:
        self.api = GraphQLApi(address)

    def do(
        self,
        operation: str,
        actor: Actor,
        ids: dict[str, str],
        fields: dict[str, Any],
        *,
        dry_run: bool = False,
    ) -> Said:
        name = camel(operation)
        thing, selected, named = _GRAPHQL[operation]
        selection = (
            selected if not thing else f"{thing} {'{ ' + selected + ' }' if selected else ''}"
        )
        if operation in MOVING:
            selection += f" {_PREVIEW}"
        known = {each.partition(":")[0]: ids[each.partition(":")[2]] for each in named}
        given = {camel(key): _camels(value) for key, value in fields.items()}
        dry, dry_type = (", dryRun: $dry", ", $dry: Boolean") if dry_run else ("", "")
        if operation.startswith("remove"):
            document = f"mutation($id: ID!{dry_type}) {{ {name}(id: $id{dry}) {{ {selection} }} }}"
            variables: dict[str, Any] = known | {"dry": True}
        else:
            kind = name[0].upper() + name[1:] + "Input"
            document = (
                f"mutation($input: {kind}!{dry_type})"
                f" {{ {name}(input: $input{dry}) {{ {selection} }} }}"
            )
            variables = {"input": known | given, "dry": True}
        answer = self.api.ask(document, variables if dry_run else _without(variables), actor)
        if answer.code:
            errors = answer.body["extensions"].get("errors", {})
            return Said(answer.code, {snake(key): texts for key, texts in errors.items()})
        content = snakes(answer.body)
        if dry_run:
            assert content[snake(thing)] is None
            return Said(None, content=content["preview"])
        if operation in MOVING:
            assert content["preview"] is None
            content = content[snake(thing)]
        if operation in _LISTS:
            content = {_LISTS[operation]: content}
        return Said(None, content=content)


def _without(variables: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in variables.items() if key != "dry"}


def camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda letter: letter[1].upper(), name)


def snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


def _camels(value: Any) -> Any:
    if isinstance(value, list):
        return [_camels(item) for item in value]
    if isinstance(value, dict):
        return {camel(key): _camels(inner) for key, inner in value.items()}
    return value


def snakes(value: Any) -> Any:
    if isinstance(value, list):
        return [snakes(item) for item in value]
    if isinstance(value, dict):
        return {snake(key): snakes(inner) for key, inner in value.items()}
    return value


# --- Where they work ---


def opening(**fields: Any) -> dict[str, Any]:
    return {"weekday": 0, "opens_at": "09:00", "closes_at": "17:00"} | fields


def special(**fields: Any) -> dict[str, Any]:
    days = {"first_date": "2031-05-01", "last_date": "2031-05-02"}
    return days | {"opens_at": "10:00", "closes_at": "18:00"} | fields


def closure(**fields: Any) -> dict[str, Any]:
    return {"first_date": "2031-05-01", "last_date": "2031-05-02"} | fields


@dataclass
class Place:
    """A venue with one of everything, and the people who work there."""

    resource: Resource
    special: SpecialHours
    closure: Closure
    slot: Slot
    people: dict[str, Actor]

    @property
    def venue(self) -> Venue:
        return self.resource.venue

    @property
    def ids(self) -> dict[str, str]:
        rows = ("venue", "resource", "special", "closure", "slot")
        return {name: getattr(self, name).public_id for name in rows}

    def rows(self) -> Any:
        return everything(), list(Slot.objects.order_by("pk").values())


def make_place(**fields: Any) -> Place:
    resource = make_resource(make_venue(timezone="UTC", booking_horizon_days=14, **fields))
    organization, venue = resource.organization, resource.venue
    people = {role.value.lower(): account(make_member(organization, role).pk) for role in Role} | {
        "stranger": account(make_member(make_organization(), Role.OWNER).pk),
        "customer": make_customer(),
        "anonymous": ANONYMOUS,
    }
    owner = {"actor": SYSTEM, "venue_id": venue.pk, "resource_id": None}
    days = {"first_date": date(2032, 1, 1), "last_date": date(2032, 1, 2)}
    hours = schedule.SpecialOpening(**days, opens_at=time(9), closes_at=time(12))
    return Place(
        resource,
        schedule.add_special_hours(**owner, opening=hours),
        schedule.add_closure(**owner, **days),
        make_slot(resource, version=1),
        people,
    )

"""Saying when venues are open, by GraphQL: for their owners and managers.

Whatever moves slots can be asked as a dry run first: the answer is what would
become of the slots, and nothing is changed.
"""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

import graphene

from bookings.api.graphql.previews import Preview
from bookings.services import previews
from reserve.core.database import in_database
from reserve.core.graphql.described import id_of, taking
from reserve.core.graphql.nulls import Clearable
from venues.api import descriptions
from venues.api.graphql.fields import asked
from venues.api.graphql.schedule import (
    Closure,
    OpeningHours,
    OpeningInput,
    SpecialHours,
    SpecialOpeningInput,
)
from venues.api.graphql.venues import FirstResourceInput, Resource, Venue
from venues.models import Closure as ClosureModel
from venues.models import Resource as ResourceModel
from venues.models import SpecialHours as SpecialHoursModel
from venues.models import Venue as VenueModel
from venues.selectors import venue_id_of
from venues.services.resources import ResourceDetails, add_resource, update_resource
from venues.services.schedule import (
    Opening,
    SpecialOpening,
    add_closure,
    add_special_hours,
    remove_closure,
    remove_special_hours,
    set_opening_hours,
    set_special_hours,
    update_closure,
)
from venues.services.venues import update_venue

Changed = TypeVar("Changed")

# --- Inputs and answers --------------------------------------------------------------

_UpdateVenueInputFields: Any = asked(VenueModel, descriptions.VENUE)


class UpdateVenueInput(_UpdateVenueInputFields, graphene.InputObjectType):
    """What is left out, or null, stays as it is; where null is a value, that is said."""

    id = id_of("venue")


class AddResourceInput(FirstResourceInput):
    """Something that can be booked, in the venue's hours."""

    venue_id = id_of("venue")


_UpdateResourceInputFields: Any = asked(ResourceModel, descriptions.RESOURCE)


class UpdateResourceInput(_UpdateResourceInputFields, graphene.InputObjectType):
    """What is left out, or null, stays as it is."""

    id = id_of("resource")


class _OwnerInput(graphene.InputObjectType):
    venue_id = id_of("venue")
    resource_id = graphene.ID(description=descriptions.RESOURCE_ID)


class SetOpeningHoursInput(_OwnerInput):
    """The whole week of a venue or a resource."""

    openings = graphene.List(
        graphene.NonNull(OpeningInput), required=True, description=descriptions.OPENINGS
    )


class SetSpecialHoursInput(_OwnerInput):
    """All special hours of a venue or a resource."""

    special_hours = graphene.List(
        graphene.NonNull(SpecialOpeningInput),
        required=True,
        description=descriptions.ALL_SPECIAL_HOURS,
    )


class AddSpecialHoursInput(SpecialOpeningInput, _OwnerInput):
    """Special hours beside those that are there."""


_AddClosureInputFields: Any = asked(
    ClosureModel, descriptions.CLOSURE, required=("first_date", "last_date")
)


class AddClosureInput(_AddClosureInputFields, _OwnerInput):
    """Days on which a venue, or one resource of it, offers nothing."""


_UpdateClosureInputFields: Any = asked(ClosureModel, descriptions.CLOSURE)


class UpdateClosureInput(_UpdateClosureInputFields, graphene.InputObjectType):
    """What is left out, or null, stays as it is; where null is a value, that is said."""

    id = id_of("closure")
    resource_id = Clearable(graphene.ID, description=descriptions.RESOURCE_ID)


def _payload(name: str, description: str, **fields: Any) -> Any:
    fields["preview"] = graphene.Field(
        Preview, description="What would become of the slots; in a dry run alone."
    )
    return type(name, (graphene.ObjectType,), {"__doc__": description, **fields})


_NOT_DRY = "null in a dry run."


def _one(kind: Any) -> Any:
    return graphene.Field(kind, description=_NOT_DRY)


def _several(kind: Any) -> Any:
    return graphene.List(graphene.NonNull(kind), description=_NOT_DRY)


_REMOVED = graphene.ID(description=f"What was removed; {_NOT_DRY}")

VenuePayload = _payload("VenuePayload", "A venue that was changed.", venue=_one(Venue))
ResourcePayload = _payload(
    "ResourcePayload", "A resource that was added or changed.", resource=_one(Resource)
)
OpeningHoursPayload = _payload(
    "OpeningHoursPayload", "A week that was set.", opening_hours=_several(OpeningHours)
)
AllSpecialHoursPayload = _payload(
    "AllSpecialHoursPayload",
    "Special hours that were set.",
    special_hours=_several(SpecialHours),
)
SpecialHoursPayload = _payload(
    "SpecialHoursPayload", "Special hours that were added.", special_hours=_one(SpecialHours)
)
ClosurePayload = _payload(
    "ClosurePayload", "A closure that was added or changed.", closure=_one(Closure)
)
RemovedPayload = _payload("RemovedPayload", "What was removed.", removed_id=_REMOVED)


def _mutation(payload: Any, description: str, **arguments: Any) -> Any:
    return graphene.Field(
        payload,
        required=True,
        description=f"{description} (owners and managers).",
        dry_run=graphene.Boolean(
            default_value=False,
            description="Answer what would become of the slots, and change nothing.",
        ),
        **arguments,
    )


class Mutation(graphene.ObjectType):
    update_venue = _mutation(
        VenuePayload,
        "Change what is said of a venue, and its rules",
        input=taking(UpdateVenueInput),
    )
    add_resource = _mutation(
        ResourcePayload,
        "Add something that can be booked, in the venue's hours",
        input=taking(AddResourceInput),
    )
    update_resource = _mutation(
        ResourcePayload, "Change what can be booked", input=taking(UpdateResourceInput)
    )
    set_opening_hours = _mutation(
        OpeningHoursPayload,
        "Replace the week of a venue, or of one of its resources",
        input=taking(SetOpeningHoursInput),
    )
    set_special_hours = _mutation(
        AllSpecialHoursPayload,
        "Replace all special hours of a venue, or of one of its resources",
        input=taking(SetSpecialHoursInput),
    )
    add_special_hours = _mutation(
        SpecialHoursPayload,
        "Open at other hours on some days, beside what is there",
        input=taking(AddSpecialHoursInput),
    )
    remove_special_hours = _mutation(
        RemovedPayload, "Remove special hours", id=id_of("special hours")
    )
    add_closure = _mutation(
        ClosurePayload,
        "Offer nothing on some days, at a venue or one resource",
        input=taking(AddClosureInput),
    )
    update_closure = _mutation(
        ClosurePayload,
        "Change a closure's days, reason or resource",
        input=taking(UpdateClosureInput),
    )
    remove_closure = _mutation(RemovedPayload, "Remove a closure", id=id_of("closure"))

    @staticmethod
    async def resolve_update_venue(_root, info, input, dry_run):  # noqa: A002
        changes, actor = dict(input), info.context.actor
        venue_id = VenueModel.parse_id(changes.pop("id"))

        def change() -> VenueModel:
            return update_venue(actor=actor, venue_id=venue_id, changes=changes)

        return await _carry_out(info, "venue", venue_id, change, dry_run=dry_run)

    @staticmethod
    async def resolve_add_resource(_root, info, input, dry_run):  # noqa: A002
        fields, actor = dict(input), info.context.actor
        venue_id = VenueModel.parse_id(fields.pop("venue_id"), field="venue_id")
        details = ResourceDetails(**fields)

        def change() -> ResourceModel:
            return add_resource(actor=actor, venue_id=venue_id, details=details)

        return await _carry_out(info, "resource", venue_id, change, dry_run=dry_run)

    @staticmethod
    async def resolve_update_resource(_root, info, input, dry_run):  # noqa: A002
        changes, actor = dict(input), info.context.actor
        resource_id = ResourceModel.parse_id(changes.pop("id"))
        venue_id = await in_database(venue_id_of, ResourceModel, resource_id)

        def change() -> ResourceModel:
            return update_resource(actor=actor, resource_id=resource_id, changes=changes)

        return await _carry_out(info, "resource", venue_id, change, dry_run=dry_run)

    @staticmethod
    async def resolve_set_opening_hours(_root, info, input, dry_run):  # noqa: A002
        actor, (venue_id, resource_id) = info.context.actor, _owner(input)
        openings = [Opening(**opening) for opening in input.openings]

        def change() -> list[Any]:
            return set_opening_hours(
                actor=actor, venue_id=venue_id, resource_id=resource_id, openings=openings
            )

        return await _carry_out(info, "opening_hours", venue_id, change, dry_run=dry_run)

    @staticmethod
    async def resolve_set_special_hours(_root, info, input, dry_run):  # noqa: A002
        actor, (venue_id, resource_id) = info.context.actor, _owner(input)
        openings = [SpecialOpening(**opening) for opening in input.special_hours]

        def change() -> list[Any]:
            return set_special_hours(
                actor=actor, venue_id=venue_id, resource_id=resource_id, special_hours=openings
            )

        return await _carry_out(info, "special_hours", venue_id, change, dry_run=dry_run)

    @staticmethod
    async def resolve_add_special_hours(_root, info, input, dry_run):  # noqa: A002
        actor, (venue_id, resource_id) = info.context.actor, _owner(input)
        opening = SpecialOpening(**_without_owner(input))

        def change() -> SpecialHoursModel:
            return add_special_hours(
                actor=actor, venue_id=venue_id, resource_id=resource_id, opening=opening
            )

        return await _carry_out(info, "special_hours", venue_id, change, dry_run=dry_run)

    @staticmethod
    async def resolve_remove_special_hours(_root, info, id, dry_run):  # noqa: A002
        actor, rule_id = info.context.actor, SpecialHoursModel.parse_id(id)
        venue_id = await in_database(venue_id_of, SpecialHoursModel, rule_id)

        def change() -> str:
            remove_special_hours(actor=actor, special_hours_id=rule_id)
            return str(id)

        return await _carry_out(info, "removed_id", venue_id, change, dry_run=dry_run)

    @staticmethod
    async def resolve_add_closure(_root, info, input, dry_run):  # noqa: A002
        actor, (venue_id, resource_id) = info.context.actor, _owner(input)
        content = _without_owner(input)

        def change() -> ClosureModel:
            return add_closure(actor=actor, venue_id=venue_id, resource_id=resource_id, **content)

        return await _carry_out(info, "closure", venue_id, change, dry_run=dry_run)

    @staticmethod
    async def resolve_update_closure(_root, info, input, dry_run):  # noqa: A002
        changes, actor = dict(input), info.context.actor
        closure_id = ClosureModel.parse_id(changes.pop("id"))
        if "resource_id" in changes:
            changes["resource_id"] = _resource_id(changes["resource_id"])
        venue_id = await in_database(venue_id_of, ClosureModel, closure_id)

        def change() -> ClosureModel:
            return update_closure(actor=actor, closure_id=closure_id, changes=changes)

        return await _carry_out(info, "closure", venue_id, change, dry_run=dry_run)

    @staticmethod
    async def resolve_remove_closure(_root, info, id, dry_run):  # noqa: A002
        actor, closure_id = info.context.actor, ClosureModel.parse_id(id)
        venue_id = await in_database(venue_id_of, ClosureModel, closure_id)

        def change() -> str:
            remove_closure(actor=actor, closure_id=closure_id)
            return str(id)

        return await _carry_out(info, "removed_id", venue_id, change, dry_run=dry_run)


async def _carry_out(
    info: Any, name: str, venue_id: UUID, change: Callable[[], Changed], *, dry_run: bool
) -> dict[str, Any]:
    """The payload of a change, or of its dry run."""
    if not dry_run:
        return {name: await in_database(change)}
    actor = info.context.actor
    found = await in_database(previews.preview, actor=actor, venue_id=venue_id, change=change)
    return {"preview": found}


def _owner(fields: Any) -> tuple[UUID, UUID | None]:
    venue_id = VenueModel.parse_id(fields.venue_id, field="venue_id")
    return venue_id, _resource_id(fields.get("resource_id"))


def _resource_id(text: str | None) -> UUID | None:
    return None if text is None else ResourceModel.parse_id(text, field="resource_id")


def _without_owner(fields: Any) -> dict[str, Any]:
    owner = {"venue_id", "resource_id"}
    return {name: value for name, value in fields.items() if name not in owner}

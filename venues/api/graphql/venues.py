"""Venues and what can be booked there."""

from typing import Any

import graphene
from graphene_django import DjangoObjectType

from accounts.actors import Actor
from accounts.models import Organization
from accounts.selectors import sole_managed_organization_id, works_there
from reserve.core.database import in_database
from reserve.core.graphql.connections import PAGE_ARGUMENTS, TotalCount, connection_of
from reserve.core.graphql.described import id_of, own_id, taking
from venues import models
from venues.api import descriptions
from venues.api.graphql.fields import asked, shown
from venues.api.graphql.schedule import Closure, OpeningHours, SpecialHours
from venues.search import DEFAULT_RADIUS_KM, MAX_RADIUS_KM, MAX_SEARCH, Near, search_venues
from venues.selectors import (
    closures_of_venues,
    opening_hours_of,
    resources_of_venues,
    special_hours_of,
    visible_venue,
)
from venues.services.resources import ResourceDetails
from venues.services.venues import VenueDetails, create_venue

_ResourceFields: Any = shown(models.Resource, descriptions.RESOURCE)


class Resource(_ResourceFields, DjangoObjectType):
    """What is booked: a dining room, a court, a chair."""

    id = own_id("resource")
    opening_hours = graphene.List(
        graphene.NonNull(OpeningHours),
        required=True,
        description="Its own week, from Monday; where it has none, the venue's holds.",
    )
    special_hours = graphene.List(
        graphene.NonNull(SpecialHours), required=True, description="Its own, by date."
    )

    class Meta:
        model = models.Resource
        fields = ()

    @staticmethod
    def resolve_id(resource: models.Resource, _info):
        return resource.public_id

    @staticmethod
    async def resolve_opening_hours(resource: models.Resource, info):
        return await info.context.load(opening_hours_of, (resource.venue_id, resource.pk))

    @staticmethod
    async def resolve_special_hours(resource: models.Resource, info):
        return await info.context.load(special_hours_of, (resource.venue_id, resource.pk))


_VenueFields: Any = shown(models.Venue, descriptions.VENUE)


class Venue(_VenueFields, DjangoObjectType):
    """A place with a clock of its own and rules for those who book it."""

    id = own_id("venue")
    address = graphene.String(required=True, description="On one line.")
    distance_km = graphene.Float(
        description="Kilometres, to the metre, from the point of `near`; null where none was named."
    )
    organization_id = graphene.ID(description="For its staff; null for others.")
    resources = graphene.List(
        graphene.NonNull(Resource),
        required=True,
        description="What can be booked there, in the order of its board.",
    )
    opening_hours = graphene.List(
        graphene.NonNull(OpeningHours),
        required=True,
        description="The week of all resources without one of their own, from Monday.",
    )
    special_hours = graphene.List(
        graphene.NonNull(SpecialHours),
        required=True,
        description="By date, for all resources without special hours of their own that day.",
    )
    closures = graphene.List(
        graphene.NonNull(Closure),
        required=True,
        description="Of the venue and of its resources, by date.",
    )

    class Meta:
        model = models.Venue
        fields = ()

    @staticmethod
    def resolve_id(venue: models.Venue, _info):
        return venue.public_id

    @staticmethod
    def resolve_distance_km(venue: models.Venue, _info):
        distance_km = getattr(venue, "distance_km", None)
        return None if distance_km is None else round(distance_km, 3)

    @staticmethod
    async def resolve_organization_id(venue: models.Venue, info):
        works_there_too = await info.context.load(
            works_there, (info.context.actor.user_id, venue.organization_id)
        )
        return Organization.format_id(venue.organization_id) if works_there_too else None

    @staticmethod
    async def resolve_resources(venue: models.Venue, info):
        return await info.context.load(resources_of_venues, venue.pk)

    @staticmethod
    async def resolve_opening_hours(venue: models.Venue, info):
        return await info.context.load(opening_hours_of, (venue.pk, None))

    @staticmethod
    async def resolve_special_hours(venue: models.Venue, info):
        return await info.context.load(special_hours_of, (venue.pk, None))

    @staticmethod
    async def resolve_closures(venue: models.Venue, info):
        return await info.context.load(closures_of_venues, venue.pk)


_FirstResourceInputFields: Any = asked(
    models.Resource, descriptions.RESOURCE, required=("name", "capacity")
)


class FirstResourceInput(_FirstResourceInputFields, graphene.InputObjectType):
    """What can be booked at a new venue."""


_CreateVenueInputFields: Any = asked(
    models.Venue, descriptions.VENUE, required=("name", "slug", "timezone")
)


class CreateVenueInput(_CreateVenueInputFields, graphene.InputObjectType):
    """A new venue."""

    organization_id = graphene.ID(description=descriptions.ORGANIZATION_ID)
    resource = graphene.InputField(FirstResourceInput, description=descriptions.FIRST_RESOURCE)


class NearInput(graphene.InputObjectType):
    """A circle on the ground."""

    latitude = graphene.Float(required=True, description="WGS 84, degrees north, -90 to 90.")
    longitude = graphene.Float(required=True, description="WGS 84, degrees east, -180 to 180.")
    radius_km = graphene.Float(
        default_value=DEFAULT_RADIUS_KM,
        description=f"Kilometres, above 0 and at most {MAX_RADIUS_KM}.",
    )


class VenueConnection(TotalCount, graphene.relay.Connection):
    """A page of venues."""

    class Meta:
        node = Venue
        strict_types = True


class Query(graphene.ObjectType):
    venue = graphene.Field(
        Venue,
        required=True,
        id=id_of("venue"),
        description="A venue that is public, or where the caller works.",
    )
    venues = graphene.Field(
        VenueConnection,
        required=True,
        **PAGE_ARGUMENTS,
        search=graphene.String(
            description="Words of a name or an address, in any order; the last may be a beginning."
            f" At most {MAX_SEARCH} characters."
        ),
        city=graphene.String(
            description=f"The whole name of a town; at most {MAX_SEARCH} characters."
        ),
        near=NearInput(description="Only venues in this circle, the nearest first."),
        description="The venues that the caller may see, by name.",
    )

    @staticmethod
    async def resolve_venue(_root, info, id):  # noqa: A002 (the contract's name)
        venue_id = models.Venue.parse_id(id)
        return await in_database(visible_venue, actor=info.context.actor, venue_id=venue_id)

    @staticmethod
    async def resolve_venues(_root, info, *, first, after=None, search=None, city=None, near=None):
        page = await in_database(
            search_venues,
            actor=info.context.actor,
            search=search or "",
            city=city or "",
            near=Near(**near) if near else None,
            first=first,
            after=after,
        )
        return connection_of(VenueConnection, page)


class Mutation(graphene.ObjectType):
    create_venue = graphene.Field(
        Venue,
        required=True,
        input=taking(CreateVenueInput),
        description="Add a venue with what can be booked there at first (owners and managers).",
    )

    @staticmethod
    async def resolve_create_venue(_root, info, input):  # noqa: A002 (the contract's name)
        return await in_database(_created, info.context.actor, dict(input))


def _created(actor: Actor, fields: dict[str, Any]) -> models.Venue:
    organization, resource = fields.pop("organization_id", None), fields.pop("resource", None)
    return create_venue(
        actor=actor,
        organization_id=Organization.parse_id(organization, field="organization_id")
        if organization is not None
        else sole_managed_organization_id(actor=actor),
        details=VenueDetails(**fields),
        resource=ResourceDetails(**resource) if resource else None,
    )

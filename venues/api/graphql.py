import graphene
from graphene_django import DjangoObjectType

from reserve.core.database import in_database
from reserve.core.graphql.connections import connection_of
from venues import models
from venues.search import DEFAULT_RADIUS_KM, MAX_RADIUS_KM, MAX_SEARCH, Near, search_venues
from venues.selectors import resources_of_venues, visible_venue

ConfirmationMode = graphene.Enum.from_enum(
    models.ConfirmationMode, description="How a booking is confirmed: by the queue or by staff."
)
BookingMode = graphene.Enum.from_enum(
    models.BookingMode, description="Whether a booking takes the seats of its party or all."
)


class Resource(DjangoObjectType):
    """What is booked: a dining room, a court, a chair."""

    id = graphene.ID(required=True)
    booking_mode = graphene.Field(BookingMode, required=True)

    class Meta:
        model = models.Resource
        fields = ("name",)

    @staticmethod
    def resolve_id(resource: models.Resource, _info):
        return resource.public_id


class Venue(DjangoObjectType):
    """A place with a clock of its own and rules for those who book it."""

    id = graphene.ID(required=True)
    address = graphene.String(required=True, description="On one line.")
    confirmation_mode = graphene.Field(ConfirmationMode, required=True)
    latitude = graphene.Float(description="WGS 84, degrees north.")
    longitude = graphene.Float(description="WGS 84, degrees east.")
    distance_km = graphene.Float(
        description="Kilometres, to the metre, from the point of `near`; null where none was named."
    )
    resources = graphene.List(graphene.NonNull(Resource), required=True)

    class Meta:
        model = models.Venue
        fields = ("name", "slug", "description", "timezone")

    @staticmethod
    def resolve_id(venue: models.Venue, _info):
        return venue.public_id

    @staticmethod
    def resolve_distance_km(venue: models.Venue, _info):
        distance_km = getattr(venue, "distance_km", None)
        return None if distance_km is None else round(distance_km, 3)

    @staticmethod
    async def resolve_resources(venue: models.Venue, info):
        return await info.context.load(resources_of_venues, venue.pk)


class NearInput(graphene.InputObjectType):
    """A circle on the ground."""

    latitude = graphene.Float(required=True, description="WGS 84, degrees north.")
    longitude = graphene.Float(required=True, description="WGS 84, degrees east.")
    radius_km = graphene.Float(
        default_value=DEFAULT_RADIUS_KM, description=f"Kilometres, at most {MAX_RADIUS_KM}."
    )


class VenueConnection(graphene.relay.Connection):
    total_count = graphene.Int(required=True, description="How many there are altogether.")

    class Meta:
        node = Venue


class Query(graphene.ObjectType):
    venue = graphene.Field(Venue, required=True, id=graphene.ID(required=True))
    venues = graphene.Field(
        VenueConnection,
        required=True,
        first=graphene.Int(default_value=20, description="Page size, at most 100."),
        after=graphene.String(description="The cursor after which the page begins."),
        search=graphene.String(
            description="Words of a name or an address, in any order; the last may be a beginning."
            f" At most {MAX_SEARCH} characters."
        ),
        city=graphene.String(description="The whole name of a town."),
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

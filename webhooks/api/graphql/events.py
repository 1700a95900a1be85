import graphene

from accounts.models import Organization
from bookings.api.graphql.bookings import BookingStatus
from reserve.core.database import in_database
from reserve.core.graphql.described import id_of, own_id
from reserve.core.pages import MAX_PAGE_SIZE
from reserve.outbox.models import Event
from webhooks.api import descriptions
from webhooks.envelopes import envelope_of
from webhooks.selectors import feed


class ToldBooking(graphene.ObjectType):
    """A booking as an event left it; nothing here names a person."""

    id = own_id("booking")
    status = graphene.Field(BookingStatus, required=True, description="Its status from then on.")
    venue_id = id_of("venue")
    resource_id = id_of("resource")
    guest_count = graphene.Int(required=True, description="Size of the party.")
    seats = graphene.Int(required=True, description="Seats taken on each of its slots.")
    start_time = graphene.String(required=True, description="RFC 3339, in UTC.")
    end_time = graphene.String(required=True, description="RFC 3339, in UTC.")
    sequence = graphene.Int(required=True, description=descriptions.SEQUENCE)


class BookingEvent(graphene.ObjectType):
    """What happened to a booking; a webhook tells the same."""

    id = graphene.ID(required=True, description=descriptions.EVENT_ID)
    type = graphene.String(required=True, description=descriptions.EVENT_TYPE)
    timestamp = graphene.String(required=True, description=descriptions.TIMESTAMP)
    organization_id = id_of("organization")
    booking = graphene.Field(ToldBooking, required=True, description=descriptions.BOOKING)

    @staticmethod
    def resolve_booking(envelope, _info):
        return envelope["data"]["booking"]


class EventFeed(graphene.ObjectType):
    """A part of an organization's feed."""

    events = graphene.List(
        graphene.NonNull(BookingEvent), required=True, description=descriptions.EVENTS
    )
    has_more = graphene.Boolean(required=True, description=descriptions.HAS_MORE)

    @staticmethod
    def resolve_events(stretch, _info):
        return [envelope_of(event) for event in stretch.events]


class EventQuery(graphene.ObjectType):
    event_feed = graphene.Field(
        EventFeed,
        required=True,
        organization_id=id_of("organization", required=False),
        after=graphene.ID(description=descriptions.AFTER),
        first=graphene.Int(
            default_value=MAX_PAGE_SIZE, description=f"How many at most, 1 to {MAX_PAGE_SIZE}."
        ),
        description="What happened to an organization's bookings; for owners and managers.",
    )

    @staticmethod
    async def resolve_event_feed(_root, info, first, organization_id=None, after=None):
        return await in_database(
            feed,
            actor=info.context.actor,
            organization_id=organization_id
            and Organization.parse_id(organization_id, field="organization_id"),
            after=after and Event.parse_id(after, field="after"),
            first=first,
        )

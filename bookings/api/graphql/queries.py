"""Reading bookings: one, or a list of them."""

import graphene

from accounts.person import MAX_EMAIL
from bookings import models, selectors
from bookings.api.graphql.bookings import MANAGE_TOKEN, Booking, BookingStatus
from reserve.core.database import in_database
from reserve.core.graphql.connections import PAGE_ARGUMENTS, TotalCount, connection_of
from reserve.core.graphql.described import at_most, id_of
from venues.models import Venue as VenueModel


class BookingConnection(TotalCount, graphene.relay.Connection):
    """A page of bookings."""

    class Meta:
        node = Booking
        strict_types = True


_STATUS = BookingStatus(
    description="Only bookings in this status. A hold that has lapsed is `EXPIRED`."
)


class Query(graphene.ObjectType):
    booking = graphene.Field(
        Booking,
        required=True,
        id=id_of("booking"),
        manage_token=graphene.String(description=MANAGE_TOKEN),
        description="A booking, for its owner and the venue's staff.",
    )
    booking_by_code = graphene.Field(
        Booking,
        required=True,
        confirmation_code=graphene.String(
            required=True,
            description="8 letters and digits; case, spaces and hyphens do not matter.",
        ),
        email=graphene.String(
            required=True, description=at_most(MAX_EMAIL, "The guest's e-mail address.")
        ),
        description="A booking, for whoever knows its code and its guest's e-mail address."
        " Attempts are limited, per address that is tried and per client.",
    )
    my_bookings = graphene.Field(
        BookingConnection,
        required=True,
        status=_STATUS,
        **PAGE_ARGUMENTS,
        description="The bookings that the caller's account made, the newest first.",
    )
    venue_bookings = graphene.Field(
        BookingConnection,
        required=True,
        venue_id=id_of("venue"),
        date=graphene.Date(
            description="Only bookings that start on this day of the venue's calendar, in order of"
            " their start. Without it those that start last come first."
        ),
        status=_STATUS,
        search=graphene.String(
            description="A confirmation code or its beginning, words of the guest's name or e-mail"
            " address in any order, or their phone number; the last word may be a beginning."
            f" At most {selectors.MAX_SEARCH} characters."
        ),
        **PAGE_ARGUMENTS,
        description="A venue's bookings, for its staff.",
    )

    @staticmethod
    async def resolve_booking(_root, info, id, manage_token=None):  # noqa: A002
        return await in_database(
            selectors.visible_booking,
            actor=info.context.actor.with_manage_token(manage_token),
            booking_id=models.Booking.parse_id(id),
        )

    @staticmethod
    async def resolve_booking_by_code(_root, _info, confirmation_code, email):
        return await in_database(
            selectors.booking_by_code, confirmation_code=confirmation_code, email=email
        )

    @staticmethod
    async def resolve_my_bookings(_root, info, first, after=None, status=None):
        page = await in_database(
            selectors.my_bookings,
            actor=info.context.actor,
            status=status,
            first=first,
            after=after,
        )
        return connection_of(BookingConnection, page)

    @staticmethod
    async def resolve_venue_bookings(
        _root, info, *, venue_id, first, after=None, date=None, status=None, search=None
    ):
        page = await in_database(
            selectors.venue_bookings,
            actor=info.context.actor,
            venue_id=VenueModel.parse_id(venue_id, field="venue_id"),
            day=date,
            status=status,
            search=search or "",
            first=first,
            after=after,
        )
        return connection_of(BookingConnection, page)

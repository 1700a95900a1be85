from collections.abc import AsyncIterator
from functools import partial

import graphene

from bookings import models
from bookings.api.graphql.bookings import MANAGE_TOKEN, Booking
from bookings.api.graphql.slots import SlotStatus
from bookings.live import SlotChange, booking_recovery, slot_recovery
from bookings.manage_tokens import is_owner
from bookings.selectors import visible_booking
from reserve.core.broadcast import bookings_group, venue_group
from reserve.core.clock import now
from reserve.core.database import in_database
from reserve.core.graphql.described import id_of
from reserve.core.live import Change, Stream, hub
from venues.models import Venue
from venues.selectors import visible_venue


class SlotAvailability(graphene.ObjectType):
    """A slot as it is after a change. A version that is already known can be dropped."""

    slot_id = id_of("slot")
    venue_id = id_of("venue")
    start_time = graphene.DateTime(required=True, description="In the venue's offset.")
    status = graphene.Field(SlotStatus, required=True, description="As it is now.")
    capacity = graphene.Int(required=True, description="Seats altogether.")
    remaining_capacity = graphene.Int(required=True, description="Seats that are free.")
    version = graphene.Int(required=True, description="Grows with every change of the slot.")

    @staticmethod
    def resolve_slot_id(change: SlotChange, _info):
        return models.Slot.format_id(change.slot_id)

    @staticmethod
    def resolve_venue_id(change: SlotChange, _info):
        return Venue.format_id(change.venue_id)

    @staticmethod
    def resolve_start_time(change: SlotChange, _info):
        return change.starts_at

    @staticmethod
    def resolve_status(change: SlotChange, _info):
        return change.status_at(now())


class Subscription(graphene.ObjectType):
    slot_availability_changed = graphene.Field(
        SlotAvailability,
        required=True,
        venue_id=id_of("venue"),
        description="Each change of a slot of the venue, from now on.",
    )

    booking_status_changed = graphene.Field(
        Booking,
        required=True,
        booking_id=id_of("booking"),
        manage_token=graphene.String(description=MANAGE_TOKEN),
        description="The booking whenever its status has changed, for its owner and the venue's"
        " staff.",
    )

    @staticmethod
    async def subscribe_slot_availability_changed(_root, info, venue_id) -> Stream:
        see = partial(
            in_database,
            visible_venue,
            actor=info.context.actor,
            venue_id=Venue.parse_id(venue_id, field="venue_id"),
        )
        venue = await see()
        return hub.stream(
            venue_group(venue.pk),
            recover=slot_recovery(venue.pk),
            check=see,
            is_public=venue.is_public,
        )

    @staticmethod
    def resolve_slot_availability_changed(change: Change, _info, **_arguments):
        return SlotChange.from_message(change.message)

    @staticmethod
    async def subscribe_booking_status_changed(
        _root, info, booking_id, manage_token=None
    ) -> AsyncIterator[models.Booking]:
        actor = info.context.actor.with_manage_token(manage_token)
        parsed = models.Booking.parse_id(booking_id, field="booking_id")

        async def read() -> models.Booking:
            """The booking as it is now, for whoever may still see it."""
            return await in_database(visible_booking, actor=actor, booking_id=parsed)

        booking = await read()
        listening = hub.listen(
            bookings_group(booking.venue_id),
            key=parsed.hex,
            recover=booking_recovery(booking.venue_id),
            check=read,
            # An owner stays one; staff may cease to be.
            is_public=is_owner(actor, booking),
        )
        async with listening as changes:
            # Once more: what changed until somebody listened is a change as well.
            seen, booking = booking.status, await read()
            while True:
                if booking.status != seen:
                    seen = booking.status
                    yield booking
                await anext(changes)
                booking = await read()

    @staticmethod
    def resolve_booking_status_changed(booking: models.Booking, _info, **_arguments):
        return booking

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from functools import partial

import graphene

from bookings import models
from bookings.api.graphql.slots import SlotStatus
from bookings.live import SlotChange, slot_messages_since
from reserve.core.broadcast import venue_group
from reserve.core.clock import now
from reserve.core.database import in_database
from reserve.core.live import Change, Message, hub
from venues.models import Venue
from venues.selectors import visible_venue


class SlotAvailability(graphene.ObjectType):
    """A slot as it is after a change. A version that is already known can be dropped."""

    slot_id = graphene.ID(required=True)
    venue_id = graphene.ID(required=True)
    start_time = graphene.DateTime(required=True, description="In the venue's offset.")
    status = graphene.Field(SlotStatus, required=True)
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
        venue_id=graphene.ID(required=True),
        description="Each change of a slot of the venue, from now on.",
    )

    @staticmethod
    async def subscribe_slot_availability_changed(_root, info, venue_id) -> AsyncIterator[Change]:
        see = partial(
            in_database,
            visible_venue,
            actor=info.context.actor,
            venue_id=Venue.parse_id(venue_id, field="venue_id"),
        )
        venue = await see()

        async def recover(since: datetime) -> Sequence[Message]:
            return await in_database(slot_messages_since, venue=venue, moment=since)

        listening = hub.listen(
            venue_group(venue.pk), recover=recover, check=see, is_public=venue.is_public
        )
        async with listening as changes:
            async for change in changes:
                yield change

    @staticmethod
    def resolve_slot_availability_changed(change: Change, _info, **_arguments):
        return SlotChange.from_message(change.message)

"""What a change of a schedule would do to slots, and what stands against the schedule as it is."""

import graphene

from bookings import difference, models
from bookings.api.graphql.bookings import BookingStatus
from bookings.services import previews
from bookings.services.conflicts import schedule_conflicts
from reserve.core.database import in_database
from reserve.core.graphql.connections import PAGE_ARGUMENTS, TotalCount, connection_of
from reserve.core.graphql.described import enum_of, id_of, own_id
from venues.api.graphql.venues import Resource
from venues.models import Venue as VenueModel
from venues.selectors import resources_by_id

_KINDS = difference.ConflictKind
ConflictKind = enum_of(
    _KINDS,
    "Why a slot keeps the schedule from being carried out.",
    {
        _KINDS.NOT_PLANNED: "Its seats are in use, but the schedule does not offer it any more.",
        _KINDS.CAPACITY: "More of its seats are in use than the schedule offers.",
        _KINDS.BLOCKED: "It is in the way of a planned slot, which is left out.",
    },
)


class PreviewSlot(graphene.ObjectType):
    """A slot as it is or would be."""

    slot_id = graphene.ID(description="null for one that is not there yet.")
    resource = graphene.Field(Resource, required=True, description="What is booked.")
    start_time = graphene.DateTime(required=True, description="In the venue's offset.")
    end_time = graphene.DateTime(required=True, description="In the venue's offset.")
    capacity = graphene.Int(required=True, description="Seats altogether.")
    capacity_before = graphene.Int(description="Seats now, where they would be other; or null.")

    @staticmethod
    def resolve_slot_id(slot: previews.PreviewSlot, _info):
        return models.Slot.format_id(slot.slot_id) if slot.slot_id else None

    @staticmethod
    async def resolve_resource(slot: previews.PreviewSlot, info):
        return await info.context.load(resources_by_id, slot.resource_id)

    @staticmethod
    def resolve_start_time(slot: previews.PreviewSlot, _info):
        return slot.starts_at

    @staticmethod
    def resolve_end_time(slot: previews.PreviewSlot, _info):
        return slot.ends_at


class ConflictBooking(graphene.ObjectType):
    """A booking that is kept, though the schedule is against it."""

    id = own_id("booking")
    confirmation_code = graphene.String(required=True, description="8 letters and digits.")
    guest_name = graphene.String(required=True, description="Who it is for.")
    guest_count = graphene.Int(required=True, description="Size of the party.")
    start_time = graphene.DateTime(required=True, description="In the venue's offset.")
    end_time = graphene.DateTime(required=True, description="In the venue's offset.")
    status = graphene.Field(BookingStatus, required=True, description="Where it stands now.")

    @staticmethod
    def resolve_id(booking: previews.ConflictBooking, _info):
        return models.Booking.format_id(booking.booking_id)

    @staticmethod
    def resolve_start_time(booking: previews.ConflictBooking, _info):
        return booking.starts_at

    @staticmethod
    def resolve_end_time(booking: previews.ConflictBooking, _info):
        return booking.ends_at


class PreviewConflict(graphene.ObjectType):
    """A slot that keeps the schedule from being carried out."""

    kind = graphene.Field(ConflictKind, required=True, description="Why it is kept.")
    slot = graphene.Field(PreviewSlot, required=True, description="The slot as it is.")
    planned = graphene.Field(
        PreviewSlot, description="What the schedule wants instead, where it wants anything."
    )
    bookings = graphene.List(
        graphene.NonNull(ConflictBooking),
        required=True,
        description=f"The first {previews.MAX_BOOKINGS_TOLD}, by when they were made.",
    )


class PreviewSlots(graphene.ObjectType):
    """Some slots, counted, and the first of them."""

    count = graphene.Int(required=True, description="How many there are altogether.")
    first = graphene.List(
        graphene.NonNull(PreviewSlot), required=True, description=f"At most {previews.MAX_TOLD}."
    )


class PreviewConflicts(graphene.ObjectType):
    """Some conflicts, counted, and the first of them."""

    count = graphene.Int(required=True, description="How many there are altogether.")
    first = graphene.List(
        graphene.NonNull(PreviewConflict),
        required=True,
        description=f"At most {previews.MAX_TOLD}.",
    )


class Preview(graphene.ObjectType):
    """What a change would do to the slots that are published. Nothing has been changed."""

    added = graphene.Field(PreviewSlots, required=True, description="Offered in addition.")
    removed = graphene.Field(PreviewSlots, required=True, description="Deleted: never used.")
    withdrawn = graphene.Field(
        PreviewSlots,
        required=True,
        description="Closed; whoever has booked them keeps the booking.",
    )
    restored = graphene.Field(
        PreviewSlots, required=True, description="Withdrawn before, and offered again."
    )
    changed = graphene.Field(PreviewSlots, required=True, description="Given another capacity.")
    conflicts = graphene.Field(
        PreviewConflicts, required=True, description="What is kept against the schedule."
    )
    booking_count = graphene.Int(
        required=True, description="Bookings on slots that are in conflict."
    )


class ScheduleConflictConnection(TotalCount, graphene.relay.Connection):
    """A page of conflicts."""

    class Meta:
        node = PreviewConflict
        strict_types = True


class Query(graphene.ObjectType):
    schedule_conflicts = graphene.Field(
        ScheduleConflictConnection,
        required=True,
        venue_id=id_of("venue"),
        **PAGE_ARGUMENTS,
        description="The slots that keep a venue's schedule from being carried out, with their"
        " bookings, by time (staff).",
    )

    @staticmethod
    async def resolve_schedule_conflicts(_root, info, *, venue_id, first, after=None):
        page = await in_database(
            schedule_conflicts,
            actor=info.context.actor,
            venue_id=VenueModel.parse_id(venue_id, field="venue_id"),
            first=first,
            after=after,
        )
        return connection_of(ScheduleConflictConnection, page)

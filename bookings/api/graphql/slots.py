import graphene
from graphene.utils.str_converters import to_camel_case
from graphene_django import DjangoObjectType

from bookings import boards, models, selectors, states
from bookings.rules import why_unavailable
from bookings.services.bookings import MAX_REASON
from bookings.services.slots import add_slot, change_slot
from reserve.core.clock import now
from reserve.core.database import in_database
from reserve.core.graphql.described import enum_of, id_of, own_id, taking
from reserve.core.graphql.rendered import PlainSelections, Rendered
from venues.api.graphql import Resource, Venue
from venues.models import Resource as ResourceModel
from venues.models import Venue as VenueModel

SlotStatus = enum_of(
    states.SlotStatus,
    "Whether a slot can be booked.",
    {
        states.SlotStatus.AVAILABLE: "It has seats left.",
        states.SlotStatus.FULL: "It has none left.",
        states.SlotStatus.CLOSED: "Staff have closed it.",
        states.SlotStatus.PAST: "It has started; staff may still seat walk-ins until its end.",
    },
)


class Slot(DjangoObjectType):
    """A stretch of time on a resource, with seats."""

    id = own_id("slot")
    start_time = graphene.DateTime(required=True, description="In the venue's offset.")
    end_time = graphene.DateTime(required=True, description="In the venue's offset.")
    status = graphene.Field(SlotStatus, required=True, description="As it is now.")
    capacity = graphene.Int(required=True, description="Seats altogether.")
    remaining_capacity = graphene.Int(required=True, description="Seats that are free.")
    version = graphene.Int(required=True, description="Grows with every change of the slot.")
    unavailable_reason = graphene.String(
        description="The code with which a booking would be refused now, or null."
    )
    resource = graphene.Field(Resource, required=True, description="What is booked.")
    venue = graphene.Field(Venue, required=True, description="Where it is.")

    class Meta:
        model = models.Slot
        fields = ()

    @staticmethod
    def resolve_id(slot: models.Slot, _info):
        return slot.public_id

    @staticmethod
    def resolve_start_time(slot: models.Slot, _info):
        return slot.venue.local(slot.starts_at)

    @staticmethod
    def resolve_end_time(slot: models.Slot, _info):
        return slot.venue.local(slot.ends_at)

    @staticmethod
    def resolve_status(slot: models.Slot, _info):
        return slot.status_at(now())

    @staticmethod
    def resolve_unavailable_reason(slot: models.Slot, _info):
        reason = why_unavailable(slot, now())
        return reason.code if reason else None

    @staticmethod
    def resolve_remaining_capacity(slot: models.Slot, _info):
        return slot.remaining


_plain = PlainSelections(
    [to_camel_case(name) for name in boards.OfferedSlot._fields],
    Slot._meta.name,  # noqa: SLF001 (graphene's own way)
)


class AddSlotInput(graphene.InputObjectType):
    """A slot beside the schedule, which then leaves it alone."""

    resource_id = id_of("resource")
    start_time = graphene.DateTime(
        required=True, description="With offset; not in the past, within the venue's horizon."
    )
    end_time = graphene.DateTime(
        required=True, description="With offset; a minute to 24 hours after the start."
    )
    capacity = graphene.Int(description="Seats altogether; without it, the resource's.")


class UpdateSlotInput(graphene.InputObjectType):
    """What is left out, or null, stays as it is."""

    id = id_of("slot")
    capacity = graphene.Int(description="Seats altogether, not below what is taken.")
    is_closed = graphene.Boolean(description="Whether nobody can book it.")
    reason = graphene.String(
        default_value="", description=f"Kept in its history; at most {MAX_REASON} characters."
    )


class CalendarDay(graphene.ObjectType):
    """One day of a venue's calendar, for a party of some size."""

    date = graphene.Date(required=True, description="A day of the venue's calendar.")
    slot_count = graphene.Int(required=True, description="Slots altogether, bookable or not.")
    available_slot_count = graphene.Int(
        required=True, description="Slots that the party can book now."
    )
    remaining_capacity = graphene.Int(
        required=True, description="Seats that are free on the available slots."
    )


class Query(graphene.ObjectType):
    available_slots = graphene.List(
        graphene.NonNull(Slot),
        required=True,
        venue_id=id_of("venue"),
        date=graphene.Date(required=True, description="A day of the venue's calendar."),
        guest_count=graphene.Int(description="Only slots where a party of this size fits."),
        slot_count=graphene.Int(default_value=1, description="Consecutive slots wanted."),
        resource_id=graphene.ID(description="Only slots of this resource."),
        description="The slots of a day that the caller can book now.",
    )
    slots = graphene.List(
        graphene.NonNull(Slot),
        required=True,
        args={
            "venue_id": id_of("venue"),
            "first_day": graphene.Date(name="from", required=True, description="A local day."),
            "last_day": graphene.Date(name="to", required=True, description="Included."),
        },
        description="Every slot of some days, each with why it cannot be booked.",
    )
    availability_calendar = graphene.List(
        graphene.NonNull(CalendarDay),
        required=True,
        args={
            "venue_id": id_of("venue"),
            "first_day": graphene.Date(name="from", required=True, description="A local day."),
            "last_day": graphene.Date(
                name="to",
                required=True,
                description=f"Included; at most {selectors.MAX_CALENDAR_DAYS} days altogether.",
            ),
            "guest_count": graphene.Int(
                description="Size of the party; without it, the smallest that the venue takes."
            ),
        },
        description="What each day of a venue offers a party now, days without slots too.",
    )
    next_available_slots = graphene.List(
        graphene.NonNull(Slot),
        required=True,
        venue_ids=graphene.List(
            graphene.NonNull(graphene.ID),
            required=True,
            description=f"At most {selectors.MAX_VENUES}.",
        ),
        guest_count=graphene.Int(
            description="Size of the party; without it, the smallest that each venue takes."
        ),
        slot_count=graphene.Int(default_value=1, description="Consecutive slots wanted."),
        after=graphene.DateTime(description="Only slots that start then or later, with offset."),
        first=graphene.Int(
            default_value=1,
            description=f"How many slots of each venue, at most {selectors.MAX_NEXT_SLOTS}.",
        ),
        description="Of each venue the first slots that the party can book, by their start.",
    )

    @staticmethod
    async def resolve_available_slots(
        _root, info, *, venue_id, date, guest_count=None, slot_count=1, resource_id=None
    ):
        asked = {
            "actor": info.context.actor,
            "venue_id": VenueModel.parse_id(venue_id, field="venue_id"),
            "day": date,
            "guest_count": guest_count,
            "resource_id": ResourceModel.parse_id(resource_id, field="resource_id")
            if resource_id
            else None,
        }
        selection = _plain.of(info) if slot_count == 1 else None
        if selection is None:
            return await in_database(selectors.available_slots, slot_count=slot_count, **asked)
        offer = await boards.offer(**asked)
        rendered = offer.rendered.get(selection)
        if rendered is None:
            rows = [(*slot, _plain.typename) for slot in offer.slots]
            rendered = offer.rendered[selection] = Rendered(selection.render(rows))
        return rendered

    @staticmethod
    async def resolve_slots(_root, info, *, venue_id, first_day, last_day):
        return await in_database(
            selectors.slots_between,
            actor=info.context.actor,
            venue_id=VenueModel.parse_id(venue_id, field="venue_id"),
            first_day=first_day,
            last_day=last_day,
        )

    @staticmethod
    async def resolve_availability_calendar(
        _root, info, *, venue_id, first_day, last_day, guest_count=None
    ):
        return await in_database(
            selectors.availability_calendar,
            actor=info.context.actor,
            venue_id=VenueModel.parse_id(venue_id, field="venue_id"),
            first_day=first_day,
            last_day=last_day,
            guest_count=guest_count,
        )

    @staticmethod
    async def resolve_next_available_slots(_root, info, *, venue_ids, **asked):
        # Before each is parsed: there may be a million.
        selectors.check_venues(venue_ids)
        return await in_database(
            selectors.next_available_slots,
            actor=info.context.actor,
            venue_ids=[VenueModel.parse_id(id_, field="venue_ids") for id_ in venue_ids],
            **asked,
        )


class Mutation(graphene.ObjectType):
    add_slot = graphene.Field(
        Slot,
        required=True,
        input=taking(AddSlotInput),
        description="Add a slot by hand, beside the schedule (staff).",
    )
    update_slot = graphene.Field(
        Slot,
        required=True,
        input=taking(UpdateSlotInput),
        description="Close or reopen a slot, or give it another capacity (staff).",
    )

    @staticmethod
    async def resolve_add_slot(_root, info, input):  # noqa: A002 (the contract's name)
        return await in_database(
            add_slot,
            actor=info.context.actor,
            resource_id=ResourceModel.parse_id(input.resource_id, field="resource_id"),
            starts_at=input.start_time,
            ends_at=input.end_time,
            capacity=input.get("capacity"),
        )

    @staticmethod
    async def resolve_update_slot(_root, info, input):  # noqa: A002 (the contract's name)
        return await in_database(
            change_slot,
            actor=info.context.actor,
            slot_id=models.Slot.parse_id(input.id),
            capacity=input.get("capacity"),
            is_closed=input.get("is_closed"),
            reason=input.get("reason") or "",
        )

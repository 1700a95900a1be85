import graphene
from graphene_django import DjangoObjectType

from bookings import models, selectors, states
from bookings.api.graphql.slots import Slot
from bookings.guests import GuestDetails
from bookings.requests.create import SeatsWanted
from bookings.services.bookings import (
    aapply_transition,
    aconfirm_hold,
    acreate_booking,
    acreate_hold,
    areschedule_booking,
    aupdate_booking,
)
from bookings.states import Transition
from reserve.core.clock import now
from reserve.core.idempotency import agreed_key
from venues.api.graphql import Venue
from venues.models import Venue as VenueModel

MANAGE_TOKEN = "What a guest without an account was told when they booked."  # noqa: S105

BookingStatus = graphene.Enum.from_enum(states.BookingStatus, description="Where a booking stands.")


class Guest(DjangoObjectType):
    """The person a booking is for."""

    id = graphene.ID(required=True)

    class Meta:
        model = models.Guest
        fields = ("name", "email", "phone", "locale")

    @staticmethod
    def resolve_id(guest: models.Guest, _info):
        return guest.public_id


class Booking(DjangoObjectType):
    """Seats taken, on one slot or on consecutive slots of one resource."""

    id = graphene.ID(required=True)
    status = graphene.Field(BookingStatus, required=True)
    slot = graphene.Field(Slot, required=True, description="The first of its slots.")
    slots = graphene.List(graphene.NonNull(Slot), required=True)
    start_time = graphene.DateTime(required=True, description="In the venue's offset.")
    end_time = graphene.DateTime(required=True, description="In the venue's offset.")
    hold_expires_at = graphene.DateTime(description="When a hold lapses, in the venue's offset.")
    created_at = graphene.DateTime(required=True, description="In the venue's offset.")
    cancelled_at = graphene.DateTime(description="In the venue's offset.")
    venue = graphene.Field(Venue, required=True)
    guest = graphene.Field(Guest, required=True)
    manage_token = graphene.String(
        description="Told once to a guest without an account: what authorises them from then on."
    )

    class Meta:
        model = models.Booking
        fields = (
            "confirmation_code",
            "guest_count",
            "seats",
            "notes",
        )

    @staticmethod
    def resolve_id(booking: models.Booking, _info):
        return booking.public_id

    @staticmethod
    def resolve_status(booking: models.Booking, _info):
        return booking.status_at(now())

    @staticmethod
    async def resolve_guest(booking: models.Booking, info):
        if models.Booking.guest.is_cached(booking):
            return booking.guest
        return await info.context.load(selectors.guests_by_id, booking.guest_id)

    @staticmethod
    async def resolve_slot(booking: models.Booking, info):
        return (await _slots_of(booking, info))[0]

    @staticmethod
    async def resolve_slots(booking: models.Booking, info):
        return await _slots_of(booking, info)

    @staticmethod
    def resolve_start_time(booking: models.Booking, _info):
        return booking.venue.local(booking.starts_at)

    @staticmethod
    def resolve_end_time(booking: models.Booking, _info):
        return booking.venue.local(booking.ends_at)

    @staticmethod
    def resolve_hold_expires_at(booking: models.Booking, _info):
        return booking.venue.local(booking.hold_expires_at)

    @staticmethod
    def resolve_created_at(booking: models.Booking, _info):
        return booking.venue.local(booking.created_at)

    @staticmethod
    def resolve_cancelled_at(booking: models.Booking, _info):
        return booking.venue.local(booking.cancelled_at)


async def _slots_of(booking: models.Booking, info) -> list[models.Slot]:
    if booking.slots_at_hand is not None:
        return booking.slots_at_hand
    slots: list[models.Slot] = await info.context.load(selectors.slots_of_bookings, booking.pk)
    return slots


class GuestInput(graphene.InputObjectType):
    """The person a booking is for, where that is not the caller."""

    name = graphene.String(required=True)
    email = graphene.String(default_value="", description="Where they can be reached; or `phone`.")
    phone = graphene.String(default_value="", description="As people write it: +45 12 34 56 78.")
    locale = graphene.String(default_value="en", description="BCP 47 language tag.")


class _SeatsInput(graphene.InputObjectType):
    slot_id = graphene.ID(required=True, description="The first slot.")
    venue_id = graphene.ID(required=True)
    guest_count = graphene.Int(required=True, description="Size of the party, at least 1.")
    slot_count = graphene.Int(default_value=1, description="Consecutive slots, all or none.")
    notes = graphene.String(default_value="")
    guest = graphene.InputField(
        GuestInput, description="Who it is for, where the caller has no account or is staff."
    )
    idempotency_key = graphene.String(
        description="Repeats of a call with the same key and content get the same booking, 24 h."
    )


class CreateBookingInput(_SeatsInput):
    """Which seats are wanted, for how many, and for whom."""


class CreateHoldInput(_SeatsInput):
    """Which seats are wanted for a while, for how many, and for whom."""


def _applying(
    transition: Transition,
    description: str,
    *,
    with_reason: bool = False,
    with_manage_token: bool = False,
):
    """A mutation that moves a booking along the state machine."""
    arguments = {"id": graphene.ID(required=True)}
    if with_reason:
        arguments["reason"] = graphene.String(default_value="")
    if with_manage_token:
        arguments["manage_token"] = graphene.String(description=MANAGE_TOKEN)

    async def resolve(_root, info, id, reason="", manage_token=None):  # noqa: A002
        return await aapply_transition(
            actor=info.context.actor.with_manage_token(manage_token),
            booking_id=models.Booking.parse_id(id),
            transition=transition,
            reason=reason,
        )

    return graphene.Field(
        Booking, required=True, args=arguments, resolver=resolve, description=description
    )


class Mutation(graphene.ObjectType):
    create_hold = graphene.Field(
        Booking,
        required=True,
        input=CreateHoldInput(required=True),
        description="Take seats for a while, until the hold lapses.",
    )
    create_booking = graphene.Field(
        Booking,
        required=True,
        input=CreateBookingInput(required=True),
        description="Book seats; the venue's queue or staff confirm.",
    )
    confirm_booking = graphene.Field(
        Booking,
        required=True,
        id=graphene.ID(required=True),
        guest=GuestInput(description="Who comes, where that is now another person."),
        manage_token=graphene.String(description=MANAGE_TOKEN),
        description="Turn a hold into a booking.",
    )
    cancel_booking = _applying(
        states.CANCEL, "Give the seats back.", with_reason=True, with_manage_token=True
    )
    approve_booking = _applying(states.APPROVE, "Confirm a pending booking (staff).")
    decline_booking = _applying(
        states.DECLINE, "Decline a pending booking (staff).", with_reason=True
    )
    check_in_booking = _applying(states.CHECK_IN, "The party has arrived (staff).")
    undo_check_in = _applying(states.UNDO_CHECK_IN, "The party has not arrived after all (staff).")
    mark_no_show = _applying(states.MARK_NO_SHOW, "The party did not come (staff).")
    complete_booking = _applying(states.COMPLETE, "The party has left (staff).")

    reschedule_booking = graphene.Field(
        Booking,
        required=True,
        id=graphene.ID(required=True),
        slot_id=graphene.ID(required=True, description="The first of the new slots."),
        manage_token=graphene.String(description=MANAGE_TOKEN),
        description="Move a booking; the old seats go back only if the new ones are had.",
    )
    update_booking = graphene.Field(
        Booking,
        required=True,
        id=graphene.ID(required=True),
        guest_count=graphene.Int(description="The new size of the party."),
        notes=graphene.String(),
        manage_token=graphene.String(description=MANAGE_TOKEN),
        description="Change the size of the party, or the notes.",
    )

    @staticmethod
    async def resolve_confirm_booking(
        _root,
        info,
        id,  # noqa: A002 (the contract's name)
        guest=None,
        manage_token=None,
    ):
        return await aconfirm_hold(
            actor=info.context.actor.with_manage_token(manage_token),
            booking_id=models.Booking.parse_id(id),
            guest=GuestDetails(**guest) if guest else None,
        )

    @staticmethod
    async def resolve_reschedule_booking(
        _root,
        info,
        id,  # noqa: A002 (the contract's name)
        slot_id,
        manage_token=None,
    ):
        return await areschedule_booking(
            actor=info.context.actor.with_manage_token(manage_token),
            booking_id=models.Booking.parse_id(id),
            slot_id=models.Slot.parse_id(slot_id, field="slot_id"),
        )

    @staticmethod
    async def resolve_update_booking(_root, info, id, manage_token=None, **changes):  # noqa: A002
        return await aupdate_booking(
            actor=info.context.actor.with_manage_token(manage_token),
            booking_id=models.Booking.parse_id(id),
            **changes,
        )

    @staticmethod
    async def resolve_create_hold(_root, info, input):  # noqa: A002 (the contract's name)
        return await acreate_hold(actor=info.context.actor, seats=_wanted(info, input))

    @staticmethod
    async def resolve_create_booking(_root, info, input):  # noqa: A002 (the contract's name)
        return await acreate_booking(actor=info.context.actor, seats=_wanted(info, input))


def _wanted(info, seats: _SeatsInput) -> SeatsWanted:
    guest = seats.get("guest")
    return SeatsWanted(
        venue_id=VenueModel.parse_id(seats.venue_id, field="venue_id"),
        slot_id=models.Slot.parse_id(seats.slot_id, field="slot_id"),
        guest_count=seats.guest_count,
        slot_count=seats.slot_count,
        notes=seats.notes,
        guest=GuestDetails(**guest) if guest else None,
        idempotency_key=agreed_key(info.context.idempotency_key, seats.idempotency_key),
    )

from typing import Any

import graphene
from graphene_django import DjangoObjectType

from accounts.person import MAX_EMAIL, MAX_LOCALE, MAX_NAME, MAX_PHONE
from bookings import models, selectors, states
from bookings.api.graphql.slots import Slot
from bookings.guests import GuestDetails
from bookings.idempotency import MAX_KEY
from bookings.requests.create import SeatsWanted
from bookings.services.bookings import (
    MAX_NOTES,
    MAX_REASON,
    aapply_transition,
    aconfirm_hold,
    acreate_booking,
    acreate_hold,
    areschedule_booking,
    aupdate_booking,
)
from bookings.states import Transition
from reserve.core.clock import now
from reserve.core.graphql.described import at_most, enum_of, id_of, own_id, taking
from reserve.core.idempotency import agreed_key
from venues.api.graphql import Venue
from venues.models import Venue as VenueModel

MANAGE_TOKEN = "What a guest without an account was told when they booked."  # noqa: S105

_S = states.BookingStatus
BookingStatus = enum_of(
    _S,
    "Where a booking stands. Seats are taken in every status but the last three.",
    {
        _S.HELD: "Seats are kept until `holdExpiresAt`.",
        _S.PENDING: "Waits to be confirmed, by the queue or by staff.",
        _S.CONFIRMED: "The party is expected.",
        _S.CHECKED_IN: "The party has arrived.",
        _S.COMPLETED: "The party has left.",
        _S.NO_SHOW: "The party did not come.",
        _S.EXPIRED: "A hold that nobody confirmed in time.",
        _S.DECLINED: "Staff declined it, or nobody answered before the slot began.",
        _S.CANCELLED: "The customer or staff cancelled it.",
    },
)


class Guest(DjangoObjectType):
    """The person a booking is for."""

    id = own_id("guest")
    name = graphene.String(required=True, description="At most 200 characters.")
    email = graphene.String(required=True, description="Where they can be reached; may be empty.")
    phone = graphene.String(required=True, description="As they write it; may be empty.")
    locale = graphene.String(required=True, description="BCP 47 language tag.")

    class Meta:
        model = models.Guest
        fields = ()

    @staticmethod
    def resolve_id(guest: models.Guest, _info):
        return guest.public_id


class Booking(DjangoObjectType):
    """Seats taken, on one slot or on consecutive slots of one resource."""

    id = own_id("booking")
    status = graphene.Field(
        BookingStatus,
        required=True,
        description="As everybody sees it: a hold that has lapsed is `EXPIRED`.",
    )
    confirmation_code = graphene.String(
        required=True, description="8 letters and digits to read out and write down."
    )
    guest_count = graphene.Int(required=True, description="Size of the party, in people.")
    seats = graphene.Int(required=True, description="Seats taken on each of its slots.")
    notes = graphene.String(
        required=True,
        description=f"What the guest wishes; at most {MAX_NOTES} characters, may be empty.",
    )
    slot = graphene.Field(Slot, required=True, description="The first of its slots.")
    slots = graphene.List(
        graphene.NonNull(Slot), required=True, description="All of them, in order of their start."
    )
    start_time = graphene.DateTime(required=True, description="In the venue's offset.")
    end_time = graphene.DateTime(required=True, description="In the venue's offset.")
    hold_expires_at = graphene.DateTime(description="When a hold lapses, in the venue's offset.")
    created_at = graphene.DateTime(required=True, description="In the venue's offset.")
    cancelled_at = graphene.DateTime(description="In the venue's offset.")
    venue = graphene.Field(Venue, required=True, description="Where it is.")
    guest = graphene.Field(Guest, required=True, description="Who it is for.")
    manage_token = graphene.String(
        description="Told once to a guest without an account: what authorises them from then on."
    )

    class Meta:
        model = models.Booking
        fields = ()

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

    name = graphene.String(required=True, description=at_most(MAX_NAME))
    email = graphene.String(
        default_value="",
        description=at_most(MAX_EMAIL, "Where they can be reached; or `phone`."),
    )
    phone = graphene.String(
        default_value="", description=at_most(MAX_PHONE, "As people write it: +45 12 34 56 78.")
    )
    locale = graphene.String(
        default_value="en", description=at_most(MAX_LOCALE, "BCP 47 language tag.")
    )


class _SeatsInput(graphene.InputObjectType):
    slot_id = graphene.ID(required=True, description="The first slot.")
    venue_id = id_of("venue")
    guest_count = graphene.Int(required=True, description="Size of the party, at least 1.")
    slot_count = graphene.Int(default_value=1, description="Consecutive slots, all or none.")
    notes = graphene.String(
        default_value="", description=f"Wishes; at most {MAX_NOTES} characters."
    )
    guest = graphene.InputField(
        GuestInput, description="Who it is for, where the caller has no account or is staff."
    )
    idempotency_key = graphene.String(
        description=at_most(
            MAX_KEY,
            "Repeats of a call with the same key and content get the same booking, 24 h.",
            "Visible characters of ASCII.",
        )
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
    arguments: dict[str, Any] = {"id": id_of("booking")}
    if with_reason:
        arguments["reason"] = graphene.String(
            default_value="", description=f"Kept in its history; at most {MAX_REASON} characters."
        )
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
        input=taking(CreateHoldInput),
        description="Take seats for a while, until the hold lapses.",
    )
    create_booking = graphene.Field(
        Booking,
        required=True,
        input=taking(CreateBookingInput),
        description="Book seats; the venue's queue or staff confirm.",
    )
    confirm_booking = graphene.Field(
        Booking,
        required=True,
        id=id_of("booking"),
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
        id=id_of("booking"),
        slot_id=graphene.ID(required=True, description="The first of the new slots."),
        manage_token=graphene.String(description=MANAGE_TOKEN),
        description="Move a booking; the old seats go back only if the new ones are had.",
    )
    update_booking = graphene.Field(
        Booking,
        required=True,
        id=id_of("booking"),
        guest_count=graphene.Int(description="The new size of the party."),
        notes=graphene.String(
            description=f"The new notes, at most {MAX_NOTES} characters; null keeps them."
        ),
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

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actors import Actor
from accounts.api.authentication import actor_of
from bookings import selectors, states
from bookings.api.rest.fields import BOOKING_STATUSES, StatusField, VenueTimeField
from bookings.api.rest.slots import SlotSerializer, slots_as_json
from bookings.errors import (
    BookingLimitReached,
    HoldExpired,
    IdempotencyMismatch,
    InvalidState,
    OutsideBookingWindow,
    OutsideCancellationWindow,
    PartySizeNotAllowed,
    SlotBusy,
    SlotClosed,
    SlotInPast,
    SlotUnavailable,
)
from bookings.guests import GuestDetails
from bookings.models import Booking, Guest, Slot
from bookings.requests.create import SeatsWanted
from bookings.rules import MAX_GUEST_COUNT, MAX_SLOT_COUNT
from bookings.services import bookings
from bookings.states import Transition
from reserve.core.errors import Forbidden, NotFound
from reserve.core.idempotency import IDEMPOTENCY_HEADER, agreed_key
from reserve.core.rest.fields import IdField, OwnIdField
from reserve.core.rest.operations import Login, operation
from reserve.core.rest.serializers import (
    StrictCharField,
    StrictIntegerField,
    StrictSerializer,
    StrictTextField,
    body_of,
)
from reserve.core.rest.views import View
from venues.models import Venue

# The secret of a booking made without an account; never in the address, which logs keep.
MANAGE_TOKEN_HEADER = "Manage-Token"  # noqa: S105 (its name, not a secret)


class GuestSerializer(StrictSerializer):
    """The person a booking is for."""

    name = StrictTextField(help_text="One line, at most 200 characters.")
    email = StrictTextField(default="", help_text="Where they can be reached; or `phone`.")
    phone = StrictTextField(default="", help_text="As people write it: +45 12 34 56 78.")
    locale = StrictTextField(default="en", help_text="BCP 47 language tag.")


class BookedGuestSerializer(serializers.Serializer[Guest]):
    name = serializers.CharField()
    email = serializers.CharField(help_text="Empty where there is only a phone number.")
    phone = serializers.CharField(help_text="Empty where there is only an e-mail address.")
    locale = serializers.CharField(help_text="BCP 47 language tag.")


class SeatsSerializer(StrictSerializer):
    """Which seats are wanted, for how many, and for whom."""

    venue_id = IdField(Venue)
    slot_id = IdField(Slot, help_text="The first slot.")
    guest_count = StrictIntegerField(
        min_value=1, max_value=MAX_GUEST_COUNT, help_text="Size of the party."
    )
    slot_count = StrictIntegerField(
        default=1,
        min_value=1,
        max_value=MAX_SLOT_COUNT,
        help_text="Consecutive slots, all or none.",
    )
    notes = StrictTextField(default="", help_text=f"At most {bookings.MAX_NOTES} characters.")
    guest = GuestSerializer(
        required=False, help_text="Who it is for, where the caller has no account or is staff."
    )
    idempotency_key = StrictCharField(
        required=False, max_length=255, help_text="As the header Idempotency-Key."
    )

    def wanted(self, idempotency_header: str | None) -> SeatsWanted:
        seats: dict[str, Any] = self.validated_data
        guest = seats.get("guest")
        return SeatsWanted(
            venue_id=seats["venue_id"],
            slot_id=seats["slot_id"],
            guest_count=seats["guest_count"],
            slot_count=seats["slot_count"],
            notes=seats["notes"],
            guest=GuestDetails(**guest) if guest else None,
            idempotency_key=agreed_key(idempotency_header, seats.get("idempotency_key")),
        )


class ConfirmSerializer(StrictSerializer):
    guest = GuestSerializer(
        required=False, help_text="Who comes, where that is now another person."
    )


class RescheduleSerializer(StrictSerializer):
    slot_id = IdField(Slot, help_text="The first of the new slots.")


class ChangesSerializer(StrictSerializer):
    guest_count = StrictIntegerField(
        required=False,
        min_value=1,
        max_value=MAX_GUEST_COUNT,
        help_text="The new size of the party.",
    )
    notes = StrictTextField(required=False)


class ReasonSerializer(StrictSerializer):
    reason = StrictTextField(default="", help_text=f"At most {bookings.MAX_REASON} characters.")


class BookingSerializer(serializers.Serializer[Booking]):
    id = OwnIdField(Booking)
    venue_id = IdField(Venue)
    status = StatusField(BOOKING_STATUSES)
    confirmation_code = serializers.CharField()
    guest_count = serializers.IntegerField(help_text="Size of the party.")
    seats = serializers.IntegerField(help_text="Seats taken on each slot.")
    notes = serializers.CharField()
    start_time = VenueTimeField(source="starts_at")
    end_time = VenueTimeField(source="ends_at")
    slot = serializers.SerializerMethodField(help_text="The first of its slots.")
    slots = serializers.SerializerMethodField(help_text="All of them, by their start.")
    guest = BookedGuestSerializer()
    hold_expires_at = VenueTimeField(allow_null=True)
    created_at = VenueTimeField()
    cancelled_at = VenueTimeField(allow_null=True)
    manage_token = serializers.CharField(
        allow_null=True, help_text="Told once to a guest without an account, who sends it back."
    )

    @extend_schema_field(SlotSerializer)
    def get_slot(self, booking: Booking) -> dict[str, Any]:
        return self.get_slots(booking)[0]

    @extend_schema_field(SlotSerializer(many=True))
    def get_slots(self, booking: Booking) -> list[dict[str, Any]]:
        if booking.slots_at_hand is None:
            booking.slots_at_hand = selectors.slots_of_bookings([booking.pk])[booking.pk]
        return slots_as_json(booking.slots_at_hand)


_MANAGE = {
    MANAGE_TOKEN_HEADER: (
        "The secret of a booking that was made without an account, in place of a token.",
        {"maxLength": 200},
    )
}
_IDEMPOTENT = {
    IDEMPOTENCY_HEADER: (
        "Names this call: sent again within 24 hours, it is answered with the same booking.",
        {"minLength": 1, "maxLength": 255},
    )
}
_EXAMPLE_SEATS = {
    "venue_id": "venue_01HQ3K5W6X7Y8Z9A0B1C2D3E4F",
    "slot_id": "slot_01HQ3K5W6X7Y8Z9A0B1C2D3E4F",
    "guest_count": 4,
    "notes": "Window seat preferred",
}
_TAKEN = (
    NotFound,
    Forbidden,
    SlotUnavailable,
    SlotClosed,
    SlotInPast,
    OutsideBookingWindow,
    PartySizeNotAllowed,
    BookingLimitReached,
    SlotBusy,
)
_TAKING = (*_TAKEN, IdempotencyMismatch)
_MOVED = (Forbidden, InvalidState, HoldExpired, SlotBusy)


class HoldsView(View):
    @operation(
        "create_hold",
        body=SeatsSerializer,
        example=_EXAMPLE_SEATS,
        answers=BookingSerializer,
        status=201,
        refusals=_TAKING,
        headers=_IDEMPOTENT,
    )
    def post(self, request: Request) -> Response:
        """Take seats for a while, until the hold lapses."""
        return _created(bookings.create_hold(actor=actor_of(request), seats=_wanted(request)))


class BookingsView(View):
    @operation(
        "create_booking",
        body=SeatsSerializer,
        example=_EXAMPLE_SEATS,
        answers=BookingSerializer,
        status=201,
        refusals=_TAKING,
        headers=_IDEMPOTENT,
    )
    def post(self, request: Request) -> Response:
        """Book seats; the venue's queue or staff confirm."""
        return _created(bookings.create_booking(actor=actor_of(request), seats=_wanted(request)))


class BookingView(View):
    @operation("get_booking", answers=BookingSerializer, headers=_MANAGE)
    def get(self, request: Request, booking: str) -> Response:
        """A booking, for its owner and the venue's staff."""
        found = selectors.visible_booking(
            actor=_holder(request), booking_id=Booking.parse_id(booking)
        )
        return Response(BookingSerializer(found).data)

    @operation(
        "update_booking",
        body=ChangesSerializer,
        example={"guest_count": 5},
        answers=BookingSerializer,
        refusals=(*_TAKEN, InvalidState, HoldExpired),
        headers=_MANAGE,
    )
    def patch(self, request: Request, booking: str) -> Response:
        """Change the size of the party, or the notes."""
        changed = bookings.update_booking(
            actor=_holder(request),
            booking_id=Booking.parse_id(booking),
            **body_of(request, ChangesSerializer),
        )
        return Response(BookingSerializer(changed).data)


class RescheduleView(View):
    @operation(
        "reschedule_booking",
        body=RescheduleSerializer,
        example={"slot_id": "slot_01HQ3K5W6X7Y8Z9A0B1C2D3E4F"},
        answers=BookingSerializer,
        refusals=(*_TAKEN, InvalidState, HoldExpired, OutsideCancellationWindow),
        headers=_MANAGE,
    )
    def post(self, request: Request, booking: str) -> Response:
        """Move a booking; the old seats go back only if the new ones are had."""
        moved = bookings.reschedule_booking(
            actor=_holder(request),
            booking_id=Booking.parse_id(booking),
            slot_id=body_of(request, RescheduleSerializer)["slot_id"],
        )
        return Response(BookingSerializer(moved).data)


class ConfirmView(View):
    @operation(
        "confirm_booking",
        body=ConfirmSerializer,
        example={"guest": {"name": "Ada Lovelace", "email": "ada@example.com"}},
        answers=BookingSerializer,
        refusals=_MOVED,
        headers=_MANAGE,
    )
    def post(self, request: Request, booking: str) -> Response:
        """Turn a hold into a booking."""
        guest = body_of(request, ConfirmSerializer).get("guest")
        confirmed = bookings.confirm_hold(
            actor=_holder(request),
            booking_id=Booking.parse_id(booking),
            guest=GuestDetails(**guest) if guest else None,
        )
        return Response(BookingSerializer(confirmed).data)


class TransitionView(View):
    """Moves a booking along the state machine; `transition` says which way."""

    transition: Transition

    def _move(self, request: Request, booking: str) -> Response:
        changed = bookings.apply_transition(
            actor=_holder(request),
            booking_id=Booking.parse_id(booking),
            transition=self.transition,
            reason=body_of(request, ReasonSerializer)["reason"],
        )
        return Response(BookingSerializer(changed).data)


class CancelView(TransitionView):
    transition = states.CANCEL

    @operation(
        "cancel_booking",
        body=ReasonSerializer,
        example={"reason": "Ill"},
        answers=BookingSerializer,
        refusals=(*_MOVED, OutsideCancellationWindow),
        headers=_MANAGE,
    )
    def post(self, request: Request, booking: str) -> Response:
        """Give the seats back."""
        return self._move(request, booking)


class _StaffTransitionView(TransitionView):
    """One that staff make; its name and its sentence are those of the class."""

    operation_name: str

    @operation(
        "move_booking",
        body=ReasonSerializer,
        example={"reason": "As agreed by phone"},
        answers=BookingSerializer,
        login=Login.REQUIRED,
        refusals=_MOVED,
    )
    def post(self, request: Request, booking: str) -> Response:
        return self._move(request, booking)


class ApproveView(_StaffTransitionView):
    """Confirm a pending booking (staff)."""

    operation_name, transition = "approve_booking", states.APPROVE


class DeclineView(_StaffTransitionView):
    """Decline a pending booking (staff)."""

    operation_name, transition = "decline_booking", states.DECLINE


class CheckInView(_StaffTransitionView):
    """The party has arrived (staff)."""

    operation_name, transition = "check_in_booking", states.CHECK_IN


class UndoCheckInView(_StaffTransitionView):
    """The party has not arrived after all (staff)."""

    operation_name, transition = "undo_check_in", states.UNDO_CHECK_IN


class NoShowView(_StaffTransitionView):
    """The party did not come (staff)."""

    operation_name, transition = "mark_no_show", states.MARK_NO_SHOW


class CompleteView(_StaffTransitionView):
    """The party has left (staff)."""

    operation_name, transition = "complete_booking", states.COMPLETE


def _holder(request: Request) -> Actor:
    """Whoever asks, with the secret of the booking where they hold it."""
    return actor_of(request).with_manage_token(request.headers.get(MANAGE_TOKEN_HEADER))


def _wanted(request: Request) -> SeatsWanted:
    seats = SeatsSerializer(data=request.data)
    seats.is_valid(raise_exception=True)
    return seats.wanted(request.headers.get(IDEMPOTENCY_HEADER))


def _created(booking: Booking) -> Response:
    location = reverse("booking", kwargs={"booking": booking.public_id})
    return Response(BookingSerializer(booking).data, status=201, headers={"Location": location})

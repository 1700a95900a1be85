from typing import Any

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.actors import Actor
from accounts.api.authentication import actor_of
from bookings import selectors, states
from bookings.api.rest.fields import VenueTimeField
from bookings.api.rest.slots import slots_as_json
from bookings.guests import GuestDetails
from bookings.models import Booking, Slot
from bookings.requests.create import SeatsWanted
from bookings.services import bookings
from bookings.states import BookingStatus, Transition
from reserve.core.clock import now
from reserve.core.idempotency import IDEMPOTENCY_HEADER, agreed_key
from reserve.core.rest.serializers import (
    StrictCharField,
    StrictIntegerField,
    StrictSerializer,
    StrictTextField,
)
from venues.models import Venue

# The secret of a booking made without an account; never in the address, which logs keep.
MANAGE_TOKEN_HEADER = "Manage-Token"  # noqa: S105 (its name, not a secret)


class GuestSerializer(StrictSerializer):
    """The person a booking is for."""

    name = StrictTextField(help_text="One line, at most 200 characters.")
    email = StrictTextField(default="", help_text="Where they can be reached; or `phone`.")
    phone = StrictTextField(default="", help_text="As people write it: +45 12 34 56 78.")
    locale = StrictTextField(default="en", help_text="BCP 47 language tag.")


class SeatsSerializer(StrictSerializer):
    """Which seats are wanted, for how many, and for whom."""

    venue_id = StrictCharField()
    slot_id = StrictCharField(help_text="The first slot.")
    guest_count = StrictIntegerField(help_text="Size of the party, at least 1.")
    slot_count = StrictIntegerField(default=1, help_text="Consecutive slots, all or none.")
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
            venue_id=Venue.parse_id(seats["venue_id"], field="venue_id"),
            slot_id=Slot.parse_id(seats["slot_id"], field="slot_id"),
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
    slot_id = StrictCharField(help_text="The first of the new slots.")


class ChangesSerializer(StrictSerializer):
    guest_count = StrictIntegerField(required=False, help_text="The new size of the party.")
    notes = StrictTextField(required=False)


class ReasonSerializer(StrictSerializer):
    reason = StrictTextField(default="", help_text=f"At most {bookings.MAX_REASON} characters.")


class BookingSerializer(serializers.Serializer[Booking]):
    id = serializers.CharField(source="public_id")
    venue_id = serializers.SerializerMethodField()
    status = serializers.SerializerMethodField()
    confirmation_code = serializers.CharField()
    guest_count = serializers.IntegerField(help_text="Size of the party.")
    seats = serializers.IntegerField(help_text="Seats taken on each slot.")
    notes = serializers.CharField()
    start_time = VenueTimeField(source="starts_at")
    end_time = VenueTimeField(source="ends_at")
    slots = serializers.SerializerMethodField()
    guest = GuestSerializer()
    hold_expires_at = VenueTimeField(allow_null=True)
    created_at = VenueTimeField()
    cancelled_at = VenueTimeField(allow_null=True)
    manage_token = serializers.CharField(
        allow_null=True, help_text="Told once to a guest without an account, who sends it back."
    )

    def get_venue_id(self, booking: Booking) -> str:
        return Venue.format_id(booking.venue_id)

    def get_status(self, booking: Booking) -> BookingStatus:
        return booking.status_at(now())

    def get_slots(self, booking: Booking) -> list[dict[str, Any]]:
        slots = booking.slots_at_hand or selectors.slots_of_bookings([booking.pk])[booking.pk]
        return slots_as_json(slots)


class HoldsView(APIView):
    @extend_schema(request=SeatsSerializer, responses={201: BookingSerializer})
    def post(self, request: Request) -> Response:
        """Take seats for a while, until the hold lapses."""
        return _created(bookings.create_hold(actor=actor_of(request), seats=_wanted(request)))


class BookingsView(APIView):
    @extend_schema(request=SeatsSerializer, responses={201: BookingSerializer})
    def post(self, request: Request) -> Response:
        """Book seats; the venue's queue or staff confirm."""
        return _created(bookings.create_booking(actor=actor_of(request), seats=_wanted(request)))


class BookingView(APIView):
    @extend_schema(responses=BookingSerializer)
    def get(self, request: Request, booking: str) -> Response:
        """A booking, for its owner and the venue's staff."""
        found = selectors.visible_booking(
            actor=_holder(request), booking_id=Booking.parse_id(booking)
        )
        return Response(BookingSerializer(found).data)

    @extend_schema(request=ChangesSerializer, responses=BookingSerializer)
    def patch(self, request: Request, booking: str) -> Response:
        """Change the size of the party, or the notes."""
        changes = ChangesSerializer(data=request.data)
        changes.is_valid(raise_exception=True)
        changed = bookings.update_booking(
            actor=_holder(request),
            booking_id=Booking.parse_id(booking),
            **changes.validated_data,
        )
        return Response(BookingSerializer(changed).data)


class RescheduleView(APIView):
    @extend_schema(request=RescheduleSerializer, responses=BookingSerializer)
    def post(self, request: Request, booking: str) -> Response:
        """Move a booking; the old seats go back only if the new ones are had."""
        body = RescheduleSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        moved = bookings.reschedule_booking(
            actor=_holder(request),
            booking_id=Booking.parse_id(booking),
            slot_id=Slot.parse_id(body.validated_data["slot_id"], field="slot_id"),
        )
        return Response(BookingSerializer(moved).data)


class TransitionView(APIView):
    """Moves a booking along the state machine; `transition` says which way."""

    transition: Transition

    @extend_schema(
        request=ReasonSerializer,
        responses=BookingSerializer,
        parameters=[OpenApiParameter("booking", str, OpenApiParameter.PATH)],
    )
    def post(self, request: Request, booking: str) -> Response:
        body = ReasonSerializer(data=request.data or {})
        body.is_valid(raise_exception=True)
        changed = bookings.apply_transition(
            actor=_holder(request),
            booking_id=Booking.parse_id(booking),
            transition=self.transition,
            reason=body.validated_data["reason"],
        )
        return Response(BookingSerializer(changed).data)


class ConfirmView(APIView):
    @extend_schema(request=ConfirmSerializer, responses=BookingSerializer)
    def post(self, request: Request, booking: str) -> Response:
        """Turn a hold into a booking."""
        body = ConfirmSerializer(data=request.data or {})
        body.is_valid(raise_exception=True)
        guest = body.validated_data.get("guest")
        confirmed = bookings.confirm_hold(
            actor=_holder(request),
            booking_id=Booking.parse_id(booking),
            guest=GuestDetails(**guest) if guest else None,
        )
        return Response(BookingSerializer(confirmed).data)


class CancelView(TransitionView):
    """Give the seats back."""

    transition = states.CANCEL


class ApproveView(TransitionView):
    """Confirm a pending booking (staff)."""

    transition = states.APPROVE


class DeclineView(TransitionView):
    """Decline a pending booking (staff)."""

    transition = states.DECLINE


class CheckInView(TransitionView):
    """The party has arrived (staff)."""

    transition = states.CHECK_IN


class NoShowView(TransitionView):
    """The party did not come (staff)."""

    transition = states.MARK_NO_SHOW


class CompleteView(TransitionView):
    """The party has left (staff)."""

    transition = states.COMPLETE


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

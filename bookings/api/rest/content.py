"""What is sent and answered of bookings by REST."""

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.person import PERSON_LIMITS
from bookings import selectors
from bookings.api.rest.fields import (
    BOOKING_STATUSES,
    StatusField,
    VenueTimeField,
)
from bookings.api.rest.slots import SlotSerializer, slots_as_json
from bookings.guests import GuestDetails
from bookings.idempotency import MAX_KEY
from bookings.models import Booking, Guest, Slot
from bookings.requests.create import SeatsWanted
from bookings.rules import MAX_GUEST_COUNT, MAX_SLOT_COUNT
from bookings.services import bookings
from reserve.core.idempotency import agreed_key
from reserve.core.rest.examples import example_id
from reserve.core.rest.fields import IdField, OwnIdField
from reserve.core.rest.serializers import (
    StrictCharField,
    StrictIntegerField,
    StrictSerializer,
    StrictTextField,
)
from venues.models import Venue


class GuestSerializer(StrictSerializer):
    """The person a booking is for."""

    limits = PERSON_LIMITS

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

    limits: ClassVar[Mapping[str, Any]] = {"notes": {"maxLength": bookings.MAX_NOTES}}

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
        required=False, max_length=MAX_KEY, help_text="As the header Idempotency-Key."
    )


def seats_wanted(seats: dict[str, Any], idempotency_header: str | None) -> SeatsWanted:
    """What `SeatsSerializer` has read, and the header says besides."""
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
    limits: ClassVar[Mapping[str, Any]] = {"notes": {"maxLength": bookings.MAX_NOTES}}

    guest_count = StrictIntegerField(
        required=False,
        min_value=1,
        max_value=MAX_GUEST_COUNT,
        help_text="The new size of the party.",
    )
    notes = StrictTextField(required=False)


class ReasonSerializer(StrictSerializer):
    limits: ClassVar[Mapping[str, Any]] = {"reason": {"maxLength": bookings.MAX_REASON}}

    reason = StrictTextField(default="", help_text=f"At most {bookings.MAX_REASON} characters.")


class BookingSerializer(serializers.Serializer[Booking]):
    example: ClassVar[dict[str, Any]] = {
        "id": example_id("booking"),
        "venue_id": example_id("venue"),
        "status": "CONFIRMED",
        "confirmation_code": "K7MWQ2XF",
        "guest_count": 4,
        "seats": 4,
        "notes": "Window seat preferred",
        "start_time": "2030-04-15T18:00:00+02:00",
        "end_time": "2030-04-15T19:30:00+02:00",
        "slot": SlotSerializer.example,
        "slots": [SlotSerializer.example],
        "guest": {
            "name": "Ada Lovelace",
            "email": "ada@example.com",
            "phone": "+45 12 34 56 78",
            "locale": "en",
        },
        "hold_expires_at": None,
        "created_at": "2030-04-01T11:30:00+02:00",
        "cancelled_at": None,
        "manage_token": None,
    }
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

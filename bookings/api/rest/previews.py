"""What a change of a schedule would do, as REST tells it."""

from typing import Any, ClassVar

from rest_framework import serializers

from bookings.api.rest.fields import BOOKING_STATUSES
from bookings.difference import ConflictKind
from bookings.models import Booking, Slot
from bookings.services.previews import MAX_BOOKINGS_TOLD, MAX_TOLD, ConflictBooking, PreviewSlot
from reserve.core.rest.examples import example_id
from reserve.core.rest.fields import IdField
from venues.models import Resource


class _LocalTimeField(serializers.DateTimeField):
    """An instant that is in the venue's offset already."""

    def __init__(self, **options: Any) -> None:
        super().__init__(help_text="In the venue's offset.", **options)

    def to_representation(self, value: Any) -> str:
        return str(value.isoformat())


_NOTHING: dict[str, Any] = {"count": 0, "first": []}


class PreviewSlotSerializer(serializers.Serializer[PreviewSlot]):
    example: ClassVar[dict[str, Any]] = {
        "slot_id": example_id("slot"),
        "resource_id": example_id("resource"),
        "start_time": "2030-04-15T18:00:00+02:00",
        "end_time": "2030-04-15T19:30:00+02:00",
        "capacity": 40,
        "capacity_before": None,
    }
    slot_id = IdField(Slot, allow_null=True, help_text="null for one that is not there yet.")
    resource_id = IdField(Resource)
    start_time = _LocalTimeField(source="starts_at")
    end_time = _LocalTimeField(source="ends_at")
    capacity = serializers.IntegerField(help_text="Seats altogether.")
    capacity_before = serializers.IntegerField(
        allow_null=True, help_text="Seats now, where they would be other; or null."
    )


class ConflictBookingSerializer(serializers.Serializer[ConflictBooking]):
    """A booking that is kept, though the schedule is against it."""

    id = IdField(Booking, source="booking_id")
    confirmation_code = serializers.CharField()
    guest_name = serializers.CharField()
    guest_count = serializers.IntegerField(help_text="Size of the party.")
    start_time = _LocalTimeField(source="starts_at")
    end_time = _LocalTimeField(source="ends_at")
    status = serializers.ChoiceField(BOOKING_STATUSES)


class PreviewConflictSerializer(serializers.Serializer[Any]):
    """A slot that keeps the schedule from being carried out."""

    example: ClassVar[dict[str, Any]] = {
        "kind": "NOT_PLANNED",
        "slot": PreviewSlotSerializer.example,
        "planned": None,
        "bookings": [
            {
                "id": example_id("booking"),
                "confirmation_code": "K7MWQ2XF",
                "guest_name": "Ada Lovelace",
                "guest_count": 4,
                "start_time": "2030-04-15T18:00:00+02:00",
                "end_time": "2030-04-15T19:30:00+02:00",
                "status": "CONFIRMED",
            }
        ],
    }
    kind = serializers.ChoiceField([kind.value for kind in ConflictKind], source="kind.value")
    slot = PreviewSlotSerializer()
    planned = PreviewSlotSerializer(
        allow_null=True, help_text="What the schedule wants instead, where it wants anything."
    )
    bookings = ConflictBookingSerializer(
        many=True, help_text=f"The first {MAX_BOOKINGS_TOLD}, by when they were made."
    )


class PreviewSlotsSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="How many there are altogether.")
    first = PreviewSlotSerializer(many=True, help_text=f"The first {MAX_TOLD} of them.")


class PreviewConflictsSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="How many there are altogether.")
    first = PreviewConflictSerializer(many=True, help_text=f"The first {MAX_TOLD} of them.")


class PreviewSerializer(serializers.Serializer[Any]):
    """What a change would do to the slots that are published. Nothing has been changed."""

    example: ClassVar[dict[str, Any]] = dict.fromkeys(
        ("added", "removed", "restored", "changed"), _NOTHING
    ) | {
        "withdrawn": {"count": 1, "first": [PreviewSlotSerializer.example]},
        "conflicts": {"count": 1, "first": [PreviewConflictSerializer.example]},
        "booking_count": 1,
    }
    added = PreviewSlotsSerializer()
    removed = PreviewSlotsSerializer(help_text="Deleted: never used.")
    withdrawn = PreviewSlotsSerializer(
        help_text="Closed; whoever has booked them keeps the booking."
    )
    restored = PreviewSlotsSerializer(help_text="Withdrawn before, and offered again.")
    changed = PreviewSlotsSerializer(help_text="Given another capacity.")
    conflicts = PreviewConflictsSerializer()
    booking_count = serializers.IntegerField(help_text="Bookings on slots that are in conflict.")

from datetime import datetime
from typing import Any

from rest_framework import serializers

from bookings.models import Booking, Slot


class VenueTimeField(serializers.DateTimeField):
    """An instant in the offset of the venue that its row belongs to."""

    def __init__(self, **options: Any) -> None:
        super().__init__(help_text="In the venue's offset.", **options)

    def get_attribute(self, instance: Slot | Booking) -> Any:
        return instance.venue.local(super().get_attribute(instance))

    def to_representation(self, value: datetime) -> str:
        return value.isoformat()


class InstantField(serializers.DateTimeField):
    """A time of RFC 3339 with its offset, without which it is no instant."""

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            raise serializers.ValidationError("This must be a time with its offset.")
        return value

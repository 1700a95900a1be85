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

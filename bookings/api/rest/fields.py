from datetime import datetime
from typing import Any

from rest_framework import serializers

from bookings.models import Booking, Slot
from bookings.states import BookingStatus, SlotStatus
from reserve.core.clock import now


class VenueTimeField(serializers.DateTimeField):
    """An instant in the offset of the venue that its row belongs to."""

    def __init__(self, **options: Any) -> None:
        super().__init__(help_text="In the venue's offset.", **options)

    def get_attribute(self, instance: Slot | Booking) -> Any:
        moment = super().get_attribute(instance)
        return None if moment is None else instance.venue.local(moment)

    def to_representation(self, value: datetime) -> str:
        return value.isoformat()


BOOKING_STATUSES = [
    (BookingStatus.HELD.value, "Seats are kept until `hold_expires_at`."),
    (BookingStatus.PENDING.value, "Waits for the queue, or for staff, to confirm it."),
    (BookingStatus.CONFIRMED.value, "The venue expects the party."),
    (BookingStatus.CHECKED_IN.value, "The party is there."),
    (BookingStatus.COMPLETED.value, "The party has left."),
    (BookingStatus.NO_SHOW.value, "The party did not come."),
    (BookingStatus.EXPIRED.value, "A hold that lapsed; its seats are free."),
    (BookingStatus.DECLINED.value, "The venue did not take it; its seats are free."),
    (BookingStatus.CANCELLED.value, "Given back; its seats are free."),
]
SLOT_STATUSES = [
    (SlotStatus.AVAILABLE.value, "Has seats that are free."),
    (SlotStatus.FULL.value, "Has none."),
    (SlotStatus.CLOSED.value, "Staff have closed it."),
    (SlotStatus.PAST.value, "Has started."),
]


class StatusField(serializers.ChoiceField):
    """What a slot or a booking is now."""

    def __init__(self, choices: list[tuple[str, str]]) -> None:
        super().__init__(choices=choices, read_only=True)

    def get_attribute(self, instance: Slot | Booking) -> str:
        return instance.status_at(now()).value


class StatusQueryField(serializers.ChoiceField):
    """Only bookings that are this now."""

    def __init__(self) -> None:
        super().__init__(
            choices=BOOKING_STATUSES, required=False, help_text="Only bookings that are this now."
        )

    def to_internal_value(self, data: Any) -> BookingStatus:
        return BookingStatus(super().to_internal_value(data))

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from bookings.states import BookingStatus
from reserve.core.errors import Busy, Conflict, Gone, ServiceUnavailable, Unprocessable


class SlotUnavailable(Conflict):
    code = "SLOT_UNAVAILABLE"
    message = "Fewer seats are left than asked for."
    example_details: ClassVar[Mapping[str, Any]] = {"remaining_capacity": 1}

    def __init__(self, *, remaining_capacity: int) -> None:
        super().__init__(remaining_capacity=remaining_capacity)


class SlotClosed(Conflict):
    code = "SLOT_CLOSED"
    message = "The venue has closed this slot."


class SlotInPast(Conflict):
    code = "SLOT_IN_PAST"
    message = "This slot has already started."


class OutsideBookingWindow(Unprocessable):
    code = "OUTSIDE_BOOKING_WINDOW"
    message = "The slot is too far ahead, or too near, to be booked."


class PartySizeNotAllowed(Unprocessable):
    code = "PARTY_SIZE_NOT_ALLOWED"
    message = "The venue does not take parties of this size here."


class HoldExpired(Gone):
    code = "HOLD_EXPIRED"
    message = "The hold has lapsed."


class InvalidState(Conflict):
    code = "INVALID_STATE"
    message = "The booking's status does not allow this."

    def __init__(self, *, status: BookingStatus, done: str) -> None:
        super().__init__(
            f"A booking that is {status.label.lower()} cannot be {done}.",
            # Not `status`, which is that of the answer (RFC 9457).
            booking_status=status.value,
        )


class OutsideCancellationWindow(Conflict):
    code = "OUTSIDE_CANCELLATION_WINDOW"
    message = "It is too late to cancel online. Please call the venue."


class SlotBusy(Busy):
    """The slot stayed locked too long; safe to retry."""

    code = "SLOT_BUSY"

    @property
    def retry_after(self) -> timedelta:
        return timedelta(seconds=1)


class OutcomeUnknown(ServiceUnavailable):
    """No answer came, of the database or in time: it may have been carried out."""

    message = (
        "No answer came in time, and it may have been done."
        " Look, or repeat the call with the same idempotency key."
    )


class BookingLimitReached(Conflict):
    code = "BOOKING_LIMIT_REACHED"
    message = "You have as many open bookings here as the venue allows."


class IdempotencyMismatch(Unprocessable):
    code = "IDEMPOTENCY_MISMATCH"
    message = "This idempotency key came with other content before."


class IdempotencyInProgress(Busy):
    """The first call with this key is still running; the same call may be made again."""

    code = "IDEMPOTENCY_IN_PROGRESS"
    message = "The first call with this idempotency key is still running. Try again."


class CapacityInUse(Conflict):
    """A capacity below what bookings use already."""

    code = "INVALID_STATE"
    message = "More seats than that are taken already."


class SlotOverlaps(Conflict):
    """Of two slots of a resource that overlap only one can be open."""

    code = "INVALID_STATE"
    message = "Another slot of this resource is open at that time, or in use."


class ScheduleChanged(Conflict):
    """What was planned is by a schedule that has changed since."""

    code = "INVALID_STATE"
    message = "The schedule has changed meanwhile."

"""The state machine of a booking, as data; and what a slot looks like from outside."""

from datetime import datetime

from django.db import models


class BookingStatus(models.TextChoices):
    HELD = "HELD", "Held"
    PENDING = "PENDING", "Pending"
    CONFIRMED = "CONFIRMED", "Confirmed"
    CHECKED_IN = "CHECKED_IN", "Checked in"
    COMPLETED = "COMPLETED", "Completed"
    NO_SHOW = "NO_SHOW", "No-show"
    EXPIRED = "EXPIRED", "Expired"
    DECLINED = "DECLINED", "Declined"
    CANCELLED = "CANCELLED", "Cancelled"


_S = BookingStatus

# From a status to each that may follow it, with the event that tells of it.
TRANSITIONS: dict[BookingStatus, dict[BookingStatus, str]] = {
    _S.HELD: {
        _S.PENDING: "booking.created",
        _S.EXPIRED: "booking.expired",
        _S.CANCELLED: "booking.cancelled",
    },
    _S.PENDING: {
        _S.CONFIRMED: "booking.confirmed",
        _S.DECLINED: "booking.declined",
        _S.CANCELLED: "booking.cancelled",
    },
    _S.CONFIRMED: {
        _S.CHECKED_IN: "booking.checked_in",
        _S.NO_SHOW: "booking.no_show",
        _S.CANCELLED: "booking.cancelled",
    },
    _S.CHECKED_IN: {
        _S.COMPLETED: "booking.completed",
        _S.CONFIRMED: "booking.check_in_undone",
    },
    _S.NO_SHOW: {_S.CHECKED_IN: "booking.checked_in"},
    _S.COMPLETED: {},
    _S.EXPIRED: {},
    _S.DECLINED: {},
    _S.CANCELLED: {},
}

# In these a booking uses no seats.
SEATLESS = frozenset({_S.EXPIRED, _S.DECLINED, _S.CANCELLED})
SEATED = frozenset(_S) - SEATLESS


class SlotStatus(models.TextChoices):
    AVAILABLE = "AVAILABLE", "Available"
    FULL = "FULL", "Full"
    CLOSED = "CLOSED", "Closed by staff"
    PAST = "PAST", "Has started"


def slot_status(
    *, starts_at: datetime, is_closed: bool, remaining: int, now: datetime
) -> SlotStatus:
    if starts_at <= now:
        return SlotStatus.PAST
    if is_closed:
        return SlotStatus.CLOSED
    return SlotStatus.AVAILABLE if remaining > 0 else SlotStatus.FULL

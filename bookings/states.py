"""The state machine of a booking, as data; and what a slot looks like from outside."""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Transition:
    """One way of a booking: from any of some statuses to another, with the event that tells of it.

    `verb` and `done` are how people call it: approve, approved.
    """

    verb: str
    done: str
    sources: frozenset[BookingStatus]
    target: BookingStatus
    event: str
    by_customers: bool = False
    """Whether customers may do it with bookings of their own; the rest is for staff."""


CONFIRM = Transition(
    "confirm", "confirmed", frozenset({_S.HELD}), _S.PENDING, "booking.created", by_customers=True
)
EXPIRE = Transition("expire", "expired", frozenset({_S.HELD}), _S.EXPIRED, "booking.expired")
APPROVE = Transition(
    "approve", "approved", frozenset({_S.PENDING}), _S.CONFIRMED, "booking.confirmed"
)
DECLINE = Transition(
    "decline", "declined", frozenset({_S.PENDING}), _S.DECLINED, "booking.declined"
)
CANCEL = Transition(
    "cancel",
    "cancelled",
    frozenset({_S.HELD, _S.PENDING, _S.CONFIRMED}),
    _S.CANCELLED,
    "booking.cancelled",
    by_customers=True,
)
CHECK_IN = Transition(
    "check in",
    "checked in",
    frozenset({_S.CONFIRMED, _S.NO_SHOW}),
    _S.CHECKED_IN,
    "booking.checked_in",
)
UNDO_CHECK_IN = Transition(
    "undo check-in",
    "no longer checked in",
    frozenset({_S.CHECKED_IN}),
    _S.CONFIRMED,
    "booking.check_in_undone",
)
MARK_NO_SHOW = Transition(
    "mark as no-show",
    "marked as no-show",
    frozenset({_S.CONFIRMED}),
    _S.NO_SHOW,
    "booking.no_show",
)
COMPLETE = Transition(
    "complete", "completed", frozenset({_S.CHECKED_IN}), _S.COMPLETED, "booking.completed"
)

TRANSITIONS = (
    CONFIRM,
    EXPIRE,
    APPROVE,
    DECLINE,
    CANCEL,
    CHECK_IN,
    UNDO_CHECK_IN,
    MARK_NO_SHOW,
    COMPLETE,
)

# In these its party and its slots may change.
CHANGEABLE = frozenset({_S.HELD, _S.PENDING, _S.CONFIRMED})

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

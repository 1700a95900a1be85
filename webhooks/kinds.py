"""What other systems are told of, and what becomes of it."""

from django.db import models

MAX_DESCRIPTION = 200

# Of bookings, as the contract names their statuses; in the order of a booking's life.
EVENT_TYPES = {
    "booking.held": "Seats are held until they are booked, or the time is over.",
    "booking.created": "A booking was made, or a hold was turned into one; it is pending.",
    "booking.imported": "A booking came from another system, with the status that it had.",
    "booking.confirmed": "The queue or staff confirmed it.",
    "booking.declined": "Staff declined it, or nobody answered in time.",
    "booking.updated": "Its party or its guest changed.",
    "booking.rescheduled": "It has other times or another resource.",
    "booking.cancelled": "Its guest or staff cancelled it.",
    "booking.expired": "A hold lapsed.",
    "booking.checked_in": "Its guests have come.",
    "booking.check_in_undone": "They have not, after all.",
    "booking.no_show": "Nobody came.",
    "booking.completed": "Its guests have left.",
}

TEST_TYPE = "webhook.test"
"""Of the message that only shows whether messages arrive."""


class DeliveryState(models.TextChoices):
    QUEUED = "QUEUED", "Queued"
    SENT = "SENT", "Sent"
    DEAD = "DEAD", "Given up"
    SKIPPED = "SKIPPED", "Not sent: the webhook was disabled"


class DisabledReason(models.TextChoices):
    BY_HAND = "BY_HAND", "Somebody disabled it"
    FAILING = "FAILING", "Nothing arrived for days"
    GONE = "GONE", "The receiver said that it is gone"

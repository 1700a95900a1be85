"""What people are told of, by which way, and what they get unless they say otherwise."""

from django.db import models

from accounts.models import Role


class Kind(models.TextChoices):
    HELD = "HELD", "Seats held"
    RECEIVED = "RECEIVED", "Booking received"
    CONFIRMED = "CONFIRMED", "Booking confirmed"
    DECLINED = "DECLINED", "Booking declined"
    RESCHEDULED = "RESCHEDULED", "Booking rescheduled"
    CANCELLED_BY_GUEST = "CANCELLED_BY_GUEST", "Booking cancelled by the guest"
    CANCELLED_BY_VENUE = "CANCELLED_BY_VENUE", "Booking cancelled by the venue"
    REMINDER = "REMINDER", "Reminder"
    NO_SHOW_FOLLOW_UP = "NO_SHOW_FOLLOW_UP", "Follow-up after a no-show"


class Channel(models.TextChoices):
    EMAIL = "EMAIL", "E-mail"
    PUSH = "PUSH", "Push"


class Audience(models.TextChoices):
    GUEST = "GUEST", "Guest"
    STAFF = "STAFF", "Staff"
    TOPIC = "TOPIC", "Topic"


class Platform(models.TextChoices):
    IOS = "IOS", "iOS"
    ANDROID = "ANDROID", "Android"


class Urgency(models.IntegerChoices):
    """Which queue a message waits in; the lower goes first."""

    PROMPT = 0, "Prompt"
    PLANNED = 1, "Planned"


CANCELLATIONS = frozenset({Kind.CANCELLED_BY_GUEST, Kind.CANCELLED_BY_VENUE})
PLANNED = frozenset({Kind.REMINDER, Kind.NO_SHOW_FOLLOW_UP})

# Staff hear what changes their day; they remind and follow up nobody but guests.
FOR_STAFF = frozenset(Kind) - PLANNED - {Kind.DECLINED}
# What staff must act on, or lose by, also reaches a mailbox.
_MAILED_TO_MANAGERS = frozenset({Kind.RECEIVED, Kind.CANCELLED_BY_GUEST})


def kinds_for(audience: Audience) -> list[Kind]:
    """What an audience can be told of, in the order of a booking's life."""
    return [kind for kind in Kind if audience is not Audience.STAFF or kind in FOR_STAFF]


def urgency_of(kind: Kind) -> Urgency:
    return Urgency.PLANNED if kind in PLANNED else Urgency.PROMPT


def is_wanted_by_default(
    kind: Kind, channel: Channel, audience: Audience, role: Role | None = None
) -> bool:
    """Whether somebody who has said nothing gets it.

    Guests get everything. Of staff each hears of bookings on the devices that they
    registered; owners and managers get a mail where something is to be done.
    """
    if audience is not Audience.STAFF:
        return True
    if channel is Channel.PUSH:
        return kind is not Kind.HELD
    return kind in _MAILED_TO_MANAGERS and role in {Role.OWNER, Role.MANAGER}

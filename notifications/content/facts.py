"""What a message tells of a booking, as it was when the message came to be owed."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from bookings.models import Booking


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """They are kept in the delivery, so that a message that is late still tells its own story.

    Names and addresses of people are not among them: those are read when it is sent.
    """

    status: str
    starts_at: datetime
    ends_at: datetime
    guest_count: int
    sequence: int
    """The booking's version: grows with each of its events, as calendars expect."""
    recorded_at: datetime
    reason: str = ""
    hold_expires_at: datetime | None = None
    is_in_calendars: bool = False
    """Whether the guest was sent a calendar entry, or is to get one now."""
    minutes_before: int | None = None
    """Of a reminder."""

    def to_json(self) -> dict[str, Any]:
        return {
            name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
            for name, value in ((each.name, getattr(self, each.name)) for each in fields(self))
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Facts":
        known: dict[str, Any] = dict(values)
        for name in ("starts_at", "ends_at", "recorded_at", "hold_expires_at"):
            if known.get(name):
                known[name] = datetime.fromisoformat(known[name])
        return cls(**known)


def facts_of(booking: Booking, **more: Any) -> Facts:
    """The facts of a booking as it is now."""
    given: dict[str, Any] = {
        "status": booking.status,
        "starts_at": booking.starts_at,
        "ends_at": booking.ends_at,
        "guest_count": booking.guest_count,
        "sequence": booking.version,
        "hold_expires_at": booking.hold_expires_at,
    }
    return Facts(**(given | more))

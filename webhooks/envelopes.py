"""What other systems are told of an event, by webhook and by the feed alike.

Facts as they were when it happened, from the event alone, so that every telling of it
says the same. No person is in it: no name, address, note or reason, nor the code that
opens a booking. Whoever needs them asks for the booking, as somebody who may.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from accounts.models import Organization
from reserve.outbox.models import Event
from webhooks.kinds import TEST_TYPE


def envelope_of(event: Event) -> dict[str, Any]:
    """The envelope of an event of a booking."""
    facts = event.payload
    return {
        "id": event.public_id,
        "type": event.name,
        "timestamp": _instant(event.recorded_at),
        "organization_id": Organization.format_id(event.organization_id),
        "data": {
            "booking": {
                "id": facts["booking"],
                "status": facts["status"],
                "venue_id": facts["venue"],
                "resource_id": facts["resource"],
                "guest_count": facts["guest_count"],
                "seats": facts["seats"],
                "start_time": _instant(datetime.fromisoformat(facts["starts_at"])),
                "end_time": _instant(datetime.fromisoformat(facts["ends_at"])),
                "sequence": event.sequence,
            }
        },
    }


def _instant(moment: datetime) -> str:
    """A time of RFC 3339, in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def trial_envelope_of(
    *, message_id: str, webhook_id: str, organization_id: UUID, moment: datetime
) -> dict[str, Any]:
    """The envelope of a message that only shows whether messages arrive."""
    return {
        "id": message_id,
        "type": TEST_TYPE,
        "timestamp": _instant(moment),
        "organization_id": Organization.format_id(organization_id),
        "data": {"webhook": {"id": webhook_id}},
    }

"""What we hold of a person's devices, wishes and messages, for the export of their account."""

from typing import Any
from uuid import UUID

from notifications.models import Delivery, Device, Preference, QuietHours


def export_notifications(user_id: UUID) -> dict[str, Any]:
    quiet = QuietHours.objects.filter(user_id=user_id).first()
    return {
        "devices": [
            {
                "id": device.public_id,
                "platform": device.platform,
                "token": device.token,
                "created_at": device.created_at,
                "registered_at": device.registered_at,
            }
            for device in Device.objects.filter(user_id=user_id)
        ],
        "preferences": [
            {
                "audience": preference.audience,
                "kind": preference.kind,
                "channel": preference.channel,
                "enabled": preference.is_wanted,
            }
            for preference in Preference.objects.filter(user_id=user_id)
        ],
        "quiet_from": quiet.begin if quiet else None,
        "quiet_until": quiet.end if quiet else None,
        "messages": [
            {
                "kind": delivery.kind,
                "channel": delivery.channel,
                "state": delivery.state,
                "created_at": delivery.created_at,
                "ended_at": delivery.ended_at,
            }
            for delivery in Delivery.objects.filter(user_id=user_id).order_by("id")
        ],
    }

"""What is recorded of webhooks."""

from reserve.core.context import request_id
from reserve.core.ids import new_id
from reserve.outbox.models import Event
from webhooks.models import Webhook

DISABLED = "webhook.disabled"


def disabled_event(webhook: Webhook, reason: str) -> Event:
    """That we disabled a webhook ourselves."""
    return Event(
        organization_id=webhook.organization_id,
        name=DISABLED,
        subject_id=new_id(),
        sequence=1,
        payload={"webhook": webhook.public_id, "reason": reason, "actor": "system"},
        request_id=request_id(),
    )

"""Clearing away what nobody asks for any more."""

from datetime import timedelta

from reserve.core.clock import now
from reserve.core.ids import earliest_id
from webhooks.kinds import DeliveryState
from webhooks.models import WebhookDelivery

# The feed has what is older.
_KEPT = timedelta(days=30)
_BATCH = 5_000
_BATCHES = 20


def forget_old() -> int:
    """Remove the log of deliveries that are a month old and have ended; return how many."""
    ended = WebhookDelivery.objects.filter(id__lt=earliest_id(now() - _KEPT)).exclude(
        state=DeliveryState.QUEUED
    )
    total = 0
    for _ in range(_BATCHES):
        batch = list(ended.values_list("pk", flat=True)[:_BATCH])
        total += WebhookDelivery.objects.filter(pk__in=batch).delete()[0]
        if len(batch) < _BATCH:
            break
    return total

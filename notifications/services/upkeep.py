"""Clearing away what nobody asks for any more."""

from datetime import timedelta

from notifications.models import Delivery, DeliveryState, Reminder
from reserve.core.clock import now

# Longer than events are told of (`handlers`), so that nothing is sent again.
_DELIVERIES_KEPT = timedelta(days=180)
# Of a start that is over nobody is reminded.
_REMINDERS_KEPT = timedelta(days=1)
_BATCH = 5_000
_BATCHES = 20


def forget_old() -> int:
    """Remove deliveries that ended half a year ago, and marks of reminders; return how many."""
    ended = Delivery.objects.filter(
        created_at__lt=now() - _DELIVERIES_KEPT,
        state__in=(DeliveryState.SENT, DeliveryState.SKIPPED, DeliveryState.DISCARDED),
    ).order_by("id")
    total = 0
    for _ in range(_BATCHES):
        batch = list(ended.values_list("pk", flat=True)[:_BATCH])
        total += Delivery.objects.filter(pk__in=batch).delete()[0]
        if len(batch) < _BATCH:
            break
    return total + Reminder.objects.filter(starts_at__lt=now() - _REMINDERS_KEPT).delete()[0]

"""Celery entry points. A task ends long before its time limit; the next one goes on."""

from datetime import timedelta

from celery import shared_task

from webhooks.services import sending, upkeep

# With the longest turn (`sending`) still less than the limits.
_SENDING_TIME = timedelta(seconds=6)
# The claim of a sender that died lapses after `claims.CLAIM_LEASE`, which is longer.
_SOFT, _HARD = 25, 30


@shared_task(soft_time_limit=_SOFT, time_limit=_HARD)
def send_webhooks() -> int:
    return sending.send_due(within=_SENDING_TIME)


@shared_task
def forget_old_deliveries() -> int:
    return upkeep.forget_old()

from celery import shared_task

from reserve.outbox import services

# A task ends long before its time limit; the next one goes on.
_MAX_CLAIMS = 50


# The claim of a relay that died lapses after `services.CLAIM_LEASE`, which is longer.
@shared_task(soft_time_limit=25, time_limit=30)
def relay_events() -> int:
    """Deliver what is undelivered; return how many events were claimed."""
    total = 0
    for _ in range(_MAX_CLAIMS):
        claimed = services.relay_pending_events()
        total += claimed
        if claimed < services.CLAIM_SIZE:
            break
    return total

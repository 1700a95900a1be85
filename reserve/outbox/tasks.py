import time
from datetime import timedelta

from celery import shared_task
from django.conf import settings

from reserve.core.crew import Crew
from reserve.outbox import services

# A task ends long before its time limit; the next one goes on.
_RELAYING_TIME = timedelta(seconds=2)
# Few events cost nearly as much as many: those that come within this time go together.
_PACE_SECONDS = 0.1
_crew = Crew(settings.WORKER_CREW)


# The claim of a relay that died lapses after `reserve.core.claims.LEASE`, which is longer.
@shared_task(soft_time_limit=25, time_limit=30)
def relay_events() -> int:
    """Deliver what is undelivered; return how many events were claimed."""
    return _crew.do(_relay, within=_RELAYING_TIME)


def _relay() -> int:
    """Deliver until nothing is left: handlers make events too, as a confirmation does."""
    ends_at = time.monotonic() + _RELAYING_TIME.total_seconds()
    total = 0
    while (began_at := time.monotonic()) < ends_at:
        claimed = services.relay_pending_events()
        total += claimed
        if not claimed:
            break
        if claimed < services.CLAIM_SIZE:
            time.sleep(max(0.0, began_at + _PACE_SECONDS - time.monotonic()))
    return total

from datetime import timedelta

from celery import shared_task

from bookings import audit
from bookings.idempotency import forget_old_keys
from bookings.services import bookings, publication
from reserve.core.clock import now


@shared_task
def reclaim_lapsed_holds() -> int:
    return bookings.release_lapsed_holds()


@shared_task
def decline_unanswered_bookings() -> int:
    return bookings.decline_unanswered()


@shared_task
def forget_idempotency_keys() -> int:
    return forget_old_keys(now())


# Both end long before their time limit; the next one goes on.
_PUBLISHING_TIME = timedelta(seconds=25)


@shared_task
def roll_publications() -> int:
    return publication.roll(within=_PUBLISHING_TIME)


@shared_task
def republish_changed_venues() -> int:
    return publication.republish_requested(within=_PUBLISHING_TIME)


# Acknowledged when it begins: it may outlast the broker's visibility timeout,
# and another worker would then begin it again. Whatever is lost comes tomorrow.
@shared_task(acks_late=False, soft_time_limit=1800, time_limit=1860)
def check_ledger() -> int:
    return audit.check_ledger().problem_count

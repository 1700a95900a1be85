"""Celery entry points. A task ends soon, and the next one goes on, so that others get a process."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings

from reserve.core.crew import Crew
from reserve.core.waker import Waker
from webhooks.services import sending, upkeep

# When to begin no more; receivers that keep us waiting are not waited for.
_SENDING_TIME = timedelta(seconds=0.7)
_crew = Crew(settings.WORKER_CREW)
# The claim of a sender that died lapses after `reserve.core.claims.LEASE`, which is longer.
_SOFT, _HARD = 25, 30


@shared_task(soft_time_limit=_SOFT, time_limit=_HARD)
def send_webhooks() -> int:
    sent = _crew.do(_send, within=_SENDING_TIME)
    if sent or _crew.is_asked:
        # There may be more; whoever looks once too often finds nothing.
        wake_sender()
    return sent


def _send() -> int:
    return sending.send_due(within=_SENDING_TIME, more=wake_sender)


_waker = Waker(send_webhooks, failure="webhooks_not_woken", recovery="webhooks_woken")


def wake_sender() -> None:
    """Have what is owed sent soon. Never blocks, never fails."""
    _waker.wake()


@shared_task
def reseal_secrets() -> int:
    return upkeep.reseal_secrets().resealed


@shared_task
def forget_old_deliveries() -> int:
    return upkeep.forget_old()

"""Celery entry points. A task ends soon, and the next one goes on.

Under load there is always something to send: senders that went on until there is not
would keep every process of a worker from the relay, which confirms bookings.
"""

from datetime import timedelta
from typing import Any

from celery import shared_task, signals
from django.conf import settings

from notifications.kinds import Urgency
from notifications.senders.sns import say_if_off
from notifications.services import devices, reminders, sending, turns, upkeep
from reserve.core.crew import Crew
from reserve.core.parting import is_hurried
from reserve.core.waker import Waker

_SENDING_TIME = timedelta(seconds=0.7)
_crew = Crew(settings.WORKER_CREW)
# The claim of a sender that died lapses after `reserve.core.claims.LEASE`, which is longer.
_SOFT, _HARD = 25, 30
# What a process that ends gives servers to answer; what they have not taken comes again.
_PARTING_TIME = timedelta(seconds=6)


@shared_task(soft_time_limit=_SOFT, time_limit=_HARD)
def send_prompt_deliveries() -> int:
    sent = _crew.do(_send_prompt, within=_SENDING_TIME)
    if sent or _crew.is_asked:
        # There may be more; whoever looks once too often finds nothing.
        wake_senders()
    return sent


def _send_prompt() -> int:
    return sending.send_due(urgency=Urgency.PROMPT, within=_SENDING_TIME, more=wake_senders)


_waker = Waker(send_prompt_deliveries, failure="senders_not_woken", recovery="senders_woken")


def wake_senders() -> None:
    """Have what is owed sent soon. Never blocks, never fails."""
    _waker.wake()


@shared_task(soft_time_limit=_SOFT, time_limit=_HARD)
def send_planned_deliveries() -> int:
    return sending.send_due(urgency=Urgency.PLANNED, within=_SENDING_TIME)


@shared_task
def make_reminders() -> int:
    return reminders.make_due()


@shared_task
def forget_ended_devices() -> int:
    return devices.forget_ended_devices()


@shared_task
def forget_old_deliveries() -> int:
    return upkeep.forget_old()


@signals.worker_ready.connect
def _say_what_is_off(**_: Any) -> None:
    say_if_off()


@signals.worker_process_shutdown.connect
def _finish_turns(exitcode: int = 0, **_: Any) -> None:
    # One that a signal ends is to end at once.
    if exitcode >= 0:
        turns.finish(_PARTING_TIME, unless=is_hurried)

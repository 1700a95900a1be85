"""Servers that fail, or keep somebody waiting: who may go there, of all workers.

A lane is one server: the installation's mail server, an organization's own, the push
service, the receiver of a webhook. One that failed is left alone for a while, and is then
tried by one worker with one message, before all go there again. Where somebody waits for
an answer, nobody else joins them. What waits behind it is not touched.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F, Q
from django.db.models.functions import Now

from notifications.models import Lane
from reserve.core.logging import get_logger

log = get_logger(__name__)

_FIRST_PAUSE = timedelta(seconds=2)
# Whoever repairs a server waits no longer than this for the mail to go on.
LONGEST_PAUSE = timedelta(seconds=60)
# For so long whoever is killed keeps the others away from a server. A turn is shorter.
_WAIT = timedelta(seconds=30)
_WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave to send on a lane."""

    is_trial: bool
    """Nobody knows whether it does well again, and nobody else may send there meanwhile."""


def enter(name: str) -> Pass | None:
    """Leave to send on a lane; None while it is left alone, or somebody waits there."""
    lane = Lane.objects.filter(name=name).first()
    if lane is None or not lane.reason:
        return Pass(is_trial=False)
    is_mine = Lane.objects.filter(name=name, paused_until__lte=Now()).update(
        paused_until=Now() + _WAIT
    )
    return Pass(is_trial=True) if is_mine else None


def closed() -> set[str]:
    """The lanes that nobody may enter now."""
    return set(
        Lane.objects.filter(~Q(reason=""), paused_until__gt=Now()).values_list("name", flat=True)
    )


def failing() -> set[str]:
    """The lanes whose server failed, and has not done well since."""
    return set(Lane.objects.filter(failures__gt=0).values_list("name", flat=True))


def report_wait(name: str) -> Pass:
    """The server keeps us waiting; nobody else goes there until that is over."""
    Lane.objects.get_or_create(name=name)
    Lane.objects.filter(name=name).update(reason=_WAITING, paused_until=Now() + _WAIT)
    return Pass(is_trial=True)


def report_success(name: str, leave: Pass) -> None:
    """The server did well: everybody may send there."""
    if not leave.is_trial:
        return
    lane = Lane.objects.filter(name=name)
    is_news = lane.filter(failures__gt=0).exists()
    lane.update(failures=0, reason="", paused_until=Now())
    if is_news:
        log.info("server_recovered", lane=name)


def leave_untried(name: str, leave: Pass) -> None:
    """There was nothing to try it with: the next may."""
    if leave.is_trial:
        Lane.objects.filter(name=name).update(paused_until=Now())


def report_failure(name: str, reason: str) -> timedelta:
    """The server failed; returns for how long it is left alone, each time twice as long."""
    Lane.objects.get_or_create(name=name)
    lane = Lane.objects.get(name=name)
    pause: timedelta = min(_FIRST_PAUSE * 2 ** min(lane.failures, 10), LONGEST_PAUSE)
    # Those who fail at the same time count as one.
    counted = Lane.objects.filter(name=name, failures=lane.failures).update(
        failures=F("failures") + 1, reason=reason[:80], paused_until=Now() + pause
    )
    if counted:
        log.warning("server_failed", lane=name, reason=reason, pause_seconds=pause.seconds)
    return pause

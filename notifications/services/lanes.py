"""Servers that fail or dawdle are left alone for a while, by every worker at once.

A lane is one server: the installation's mail server, an organization's own, the push
service. One that failed is tried by one worker with one message, before all go there
again; so is one that was slow. What waits behind it is not touched, and costs nobody time.
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
# A worker that tries a server has it for itself; longer than one may take (`tasks`).
_TRIAL = timedelta(seconds=35)
_SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave to send on a lane."""

    is_trial: bool
    """The lane has failed, or was slow: nobody else may send there meanwhile."""


def enter(name: str) -> Pass | None:
    """Leave to send on a lane; None while it is left alone, or somebody tries it."""
    lane = Lane.objects.filter(name=name).first()
    if lane is None or not lane.reason:
        return Pass(is_trial=False)
    is_mine = Lane.objects.filter(name=name, paused_until__lte=Now()).update(
        paused_until=Now() + _TRIAL
    )
    return Pass(is_trial=True) if is_mine else None


def closed() -> set[str]:
    """The lanes that nobody may enter now."""
    return set(
        Lane.objects.filter(~Q(reason=""), paused_until__gt=Now()).values_list("name", flat=True)
    )


def report_success(name: str, leave: Pass) -> None:
    """The server did well: everybody may send there."""
    if leave.is_trial:
        Lane.objects.filter(name=name).update(failures=0, reason="", paused_until=Now())
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


def report_slowness(name: str, spent: timedelta) -> None:
    """The server took its time; it is left alone for as long, so that others get half of ours."""
    Lane.objects.get_or_create(name=name)
    Lane.objects.filter(name=name).update(
        failures=0, reason=_SLOW, paused_until=Now() + min(spent, LONGEST_PAUSE)
    )
    log.warning("server_slow", lane=name, seconds=round(spent.total_seconds(), 1))

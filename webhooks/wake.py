"""Wakes the sender once something is owed."""

from reserve.core.waker import Waker
from webhooks.tasks import send_webhooks

_waker = Waker(send_webhooks, failure="webhooks_not_woken", recovery="webhooks_woken")


def wake_sender() -> None:
    """Have what is owed sent soon. Never blocks, never fails."""
    _waker.wake()

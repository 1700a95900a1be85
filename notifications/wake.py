"""Wakes the senders once something is owed."""

from notifications.tasks import send_prompt_deliveries
from reserve.core.waker import Waker

_waker = Waker(send_prompt_deliveries, failure="senders_not_woken", recovery="senders_woken")


def wake_senders() -> None:
    """Have what is owed sent soon. Never blocks, never fails."""
    _waker.wake()

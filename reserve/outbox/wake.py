"""Wakes the relay after a commit."""

from reserve.core.waker import Waker
from reserve.outbox.tasks import relay_events

_waker = Waker(relay_events, failure="relay_not_woken", recovery="relay_woken")


def wake_relay() -> None:
    """Have the relay run soon. Never blocks, never fails."""
    _waker.wake()

"""Mail as it would be sent, once what is due has been sent."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.db.models.functions import Now

from notifications.kinds import Urgency
from notifications.models import Delivery, DeliveryState, Lane
from notifications.services.sending import send_due
from reserve.outbox.models import Event
from reserve.outbox.services import relay_pending_events


def relay() -> None:
    Event.objects.filter(delivered_at=None, dead_at=None).update(
        next_attempt_at=Now() - timedelta(seconds=1)
    )
    while relay_pending_events():
        pass


def send(*, due_now: bool = False) -> int:
    """Send what is due; with `due_now` everything that waits, on every server."""
    if due_now:
        Delivery.objects.filter(state=DeliveryState.QUEUED).update(
            next_attempt_at=Now() - timedelta(seconds=1)
        )
        Lane.objects.update(paused_until=Now() - timedelta(seconds=1))
    return sum(send_due(urgency=urgency, within=timedelta(seconds=20)) for urgency in Urgency)


@pytest.fixture
def mails() -> Callable[[], list[EmailMessage]]:
    """Relay, send what is due, and return the mails that were sent since the last time."""

    def sent() -> list[EmailMessage]:
        relay()
        send()
        found = list(mail.outbox)
        mail.outbox.clear()
        return found

    return sent

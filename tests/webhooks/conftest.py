"""Events as the relay leaves them, and a server that gets webhooks."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from accounts.actors import account
from bookings.models import Booking, Slot
from bookings.services.bookings import create_booking
from notifications.models import Lane
from reserve.core.sealing import seal
from reserve.outbox.models import Event
from reserve.outbox.services import relay_pending_events
from tests.factories import make_user, seats_on
from tests.webhooks.receiver import Receiver
from tests.webhooks.receiver import receiver as running_receiver
from webhooks.models import Webhook, WebhookDelivery
from webhooks.services.sending import send_due
from webhooks.signatures import new_secret


def relay() -> None:
    Event.objects.filter(delivered_at=None, dead_at=None).update(
        next_attempt_at=Now() - timedelta(seconds=1)
    )
    while relay_pending_events():
        pass


def book(slot: Slot, guest_count: int = 1) -> Booking:
    return create_booking(actor=account(make_user().pk), seats=seats_on(slot, guest_count))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as state:
        yield state


@pytest.fixture(autouse=True)
def _loopback(settings: Any) -> None:
    settings.WEBHOOK_ALLOW_LOOPBACK = settings.WEBHOOK_ALLOW_HTTP = True


def send(*, due_now: bool = False) -> int:
    """Send what is due; with `due_now` everything that waits, to every receiver."""
    if due_now:
        past = Now() - timedelta(seconds=1)
        WebhookDelivery.objects.filter(state="QUEUED").update(next_attempt_at=past)
        Lane.objects.update(paused_until=past)
    return send_due(within=timedelta(seconds=10))


def make_webhook(slot: Slot, url: str, **fields: Any) -> Webhook:
    return Webhook.objects.create(
        organization=slot.venue.organization,
        url=url,
        sealed_secret=seal(new_secret()),
        **fields,
    )

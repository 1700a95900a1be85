"""Webhooks reach a real server, signed, once or more, in order; and what fails comes again."""

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from accounts.actors import account
from accounts.models import Role
from bookings.models import Slot
from bookings.services.bookings import apply_transition
from bookings.states import CANCEL
from notifications.models import Lane
from notifications.services import turns
from reserve.core.clock import now
from reserve.core.ids import earliest_id
from reserve.outbox.models import Event
from tests.factories import make_member, make_slot
from tests.webhooks.conftest import book, make_webhook, relay, send
from tests.webhooks.receiver import Receiver
from tests.webhooks.receiver import receiver as running
from webhooks import posting
from webhooks.envelopes import envelope_of
from webhooks.models import Webhook, WebhookDelivery
from webhooks.services import claims, sending, upkeep
from webhooks.services.claims import PAUSES, pause_after
from webhooks.services.deliveries import redeliver
from webhooks.services.endpoints import rotate_secret, update_webhook
from webhooks.services.sending import send_due

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def slot() -> Slot:
    return make_slot(capacity=50)


def _manager(slot: Slot) -> Any:
    return account(make_member(slot.venue.organization, Role.MANAGER).pk)


def _signature(secret: str, headers: dict[str, str], body: bytes) -> str:
    """As the specification has it, written once more."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.split("_", 1)[1])
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def test_what_happens_is_sent_signed_and_in_order(slot: Slot, receiver: Receiver) -> None:
    webhook = make_webhook(slot, receiver.url)
    make_webhook(slot, receiver.url, event_types=["booking.no_show"])
    make_webhook(slot, receiver.url, is_enabled=False)
    make_webhook(make_slot(), receiver.url)
    booking = book(slot)
    relay()
    apply_transition(actor=_manager(slot), booking_id=booking.pk, transition=CANCEL)
    relay()
    sent = 0
    for _ in range(3):
        sent += send()
    assert sent == 3
    events = list(Event.objects.filter(subject_id=booking.pk).order_by("sequence"))
    assert [event.name for event in events] == [
        *("booking.created", "booking.confirmed", "booking.cancelled"),
    ]
    assert receiver.ids == [event.public_id for event in events]
    for (headers, body), event in zip(receiver.requests, events, strict=True):
        assert json.loads(body) == envelope_of(event)
        assert headers["webhook-signature"] == _signature(webhook.secret, headers, body)
        assert abs(int(headers["webhook-timestamp"]) - time.time()) < 30
        assert headers["content-type"] == "application/json"
    # Relayed once more, nothing is sent twice.
    Event.objects.update(delivered_at=None)
    relay()
    assert send() == 0
    assert len(receiver.requests) == 3


def test_a_failure_is_tried_again_under_the_same_id_and_holds_its_booking_alone(
    slot: Slot, receiver: Receiver
) -> None:
    make_webhook(slot, receiver.url)
    receiver.status, receiver.body = 400, b"no\0t so"
    booking = book(slot)
    relay()
    assert send() == 0
    first = WebhookDelivery.objects.get(type="booking.created")
    assert (first.state, first.attempts) == ("QUEUED", 1)
    assert first.next_attempt_at > now() + timedelta(seconds=3)
    assert [entry["status"] for entry in first.log] == [400]
    assert first.log[0]["response"] == "not so"
    # The next of this booking waits for it; that of another goes.
    other = book(slot)
    relay()
    receiver.status = 200
    # A refusal is about one message: the receiver itself is not left alone.
    assert send() == 2
    assert WebhookDelivery.objects.filter(subject_id=other.pk, state="SENT").count() == 2
    assert WebhookDelivery.objects.filter(subject_id=booking.pk, state="SENT").count() == 0
    assert send(due_now=True) == 2
    of_booking = [
        each["id"]
        for each in map(json.loads, (body for _, body in receiver.requests))
        if each["data"]["booking"]["id"] == booking.public_id
    ]
    names = [Event.objects.get(pk=Event.parse_id(each)).name for each in of_booking]
    assert names == ["booking.created", "booking.created", "booking.confirmed"]


def test_a_receiver_that_fails_is_left_alone_and_hurried_once_it_is_back(
    slot: Slot, receiver: Receiver
) -> None:
    webhook = make_webhook(slot, receiver.url)
    receiver.status = 503
    for _ in range(3):
        book(slot)
    relay()
    assert send() == 0
    # One was tried, for all.
    assert len(receiver.requests) == 1
    assert Lane.objects.get(name=f"webhook.{webhook.public_id}").reason == "HTTP 503"
    webhook.refresh_from_db()
    assert webhook.failing_since is not None
    assert send() == 0
    assert len(receiver.requests) == 1
    WebhookDelivery.objects.filter(attempts=1).update(next_attempt_at=now() + timedelta(hours=9))
    receiver.status = 200
    Lane.objects.update(paused_until=now() - timedelta(seconds=1))
    for _ in range(5):
        send()
    assert WebhookDelivery.objects.exclude(state="SENT").count() == 0
    webhook.refresh_from_db()
    assert webhook.failing_since is None


def test_a_message_is_given_up_after_three_days_and_sent_again_by_hand(
    slot: Slot, receiver: Receiver
) -> None:
    webhook = make_webhook(slot, receiver.url, event_types=["booking.created"])
    receiver.status = 500
    book(slot)
    relay()
    send()
    WebhookDelivery.objects.update(queued_at=now() - timedelta(days=3))
    send(due_now=True)
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, len(delivery.log)) == ("DEAD", 2)
    receiver.status = 204
    redeliver(actor=_manager(slot), delivery_id=delivery.pk, webhook_id=webhook.pk)
    assert send(due_now=True) == 1
    delivery.refresh_from_db()
    assert (delivery.state, len(delivery.log)) == ("SENT", 3)
    assert len(set(receiver.ids)) == 1


def test_the_pauses_make_three_days() -> None:
    assert timedelta(days=3) < sum(PAUSES, timedelta()) < timedelta(days=4)
    for attempts in (1, 5, 9, 50):
        pause = PAUSES[min(attempts, 9) - 1]
        found = [pause_after(attempts) for _ in range(50)]
        assert 0.9 * pause <= min(found) < max(found) <= 1.1 * pause
    assert pause_after(1, timedelta(hours=1)) == timedelta(hours=1)


def test_one_that_fails_for_days_is_disabled_and_its_owners_are_told(
    slot: Slot, receiver: Receiver
) -> None:
    owner = make_member(slot.venue.organization, Role.OWNER)
    make_member(slot.venue.organization)
    webhook = make_webhook(slot, receiver.url)
    receiver.status = 500
    Webhook.objects.update(failing_since=now() - timedelta(days=4, hours=23))
    book(slot)
    relay()
    mail.outbox.clear()
    send()
    webhook.refresh_from_db()
    assert webhook.is_enabled
    Webhook.objects.update(failing_since=now() - timedelta(days=5, minutes=1))
    send(due_now=True)
    webhook.refresh_from_db()
    assert (webhook.is_enabled, webhook.disabled_reason) == (False, "FAILING")
    assert not WebhookDelivery.objects.filter(state="QUEUED").exists()
    relay()
    (message,) = (each for each in mail.outbox if "webhook" in each.subject)
    assert owner.email in message.to[0]
    assert "127.0.0.1" in message.body
    assert "/hooks" not in message.body
    count = len(receiver.requests)
    book(slot)
    relay()
    assert send() == 0
    assert len(receiver.requests) == count
    # Enabled again it begins anew.
    update_webhook(actor=_manager(slot), webhook_id=webhook.pk, enabled=True)
    webhook.refresh_from_db()
    assert (webhook.failing_since, webhook.disabled_at, webhook.disabled_reason) == (None, None, "")


def test_a_receiver_that_is_gone_is_disabled_at_once(slot: Slot, receiver: Receiver) -> None:
    webhook = make_webhook(slot, receiver.url)
    receiver.status = 410
    book(slot)
    relay()
    send()
    webhook.refresh_from_db()
    assert (webhook.is_enabled, webhook.disabled_reason) == (False, "GONE")
    assert Event.objects.filter(name="webhook.disabled").count() == 1


def test_both_secrets_sign_while_one_is_changed(slot: Slot, receiver: Receiver) -> None:
    webhook = make_webhook(slot, receiver.url, event_types=["booking.created"])
    old, new = webhook.secret, rotate_secret(actor=_manager(slot), webhook_id=webhook.pk).secret
    book(slot)
    relay()
    send()
    headers, body = receiver.requests[0]
    assert headers["webhook-signature"].split() == [
        _signature(secret, headers, body) for secret in (new, old)
    ]
    Webhook.objects.update(previous_secret_until=now() - timedelta(seconds=1))
    book(slot)
    relay()
    send()
    headers, body = receiver.requests[1]
    assert headers["webhook-signature"] == _signature(new, headers, body)


def test_no_redirect_is_followed_and_little_is_read(slot: Slot, receiver: Receiver) -> None:
    make_webhook(slot, receiver.url, event_types=["booking.created"])
    receiver.status, receiver.headers = 307, {"Location": receiver.url}
    receiver.body = b"x" * 3_000_000
    book(slot)
    relay()
    assert send() == 0
    assert len(receiver.requests) == 1
    (entry,) = WebhookDelivery.objects.get().log
    assert (entry["status"], len(entry["response"])) == (307, 500)


def test_who_drips_or_is_silent_costs_a_bounded_time(
    slot: Slot, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "MESSAGE_SECONDS", 0.6)
    make_webhook(slot, receiver.url, event_types=["booking.created"])
    receiver.drip = True
    book(slot)
    relay()
    began_at = time.monotonic()
    assert send() == 0
    assert time.monotonic() - began_at < 5
    (entry,) = WebhookDelivery.objects.get().log
    assert (entry["status"], entry["error"]) == (None, "TimedOut")


def test_one_receiver_that_dawdles_does_not_keep_another_waiting(
    slot: Slot, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = make_slot(capacity=50), slot
    with running() as dawdler:
        dawdler.delay = 1.5
        monkeypatch.setattr(sending, "_TURN_SECONDS", 1.0)
        make_webhook(slow, dawdler.url, event_types=["booking.created"])
        make_webhook(quick, receiver.url, event_types=["booking.created"])

        def seconds() -> float:
            """How long a message takes that is owed when a sender has met the one that dawdles."""
            for _ in range(2):
                book(slow)
            relay()
            Lane.objects.update(paused_until=now())
            began_at = time.monotonic()
            send_due(within=timedelta(seconds=0.2))
            took = time.monotonic() - began_at
            book(quick)
            relay()
            count = len(receiver.requests)
            began_at = time.monotonic()
            send_due(within=timedelta(seconds=0.2))
            assert len(receiver.requests) == count + 1
            return took + time.monotonic() - began_at

        monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.2)
        assert seconds() < dawdler.delay
        # Its turn is over after a second; what was not tried waits for the next.
        turns.finish(timedelta(seconds=5))
        assert len(dawdler.requests) == 1
        assert sorted(WebhookDelivery.objects.values_list("state", "attempts")) == [
            *(("QUEUED", 0), ("SENT", 1), ("SENT", 1)),
        ]
        # Whoever waits for it has all others wait.
        monkeypatch.setattr(turns, "PATIENCE_SECONDS", 30.0)
        assert seconds() > dawdler.delay


def test_a_claim_of_a_sender_that_died_lapses(slot: Slot, receiver: Receiver) -> None:
    webhook = make_webhook(slot, receiver.url, event_types=["booking.created"])
    book(slot)
    relay()
    assert len(claims.claim(webhook_id=webhook.pk, limit=5)) == 1
    assert claims.claim(webhook_id=webhook.pk, limit=5) == []
    assert send() == 0
    assert send(due_now=True) == 1


def test_old_deliveries_are_forgotten(slot: Slot, receiver: Receiver) -> None:
    webhook = make_webhook(slot, receiver.url)
    for days, state in ((31, "SENT"), (31, "QUEUED"), (29, "DEAD")):
        WebhookDelivery.objects.create(
            id=earliest_id(now() - timedelta(days=days, minutes=len(state))),
            organization=slot.venue.organization,
            webhook=webhook,
            type="webhook.test",
            subject_id=webhook.pk,
            sequence=1,
            state=state,
        )
    assert upkeep.forget_old() == 1
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"QUEUED", "DEAD"}

"""Secrets are kept encrypted, sign as they were told, and outlive a change of the key."""

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.actors import account
from accounts.models import Role
from bookings.models import Slot
from notifications.models import Lane
from reserve.core.clock import now
from reserve.core.sealing import Unreadable, first_key_prefix, seal, unseal
from tests.factories import make_member, make_slot
from tests.webhooks.conftest import book, make_webhook, relay, send
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_sending import _signature
from webhooks.models import Webhook, WebhookDelivery
from webhooks.services.endpoints import create_webhook, rotate_secret
from webhooks.signatures import new_secret

pytestmark = pytest.mark.django_db(transaction=True)

_OLD, _NEW, _OTHER = ("old " * 8, "new " * 8, "other " * 8)


def _stored() -> str:
    """All that the table says of secrets."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(secret || ' ' || previous_secret, ' ') FROM webhooks_webhook"
        )
        return str(cursor.fetchone()[0])


def _send_one(slot: Slot, receiver: Receiver) -> tuple[dict[str, str], bytes]:
    book(slot)
    relay()
    assert send() == 1
    return receiver.requests[-1]


def test_a_secret_is_told_once_and_kept_encrypted(receiver: Receiver) -> None:
    slot = make_slot(capacity=50)
    actor = account(make_member(slot.venue.organization, Role.OWNER).pk)
    made = create_webhook(
        actor=actor,
        organization_id=slot.venue.organization_id,
        url=receiver.url,
        event_types=["booking.created"],
    )
    headers, body = _send_one(slot, receiver)
    assert headers["webhook-signature"] == _signature(made.secret, headers, body)
    again = rotate_secret(actor=actor, webhook_id=made.webhook.pk)
    headers, body = _send_one(slot, receiver)
    assert headers["webhook-signature"].split() == [
        _signature(secret, headers, body) for secret in (again.secret, made.secret)
    ]
    stored = _stored()
    assert stored.count("sealed:") == 2
    for secret in ("whsec_", made.secret[6:], again.secret[6:]):
        assert secret not in stored


def test_the_key_can_be_changed_and_the_old_one_dropped(receiver: Receiver, settings: Any) -> None:
    settings.ENCRYPTION_KEYS = [_OLD]
    slot = make_slot(capacity=50)
    webhook = make_webhook(slot, receiver.url, event_types=["booking.created"])
    secret = webhook.secret
    # Written by a version that did not encrypt; and one that signs no more.
    clear = new_secret()
    plain = make_webhook(make_slot(), receiver.url)
    Webhook.objects.filter(pk=plain.pk).update(
        sealed_secret=clear,
        sealed_previous_secret=seal(new_secret()),
        previous_secret_until=now() - timedelta(seconds=1),
    )
    settings.ENCRYPTION_KEYS = [_NEW, _OLD]
    headers, body = _send_one(slot, receiver)
    assert headers["webhook-signature"] == _signature(secret, headers, body)
    call_command("reseal_secrets")
    assert _stored().count(first_key_prefix()) == 2
    settings.ENCRYPTION_KEYS = [_NEW]
    headers, body = _send_one(slot, receiver)
    assert headers["webhook-signature"] == _signature(secret, headers, body)
    plain.refresh_from_db()
    assert (plain.secret, plain.previous_secret) == (clear, "")
    before = _stored()
    call_command("reseal_secrets")
    assert _stored() == before, "what is done is not done again"


def test_a_secret_that_cannot_be_read_waits_for_its_key(receiver: Receiver, settings: Any) -> None:
    keys = list(settings.ENCRYPTION_KEYS)
    slot, other = make_slot(capacity=50), make_slot(capacity=50)
    webhook = make_webhook(slot, receiver.url, event_types=["booking.created"])
    settings.ENCRYPTION_KEYS = [_OTHER]
    make_webhook(other, receiver.url, event_types=["booking.created"])
    book(slot)
    book(other)
    relay()
    assert send() == 1, "that of the other, whose key is there"
    assert Lane.objects.get(name=f"webhook.{webhook.public_id}").reason == "SecretUnreadable"
    waiting = WebhookDelivery.objects.get(state="QUEUED")
    assert (waiting.webhook_id, waiting.attempts) == (webhook.pk, 0)
    stored = _stored()
    with pytest.raises(CommandError, match="1 cannot be read"):
        call_command("reseal_secrets")
    assert _stored() == stored
    settings.ENCRYPTION_KEYS = [*keys, _OTHER]
    assert send(due_now=True) == 1


def test_what_was_changed_or_sealed_under_another_key_is_not_taken_for_a_secret(
    settings: Any,
) -> None:
    sealed = seal("whsec_c2VjcmV0")
    assert unseal(sealed) == "whsec_c2VjcmV0"
    assert seal("whsec_c2VjcmV0") != sealed
    head, _, token = sealed.rpartition(":")
    for wrong in (f"{head}:{token[:-4]}AAA=", f"{head}:", "sealed:00000000:" + token, "sealed:"):
        with pytest.raises(Unreadable):
            unseal(wrong)
    settings.ENCRYPTION_KEYS = [_OTHER]
    with pytest.raises(Unreadable):
        unseal(sealed)


def test_the_migration_encrypts_what_is_there_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    migration = import_module("webhooks.migrations.0003_sealed_secrets")
    secrets = {}
    for number in range(3):
        webhook = make_webhook(make_slot(), "https://example.com/")
        secrets[webhook.pk] = new_secret()
        Webhook.objects.filter(pk=webhook.pk).update(
            sealed_secret=secrets[webhook.pk],
            sealed_previous_secret=secrets[webhook.pk] if number else "",
        )
    clear = _stored()
    monkeypatch.setattr(migration, "_BATCH", 2)
    migration._seal_all(apps, None)
    sealed = _stored()
    assert "whsec_" not in sealed
    assert {webhook.pk: webhook.secret for webhook in Webhook.objects.all()} == secrets
    # Begun again, it leaves what is done.
    migration._seal_all(apps, None)
    assert _stored() == sealed
    migration._unseal_all(apps, None)
    assert sorted(_stored().split()) == sorted(clear.split())

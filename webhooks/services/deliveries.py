"""What is owed to which webhook, and sending it again."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from accounts.actors import Actor
from reserve.core.context import request_id
from reserve.core.errors import Conflict
from reserve.core.ids import new_id
from reserve.core.logging import get_logger
from reserve.outbox.models import Event
from webhooks.errors import WebhookDisabled
from webhooks.kinds import TEST_TYPE, DeliveryState
from webhooks.models import Webhook, WebhookDelivery
from webhooks.selectors import delivery_of, webhook_of

log = get_logger(__name__)

# What each of many rows has of its own comes as arrays; the rest is the event's. Made by
# the ORM, the thousand rows of a full claim and five webhooks take longer than all else
# that the relay does with it. Always in the same order, or two relays with the same
# events could wait for each other.
_OWE = """
INSERT INTO webhooks_webhookdelivery (
  id, organization_id, webhook_id, event_id, type, subject_id, sequence, request_id, state,
  attempts, log)
SELECT owed.id, e.organization_id, owed.webhook_id, e.id, e.name, e.subject_id, e.sequence,
  e.request_id, %(state)s, 0, '[]'
FROM unnest(%(ids)s::uuid[], %(webhook_ids)s::uuid[], %(event_ids)s::uuid[])
  AS owed(id, webhook_id, event_id)
JOIN outbox_event e ON e.id = owed.event_id
ORDER BY e.id, owed.webhook_id
ON CONFLICT DO NOTHING
"""


def owe(events: Sequence[Event]) -> int:
    """Write down what enabled webhooks are to be told of these events; return how much.

    Told of an event once, however often it is relayed.
    """
    wanted: defaultdict[UUID, list[Webhook]] = defaultdict(list)
    for webhook in Webhook.objects.filter(
        organization_id__in={event.organization_id for event in events}, is_enabled=True
    ):
        wanted[webhook.organization_id].append(webhook)
    owed = [
        (webhook.pk, event.pk)
        for event in sorted(events, key=lambda event: event.pk)
        for webhook in wanted[event.organization_id]
        if not webhook.event_types or event.name in webhook.event_types
    ]
    if owed:
        with connection.cursor() as cursor:
            cursor.execute(
                _OWE,
                {
                    "state": DeliveryState.QUEUED.value,
                    "ids": [new_id() for _ in owed],
                    "webhook_ids": [webhook_id for webhook_id, _ in owed],
                    "event_ids": [event_id for _, event_id in owed],
                },
            )
    return len(owed)


def send_test(
    *, actor: Actor, webhook_id: UUID, organization_id: UUID | None = None
) -> WebhookDelivery:
    """Send a message that only shows whether messages arrive.

    Raises:
        NotFound, Forbidden: as `webhook_of`.
        WebhookDisabled: as it says.
    """
    webhook = webhook_of(actor=actor, webhook_id=webhook_id, organization_id=organization_id)
    if not webhook.is_enabled:
        raise WebhookDisabled
    delivery = WebhookDelivery(
        organization_id=webhook.organization_id,
        webhook=webhook,
        type=TEST_TYPE,
        sequence=1,
        request_id=request_id(),
    )
    delivery.subject_id = delivery.pk
    delivery.save(force_insert=True)
    delivery.refresh_from_db()
    return delivery


def redeliver(
    *,
    actor: Actor,
    delivery_id: UUID,
    webhook_id: UUID | None = None,
    organization_id: UUID | None = None,
) -> WebhookDelivery:
    """Send a message once more, under the same id; a receiver may have it already.

    Raises:
        NotFound, Forbidden: as `delivery_of`.
        WebhookDisabled: as it says.
        Conflict: it is on its way.
    """
    delivery = delivery_of(
        actor=actor,
        delivery_id=delivery_id,
        webhook_id=webhook_id,
        organization_id=organization_id,
    )
    with transaction.atomic():
        if not Webhook.objects.filter(pk=delivery.webhook_id, is_enabled=True).exists():
            raise WebhookDisabled
        ended = WebhookDelivery.objects.filter(pk=delivery.pk).exclude(state=DeliveryState.QUEUED)
        if not ended.update(
            state=DeliveryState.QUEUED,
            attempts=0,
            next_attempt_at=Now(),
            queued_at=Now(),
            ended_at=None,
        ):
            raise Conflict("It is on its way already.")
    log.info("webhook_redelivery", delivery_id=delivery.public_id, actor=actor.public_name)
    delivery.refresh_from_db()
    return delivery

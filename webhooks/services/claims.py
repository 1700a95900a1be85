"""Whose turn it is: claims of deliveries, and what becomes of them."""

import random
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from reserve.core.claims import LEASE, claim_due, give_back, held, spread
from reserve.core.clock import now
from reserve.core.logging import get_logger
from reserve.outbox.services import record
from webhooks.events import disabled_event
from webhooks.kinds import DeliveryState, DisabledReason
from webhooks.models import Webhook, WebhookDelivery
from webhooks.posting import Outcome
from webhooks.services.endpoints import skip_what_waits

log = get_logger(__name__)

CLAIM_SIZE = 20
# After each attempt that failed; the last for all further ones. Together three days.
PAUSES = (
    *(timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2)),
    *(timedelta(hours=5), timedelta(hours=10), timedelta(hours=14), timedelta(hours=20)),
    timedelta(hours=24),
)
GIVE_UP_AFTER = timedelta(days=3)
# Without any message that arrived, though some were sent.
DISABLE_AFTER = timedelta(days=5)
_KEPT_ATTEMPTS = 20


def endpoints_due(*, limit: int) -> list[Webhook]:
    """Enabled webhooks with something to send, in an order that favours none."""
    due = WebhookDelivery.objects.filter(
        webhook=OuterRef("pk"), state=DeliveryState.QUEUED, next_attempt_at__lte=Now()
    )
    found = list(Webhook.objects.filter(Exists(due), is_enabled=True).order_by("?")[:limit])
    random.shuffle(found)
    return found


def claim(*, webhook_id: UUID, limit: int) -> list[WebhookDelivery]:
    """Claim a webhook's next deliveries; of a booking the earliest alone, until it has ended."""
    queued = WebhookDelivery.objects.filter(webhook_id=webhook_id, state=DeliveryState.QUEUED)
    earlier = queued.filter(subject_id=OuterRef("subject_id"), sequence__lt=OuterRef("sequence"))
    claimed = claim_due(queued.filter(~Exists(earlier)).select_related("event"), limit=limit)
    return sorted(claimed, key=lambda delivery: delivery.pk)


def release(deliveries: Collection[WebhookDelivery]) -> None:
    """Give back what was claimed and not tried."""
    for delivery in deliveries:
        give_back(_mine(delivery))


def record_outcome(delivery: WebhookDelivery, outcome: Outcome) -> None:
    """Write down what became of an attempt; after a failure, try again later or give up."""
    entry = _entry_of(outcome)
    entries = [*delivery.log, entry][-_KEPT_ATTEMPTS:]
    if outcome.is_success:
        # Whoever may have claimed it since: it has arrived.
        WebhookDelivery.objects.filter(pk=delivery.pk, state=DeliveryState.QUEUED).update(
            state=DeliveryState.SENT, ended_at=Now(), log=entries
        )
        return
    if outcome.is_refused_for_good or now() - delivery.queued_at >= GIVE_UP_AFTER:
        if _mine(delivery).update(state=DeliveryState.DEAD, ended_at=Now(), log=entries):
            log.warning("webhook_given_up", delivery_id=delivery.public_id, reason=outcome.told)
        return
    _mine(delivery).update(
        next_attempt_at=Now() + pause_after(delivery.attempts, outcome.retry_after), log=entries
    )


def pause_after(attempts: int, asked_for: timedelta | None = None) -> timedelta:
    """How long to wait after so many attempts; as long as the receiver asked for, at least."""
    pause = PAUSES[min(max(attempts, 1), len(PAUSES)) - 1]
    return max(spread(pause, 0.1), asked_for or timedelta())


def record_turn(webhook: Webhook, outcomes: Collection[Outcome]) -> None:
    """Write down how a webhook does; disable it where it has done badly for days."""
    if any(outcome.is_refused_for_good for outcome in outcomes):
        disable(webhook, DisabledReason.GONE)
    elif any(outcome.is_success for outcome in outcomes):
        Webhook.objects.filter(pk=webhook.pk, failing_since__isnull=False).update(
            failing_since=None
        )
    elif outcomes:
        Webhook.objects.filter(pk=webhook.pk, failing_since=None).update(failing_since=Now())
        since: datetime | None = webhook.failing_since
        if since is not None and now() - since >= DISABLE_AFTER:
            disable(webhook, DisabledReason.FAILING)


def hurry(webhook: Webhook) -> None:
    """Send at once what waits for its next attempt: the receiver is back."""
    WebhookDelivery.objects.filter(
        webhook=webhook, state=DeliveryState.QUEUED, attempts__gt=0, log__0__isnull=False
    ).exclude(next_attempt_at__lte=Now() + LEASE).update(next_attempt_at=Now())


def disable(webhook: Webhook, reason: DisabledReason) -> None:
    """Disable a webhook that somebody else is to look after, and record it once."""
    with transaction.atomic():
        disabled = Webhook.objects.filter(pk=webhook.pk, is_enabled=True).update(
            is_enabled=False, disabled_at=Now(), disabled_reason=reason
        )
        if disabled:
            skip_what_waits(webhook)
            record([disabled_event(webhook, reason.value)])
    if disabled:
        log.warning("webhook_disabled", webhook_id=webhook.public_id, reason=reason.value)


def _entry_of(outcome: Outcome) -> dict[str, Any]:
    return {
        "at": now().isoformat(),
        "status": outcome.status,
        "error": outcome.reason,
        "response": outcome.excerpt,
        "milliseconds": round(outcome.seconds * 1000),
    }


def _mine(delivery: WebhookDelivery) -> QuerySet[WebhookDelivery]:
    return held(delivery, among=WebhookDelivery.objects.filter(state=DeliveryState.QUEUED))

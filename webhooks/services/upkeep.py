"""Clearing away what nobody asks for any more, and old keys with it."""

from dataclasses import dataclass
from datetime import timedelta

from reserve.core.clock import now
from reserve.core.ids import earliest_id
from reserve.core.logging import get_logger
from reserve.core.sealing import Unreadable, first_key_prefix, seal, unseal
from webhooks.kinds import DeliveryState
from webhooks.models import Webhook, WebhookDelivery

log = get_logger(__name__)

# The feed has what is older.
_KEPT = timedelta(days=30)
_BATCH = 5_000
_BATCHES = 20


def forget_old() -> int:
    """Remove the log of deliveries that are a month old and have ended; return how many."""
    ended = WebhookDelivery.objects.filter(id__lt=earliest_id(now() - _KEPT)).exclude(
        state=DeliveryState.QUEUED
    )
    total = 0
    for _ in range(_BATCHES):
        batch = list(ended.values_list("pk", flat=True)[:_BATCH])
        total += WebhookDelivery.objects.filter(pk__in=batch).delete()[0]
        if len(batch) < _BATCH:
            break
    return total


@dataclass(frozen=True, slots=True)
class Resealed:
    resealed: int
    unreadable: int
    """Left as they are, since their key is not at hand."""


def reseal_secrets() -> Resealed:
    """Encrypt under the first key what is under another one, or under none.

    Previous secrets that sign no more are forgotten.
    """
    Webhook.objects.filter(previous_secret_until__lte=now()).exclude(
        sealed_previous_secret=""
    ).update(sealed_previous_secret="")
    resealed = unreadable = 0
    for column in ("sealed_secret", "sealed_previous_secret"):
        others = Webhook.objects.exclude(**{column: ""}).exclude(
            **{f"{column}__startswith": first_key_prefix()}
        )
        for pk, sealed in others.values_list("pk", column).iterator(chunk_size=_BATCH):
            try:
                text = unseal(sealed)
            except Unreadable:
                unreadable += 1
                continue
            # Not over one that somebody has made meanwhile.
            same = Webhook.objects.filter(pk=pk, **{column: sealed})
            resealed += same.update(**{column: seal(text)})
    if unreadable:
        log.error("webhook_secrets_unreadable", count=unreadable)
    return Resealed(resealed, unreadable)

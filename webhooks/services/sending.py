"""Sending what is owed: claim, commit, send, record. No network call inside a transaction.

Receivers take turns, some at a time. One that fails is left alone for a while, and one that
dawdles to its thread, as mail servers are (`notifications.services.turns`).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial

import orjson
from django.conf import settings

from notifications.services import lanes
from notifications.services.turns import Floor, Recording, Turn
from reserve.core.clock import now
from reserve.core.sealing import Unreadable
from webhooks.envelopes import envelope_of, trial_envelope_of
from webhooks.models import Webhook, WebhookDelivery
from webhooks.posting import Message, Outcome, Rules, post_all
from webhooks.services import claims

# Receivers at once, besides those that keep us waiting.
_RECEIVERS = 8
# How often it is looked who has something due while receivers keep us waiting, seconds.
_LOOK_SECONDS = 0.1
# One receiver's turn: when no further message is begun, seconds.
_TURN_SECONDS = 5.0


def send_due(*, within: timedelta, more: Callable[[], None] | None = None) -> int:
    """Send what is due, receiver by receiver; return how many messages arrived.

    What a receiver that keeps us waiting takes afterwards does not count.

    Args:
        within: when to begin no more; the next call goes on.
        more: called, by another thread, when such a receiver has had its turn.
    """
    ends_at = time.monotonic() + within.total_seconds()
    with Floor(more) as floor:
        while time.monotonic() < ends_at and (_begin_turns(floor) or len(floor)):
            floor.wait(_LOOK_SECONDS)
    return floor.sent


def _begin_turns(floor: Floor) -> int:
    """Begin turns of receivers that have something due; return how many."""
    begun = 0
    closed = lanes.closed()
    for webhook in claims.endpoints_due(limit=50 * _RECEIVERS):
        if len(floor) >= _RECEIVERS:
            break
        lane = f"webhook.{webhook.public_id}"
        leave = floor.enter(lane) if lane not in closed else None
        if leave is None:
            continue
        try:
            keys = keys_of(webhook)
        except Unreadable:
            # Nothing is lost: with its key back, all goes on.
            lanes.report_failure(lane, "SecretUnreadable")
            continue
        deliveries = claims.claim(
            webhook_id=webhook.pk, limit=1 if leave.is_trial else claims.CLAIM_SIZE
        )
        if not deliveries:
            lanes.leave_untried(lane, leave)
            continue
        floor.begin(_Turn(lane, leave, webhook, keys, deliveries))
        begun += 1
    return begun


class _Turn(Turn):
    """The messages of one webhook."""

    def __init__(
        self,
        lane: str,
        leave: lanes.Pass,
        webhook: Webhook,
        keys: Sequence[str],
        deliveries: Sequence[WebhookDelivery],
    ) -> None:
        super().__init__(lane, leave)
        self._webhook = webhook
        self._is_trial = leave.is_trial
        self._deliveries = deliveries
        self._outcomes: list[Outcome] = []
        self._post = partial(
            post_all,
            webhook.url,
            keys,
            [Message(each.message_id, body_of(each)) for each in deliveries],
            rules=Rules(
                allows_plain=settings.WEBHOOK_ALLOW_HTTP,
                allows_loopback=settings.WEBHOOK_ALLOW_LOOPBACK,
            ),
            within=_TURN_SECONDS,
        )

    def post(self) -> Iterator[Recording]:
        for delivery, outcome in zip(self._deliveries, self._post(), strict=False):
            self._outcomes.append(outcome)
            self.answers += not outcome.is_server_failure
            yield partial(self._record, delivery, outcome)

    def release(self) -> None:
        claims.release(self._deliveries[len(self._outcomes) :])

    def end(self) -> None:
        super().end()
        if self._is_trial and not self.has_failed:
            claims.hurry(self._webhook)
        claims.record_turn(self._webhook, self._outcomes)

    def _record(self, delivery: WebhookDelivery, outcome: Outcome) -> bool:
        claims.record_outcome(delivery, outcome)
        if outcome.is_server_failure:
            self.fail(outcome.told)
        return outcome.is_success


def keys_of(webhook: Webhook) -> list[str]:
    """The secrets that messages are signed with now. Raises `Unreadable` without their key."""
    until = webhook.previous_secret_until
    is_rotating = until is not None and until > now()
    return [webhook.secret, *([webhook.previous_secret] if is_rotating else [])]


def body_of(delivery: WebhookDelivery) -> bytes:
    """What is sent: the same at every attempt."""
    envelope = (
        trial_envelope_of(
            message_id=delivery.public_id,
            webhook_id=Webhook.format_id(delivery.webhook_id),
            organization_id=delivery.organization_id,
            moment=delivery.created_at,
        )
        if delivery.event is None
        else envelope_of(delivery.event)
    )
    return orjson.dumps(envelope)

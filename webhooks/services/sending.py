"""Sending what is owed: claim, commit, send, record. No network call inside a transaction.

Receivers take turns, some at a time, each in a thread that knows nothing of the database.
One that fails or dawdles is left alone for a while, as mail servers are
(`notifications.services.lanes`), and costs the others nothing.
"""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta

import orjson
from django.conf import settings
from django.core.cache import cache

from notifications.services import lanes
from reserve.core.clock import now
from reserve.core.logging import get_logger
from webhooks.envelopes import envelope_of, trial_envelope_of
from webhooks.models import Webhook, WebhookDelivery
from webhooks.posting import MESSAGE_SECONDS, Message, Outcome, Rules, post_all
from webhooks.services import claims

log = get_logger(__name__)

_RECEIVERS = 8
# One receiver's turn, seconds: who is slower is left alone for a while.
_TURN_SECONDS = 5.0
# With the last message of a turn, and a name that takes its time to be resolved.
_PATIENCE_SECONDS = _TURN_SECONDS + MESSAGE_SECONDS + 2.0
_TIMED_OUT = Outcome(reason="TimedOut")
_BUSY = "webhooks.sending"


@dataclass(slots=True)
class _Turn:
    webhook: Webhook
    lane: str
    leave: lanes.Pass
    deliveries: list[WebhookDelivery]


def send_due(*, within: timedelta) -> int:
    """Send what is due, receiver by receiver; return how many messages arrived.

    One worker at a time: receivers that dawdle must not keep every worker from bookings.

    Args:
        within: when to begin no more; the next call goes on.
    """
    # Where it lapses, two send at once, which the claims allow.
    if not cache.add(_BUSY, True, timeout=30):
        return 0
    ends_at = time.monotonic() + within.total_seconds()
    sent = 0
    threads = ThreadPoolExecutor(_RECEIVERS, thread_name_prefix="webhook")
    try:
        while time.monotonic() < ends_at:
            turns = _begin_turns()
            if not turns:
                break
            sent += _take(turns, threads)
    finally:
        # A name that nobody resolves keeps its thread for a while, but not us.
        threads.shutdown(wait=False, cancel_futures=True)
        cache.delete(_BUSY)
    return sent


def _begin_turns() -> list[_Turn]:
    closed = lanes.closed()
    turns: list[_Turn] = []
    for webhook in claims.endpoints_due(limit=50 * _RECEIVERS):
        lane = f"webhook.{webhook.public_id}"
        leave = lanes.enter(lane) if lane not in closed else None
        if leave is None:
            continue
        deliveries = claims.claim(
            webhook_id=webhook.pk, limit=1 if leave.is_trial else claims.CLAIM_SIZE
        )
        if not deliveries:
            lanes.leave_untried(lane, leave)
            continue
        turns.append(_Turn(webhook, lane, leave, deliveries))
        if len(turns) == _RECEIVERS:
            break
    return turns


def _take(turns: Sequence[_Turn], threads: ThreadPoolExecutor) -> int:
    rules = Rules(
        allows_plain=settings.WEBHOOK_ALLOW_HTTP, allows_loopback=settings.WEBHOOK_ALLOW_LOOPBACK
    )
    running: list[tuple[_Turn, Future[list[Outcome]]]] = [
        (
            turn,
            threads.submit(
                post_all,
                turn.webhook.url,
                keys_of(turn.webhook),
                [Message(each.message_id, body_of(each)) for each in turn.deliveries],
                rules=rules,
                within=_TURN_SECONDS,
            ),
        )
        for turn in turns
    ]
    wait([future for _, future in running], timeout=_PATIENCE_SECONDS)
    return sum(
        _record(turn, future.result() if future.done() else [_TIMED_OUT])
        for turn, future in running
    )


def _record(turn: _Turn, outcomes: Sequence[Outcome]) -> int:
    """Write down what became of a turn; returns how many messages arrived."""
    for delivery, outcome in zip(turn.deliveries, outcomes, strict=False):
        claims.record_outcome(delivery, outcome)
    untried = turn.deliveries[len(outcomes) :]
    claims.release(untried)
    failure = next((each for each in outcomes if each.is_server_failure), None)
    if failure is not None:
        lanes.report_failure(turn.lane, failure.told)
    elif untried:
        lanes.report_slowness(turn.lane, timedelta(seconds=sum(each.seconds for each in outcomes)))
    else:
        lanes.report_success(turn.lane, turn.leave)
        if turn.leave.is_trial:
            claims.hurry(turn.webhook)
    claims.record_turn(turn.webhook, outcomes)
    return sum(outcome.is_success for outcome in outcomes)


def keys_of(webhook: Webhook) -> list[str]:
    """The secrets that messages are signed with now."""
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

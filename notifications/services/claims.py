"""Whose turn it is: claims of deliveries, and what becomes of them.

Organizations take turns, a few messages each, so that one with a long queue, or a
server that is gone, keeps no other waiting. To one recipient of one booking messages go
in order: a later one is not claimed before the earlier one has ended.
"""

import random
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from notifications.kinds import Channel, Urgency
from notifications.models import Delivery, DeliveryState
from reserve.core.claims import claim_due, give_back, held, spread
from reserve.core.clock import now
from reserve.core.logging import get_logger

log = get_logger(__name__)

CLAIM_SIZE = 20
# A week without a mail server loses nothing; what is older is news no more.
GIVE_UP_AFTER = timedelta(days=10)
# Of messages that their server does not take: with the pauses below about a day.
MAX_REFUSALS = 12
_FIRST_PAUSE = timedelta(seconds=20)
_LONGEST_PAUSE = timedelta(hours=6)

# One look into the index for each organization, however long its queue is.
_DUE = """
WITH RECURSIVE due AS (
  (SELECT organization_id FROM notifications_delivery
   WHERE state = 'QUEUED' AND urgency = %(urgency)s AND channel = %(channel)s
     AND next_attempt_at <= now()
   ORDER BY organization_id LIMIT 1)
  UNION ALL
  SELECT (
    SELECT d.organization_id FROM notifications_delivery d
    WHERE d.state = 'QUEUED' AND d.urgency = %(urgency)s AND d.channel = %(channel)s
      AND d.next_attempt_at <= now() AND d.organization_id > due.organization_id
    ORDER BY d.organization_id LIMIT 1)
  FROM due WHERE due.organization_id IS NOT NULL
)
SELECT organization_id FROM due WHERE organization_id IS NOT NULL
"""

# Message by message, so that a sender that is killed sends at most one again. The disk is
# not waited for: what a crash of the database forgets is sent again under the same id.
_RECORD_SENT = """
UPDATE notifications_delivery
SET state = 'SENT', ended_at = now(), provider_id = %s, outcome = ''
WHERE id = %s AND state = 'QUEUED' AND set_config('synchronous_commit', 'off', true) IS NOT NULL
"""


def organizations_due(*, urgency: Urgency, channel: Channel) -> list[UUID]:
    """The organizations with something to send, in an order that favours none."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"urgency": urgency.value, "channel": channel.value})
        due = [organization_id for (organization_id,) in cursor.fetchall()]
    random.shuffle(due)
    return due


def claim(
    *, organization_id: UUID, urgency: Urgency, channel: Channel, limit: int
) -> list[Delivery]:
    """Claim an organization's next deliveries, with all that sending them asks for."""
    queued = Delivery.objects.filter(state=DeliveryState.QUEUED)
    earlier = queued.filter(
        organization_id=organization_id,
        booking_id=OuterRef("booking_id"),
        recipient=OuterRef("recipient"),
        channel=OuterRef("channel"),
        id__lt=OuterRef("id"),
    )
    next_ones = queued.filter(
        ~Exists(earlier), organization_id=organization_id, urgency=urgency, channel=channel
    )
    ids = [delivery.pk for delivery in claim_due(next_ones, limit=limit)]
    found = Delivery.objects.filter(pk__in=ids).select_related(
        *("organization", "booking__venue", "booking__guest", "user", "guest"),
        "device__login",
    )
    return sorted(found, key=lambda delivery: delivery.pk)


def release(deliveries: Collection[Delivery]) -> None:
    """Give back what was claimed and not tried."""
    for delivery in deliveries:
        give_back(_mine(delivery))


def record_sent(delivery: Delivery, provider_id: str) -> None:
    # Whoever may have claimed it since: it has been sent.
    with connection.cursor() as cursor:
        cursor.execute(_RECORD_SENT, (provider_id[:200], delivery.pk))


def record_skipped(delivery: Delivery, why: str) -> None:
    _mine(delivery).update(state=DeliveryState.SKIPPED, ended_at=Now(), outcome=why)


def postpone(delivery: Delivery, until: datetime) -> None:
    """Try it later, through no fault of anybody's."""
    give_back(_mine(delivery), until)


def record_failure(delivery: Delivery, reason: str, *, pause: timedelta | None = None) -> None:
    """Try it again later, or give it up.

    Args:
        pause: for how long its server is left alone, where that is what failed;
            otherwise the message was refused, and waits the longer the more often it was.
    """
    is_old = now() - delivery.created_at > GIVE_UP_AFTER
    if is_old or (pause is None and delivery.attempts >= MAX_REFUSALS):
        given_up = _mine(delivery).update(
            state=DeliveryState.DEAD, ended_at=Now(), outcome=reason[:200]
        )
        if given_up:
            log.error("delivery_dead", delivery_id=delivery.public_id, reason=reason)
        return
    if pause is None:
        pause = spread(min(_FIRST_PAUSE * 2 ** min(delivery.attempts - 1, 20), _LONGEST_PAUSE))
    _mine(delivery).update(next_attempt_at=Now() + pause, outcome=reason[:200])


def retry(delivery_ids: Sequence[UUID]) -> int:
    """Send dead deliveries after all; return how many there were among these."""
    dead = Delivery.objects.filter(pk__in=delivery_ids, state=DeliveryState.DEAD)
    # With its age begun anew, or it would be given up at the next failure.
    return dead.update(
        state=DeliveryState.QUEUED,
        attempts=0,
        next_attempt_at=Now(),
        created_at=Now(),
        ended_at=None,
        outcome="",
    )


def discard(delivery_ids: Sequence[UUID]) -> int:
    """Never send these dead deliveries; return how many there were among these."""
    dead = Delivery.objects.filter(pk__in=delivery_ids, state=DeliveryState.DEAD)
    return dead.update(state=DeliveryState.DISCARDED, ended_at=Now())


def _mine(delivery: Delivery) -> QuerySet[Delivery]:
    return held(delivery, among=Delivery.objects.filter(state=DeliveryState.QUEUED))

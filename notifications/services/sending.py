"""Sending what is owed: claim, commit, send, record. No network call inside a transaction."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings

from accounts.models import Organization
from notifications.errors import DeviceGone, MessageRefused, ServerFailed
from notifications.kinds import Channel, Platform, Urgency
from notifications.models import Delivery
from notifications.senders import sns
from notifications.senders.email import Mailbox
from notifications.services import claims, lanes
from notifications.services.messages import Batch
from reserve.core.context import on_behalf_of, request_id
from reserve.core.logging import get_logger

log = get_logger(__name__)

_MAIL = "email"
_PUSH = "push"
# One organization's turn on a server, seconds: who is slower is left alone for a while.
_TURN_SECONDS = 5.0


def send_due(*, urgency: Urgency, within: timedelta) -> int:
    """Send what is due, organization by organization; return how many messages went out.

    Args:
        within: when to stop; the next call goes on.
    """
    ends_at = time.monotonic() + within.total_seconds()
    sent = 0
    while time.monotonic() < ends_at:
        progress = _round(urgency, ends_at)
        sent += progress.sent
        if not progress.claimed:
            break
    return sent


@dataclass(slots=True)
class _Progress:
    claimed: int = 0
    sent: int = 0


def _round(urgency: Urgency, ends_at: float) -> _Progress:
    """A turn for every organization that has something due on a server that works."""
    progress = _Progress()
    own_servers = _own_servers()
    closed = lanes.closed()
    for channel in Channel:
        for organization_id in claims.organizations_due(urgency=urgency, channel=channel):
            if time.monotonic() > ends_at:
                return progress
            lane = _lane_of(channel, own_servers.get(organization_id))
            if lane in closed:
                continue
            leave = lanes.enter(lane)
            if leave is None:
                closed.add(lane)
                continue
            deliveries = claims.claim(
                organization_id=organization_id,
                urgency=urgency,
                channel=channel,
                limit=1 if leave.is_trial else claims.CLAIM_SIZE,
            )
            if not deliveries:
                lanes.leave_untried(lane, leave)
                continue
            progress.claimed += len(deliveries)
            turn = _Turn(lane, leave, own_servers.get(organization_id))
            progress.sent += turn.take(deliveries)
            if turn.is_over_early:
                closed.add(lane)
    return progress


class _Turn:
    """The messages of one organization on one server."""

    def __init__(self, lane: str, leave: lanes.Pass, slug: str | None) -> None:
        self._lane = lane
        self._leave = leave
        self._server = settings.ORGANIZATION_MAIL_SERVERS[slug] if slug else None
        self._has_failed = False
        self._has_answered = False
        self.is_over_early = False

    def take(self, deliveries: Sequence[Delivery]) -> int:
        """Send what still makes sense; return how many went out."""
        sent, untried = 0, list(deliveries)
        batch = Batch(deliveries)
        began_at = time.monotonic()
        with Mailbox(self._server) as mailbox:
            while untried and not self.is_over_early:
                if time.monotonic() - began_at > _TURN_SECONDS:
                    self.is_over_early = True
                    break
                delivery = untried.pop(0)
                with on_behalf_of(delivery.request_id or request_id()):
                    sent += self._send(delivery, batch, mailbox)
        spent = time.monotonic() - began_at
        claims.release(untried)
        if untried and not self._has_failed:
            lanes.report_slowness(self._lane, timedelta(seconds=spent))
        elif self._has_answered and not self._has_failed:
            lanes.report_success(self._lane, self._leave)
        elif not self._has_failed:
            lanes.leave_untried(self._lane, self._leave)
        return sent

    def _send(self, delivery: Delivery, batch: Batch, mailbox: Mailbox) -> bool:
        try:
            if why := batch.why_not(delivery):
                claims.record_skipped(delivery, why)
                return False
            if until := batch.quiet_until(delivery):
                claims.postpone(delivery, until)
                return False
            provider_id = (
                self._mail(delivery, batch, mailbox)
                if delivery.channel == Channel.EMAIL
                else self._push(delivery, batch)
            )
        except ServerFailed as error:
            self._fail(delivery, str(error))
        except SoftTimeLimitExceeded:
            self._fail(delivery, "TimeLimit")
        except MessageRefused as error:
            self._has_answered = True
            log.warning("message_refused", delivery_id=delivery.public_id, reason=str(error))
            claims.record_failure(delivery, str(error))
        except DeviceGone as error:
            self._has_answered = True
            _forget_device(delivery)
            claims.record_skipped(delivery, f"device_gone {error}")
        except Exception as error:
            # A fault of ours in one message must not keep the others.
            log.exception("message_failed", delivery_id=delivery.public_id)
            claims.record_failure(delivery, type(error).__name__)
        else:
            self._has_answered = True
            claims.record_sent(delivery, provider_id)
            return True
        return False

    def _fail(self, delivery: Delivery, reason: str) -> None:
        self._has_failed = self.is_over_early = True
        pause = lanes.report_failure(self._lane, reason)
        claims.record_failure(delivery, reason, pause=pause)

    def _mail(self, delivery: Delivery, batch: Batch, mailbox: Mailbox) -> str:
        message = batch.mail(delivery)
        mailbox.send(message)
        return str(message.extra_headers["Message-ID"])

    def _push(self, delivery: Delivery, batch: Batch) -> str:
        if delivery.device is None:
            return sns.publish_to_topic(
                delivery_id=delivery.public_id,
                group=delivery.booking.public_id,
                facts=batch.topic_facts(delivery),
                attributes=batch.attributes(delivery),
            )
        device = delivery.device
        if not device.endpoint:
            device.endpoint = sns.endpoint_for(
                platform=Platform(device.platform), token=device.token
            )
            device.save(update_fields=("endpoint",))
        return sns.publish_to_device(
            delivery_id=delivery.public_id,
            endpoint=device.endpoint,
            alert=batch.alert(delivery),
            data=batch.attributes(delivery),
        )


def _forget_device(delivery: Delivery) -> None:
    device = delivery.device
    assert device is not None
    if device.endpoint:
        sns.forget_endpoint(device.endpoint)
    log.info("device_gone", device_id=device.public_id)
    device.delete()


def _own_servers() -> dict[UUID, str]:
    """The organizations with a mail server of their own, by id: the short name of each."""
    slugs = settings.ORGANIZATION_MAIL_SERVERS
    if not slugs:
        return {}
    found = Organization.objects.filter(slug__in=slugs)
    return dict(found.values_list("pk", "slug"))


def _lane_of(channel: Channel, slug: str | None) -> str:
    if channel == Channel.PUSH:
        return _PUSH
    return f"{_MAIL}.{slug}" if slug else _MAIL

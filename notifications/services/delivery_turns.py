"""One organization's messages on their way to one server: made ready, posted, written down."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial

from django.conf import settings

from notifications.errors import DeviceGone, MessageRefused, ServerFailed
from notifications.kinds import Channel, Platform
from notifications.models import Delivery, Device
from notifications.senders import sns
from notifications.senders.email import Mailbox
from notifications.services import claims, lanes
from notifications.services.messages import Batch
from notifications.services.turns import Recording, Turn
from reserve.core.context import on_behalf_of, request_id
from reserve.core.logging import get_logger

log = get_logger(__name__)

# When no further message is begun, and when the line is cut, seconds.
_TURN_SECONDS = 5.0
_CUT_SECONDS = 20.0

_Send = Callable[[Mailbox], str]
"""Sends a message that stands ready; returns the provider's id of it."""


class DeliveryTurn(Turn):
    """The messages of one organization on one server."""

    def __init__(
        self, lane: str, leave: lanes.Pass, slug: str | None, deliveries: Sequence[Delivery]
    ) -> None:
        super().__init__(lane, leave)
        self._server = settings.ORGANIZATION_MAIL_SERVERS[slug] if slug else None
        self._is_over = False
        batch = Batch(deliveries)
        self._ready: list[tuple[Delivery, _Send]] = []
        for delivery in deliveries:
            with _behalf_of(delivery):
                send = _prepare(delivery, batch)
            if send is not None:
                self._ready.append((delivery, send))

    @property
    def has_messages(self) -> bool:
        return bool(self._ready)

    def post(self) -> Iterator[Recording]:
        ends_at = time.monotonic() + _TURN_SECONDS
        with Mailbox(self._server) as mailbox:
            # Each wait has a limit of its own; who always answers just in time is within it.
            watchdog = threading.Timer(_CUT_SECONDS, mailbox.cut)
            watchdog.daemon = True
            watchdog.start()
            try:
                while self._ready and not self._is_over and time.monotonic() < ends_at:
                    delivery, send = self._ready.pop(0)
                    with _behalf_of(delivery):
                        recording = self._send(delivery, send, mailbox)
                    yield partial(_record, delivery, recording)
            finally:
                watchdog.cancel()

    def release(self) -> None:
        claims.release([delivery for delivery, _ in self._ready])

    def _send(self, delivery: Delivery, send: _Send, mailbox: Mailbox) -> Recording:
        """Send a message; returns what is to be written down of it."""
        try:
            provider_id = send(mailbox)
        except ServerFailed as error:
            self._is_over = True
            return partial(self._record_failure, delivery, str(error))
        except MessageRefused as error:
            self.answers += 1
            return partial(_record_refusal, delivery, str(error))
        except DeviceGone as error:
            self.answers += 1
            assert delivery.device is not None
            if delivery.device.endpoint:
                sns.forget_endpoint(delivery.device.endpoint)
            return partial(_record_gone, delivery, str(error))
        except Exception as error:
            # A fault of ours in one message must not keep the others.
            log.exception("message_failed", delivery_id=delivery.public_id)
            return partial(_record_fault, delivery, type(error).__name__)
        self.answers += 1
        return partial(_record_sent, delivery, provider_id)

    def _record_failure(self, delivery: Delivery, reason: str) -> bool:
        claims.record_failure(delivery, reason, pause=self.fail(reason))
        return False


def _behalf_of(delivery: Delivery) -> AbstractContextManager[None]:
    return on_behalf_of(delivery.request_id or request_id())


# --- Before: what there is to send --------------------------------------------------


def _prepare(delivery: Delivery, batch: Batch) -> _Send | None:
    """Make a message ready, where it still makes sense now; otherwise that is written down."""
    try:
        if why := batch.why_not(delivery):
            claims.record_skipped(delivery, why)
            return None
        if until := batch.quiet_until(delivery):
            claims.postpone(delivery, until)
            return None
        return (_mail if delivery.channel == Channel.EMAIL else _push)(delivery, batch)
    except Exception as error:
        log.exception("message_failed", delivery_id=delivery.public_id)
        claims.record_failure(delivery, type(error).__name__)
        return None


def _mail(delivery: Delivery, batch: Batch) -> _Send:
    message = batch.mail(delivery)

    def send(mailbox: Mailbox) -> str:
        mailbox.send(message)
        return str(message.extra_headers["Message-ID"])

    return send


def _push(delivery: Delivery, batch: Batch) -> _Send:
    attributes = batch.attributes(delivery)
    device = delivery.device
    if device is None:
        publish = partial(
            sns.publish_to_topic,
            delivery_id=delivery.public_id,
            group=delivery.booking.public_id,
            facts=batch.topic_facts(delivery),
            attributes=attributes,
        )
        return lambda _: publish()
    alert = batch.alert(delivery)

    def send(_: Mailbox) -> str:
        if not device.endpoint:
            device.endpoint = sns.endpoint_for(
                platform=Platform(device.platform), token=device.token
            )
        return sns.publish_to_device(
            delivery_id=delivery.public_id, endpoint=device.endpoint, alert=alert, data=attributes
        )

    return send


# --- After: what became of it -------------------------------------------------------


def _record(delivery: Delivery, recording: Recording) -> bool:
    with _behalf_of(delivery):
        return recording()


def _record_sent(delivery: Delivery, provider_id: str) -> bool:
    device = delivery.device
    if device is not None:
        # It may have one only now.
        Device.objects.filter(pk=device.pk, endpoint="").update(endpoint=device.endpoint)
    claims.record_sent(delivery, provider_id)
    return True


def _record_refusal(delivery: Delivery, reason: str) -> bool:
    log.warning("message_refused", delivery_id=delivery.public_id, reason=reason)
    claims.record_failure(delivery, reason)
    return False


def _record_gone(delivery: Delivery, reason: str) -> bool:
    device = delivery.device
    assert device is not None
    log.info("device_gone", device_id=device.public_id)
    device.delete()
    claims.record_skipped(delivery, f"device_gone {reason}")
    return False


def _record_fault(delivery: Delivery, reason: str) -> bool:
    claims.record_failure(delivery, reason)
    return False

"""Sending mail from event handlers: each once, and without keeping the relay.

The relay has bookings to confirm. So a mail is handed over by a thread, and where the
server refuses or dawdles, the relay gets its event back at once and brings it again with
growing pauses. What has been sent is remembered in Redis, for every process.
"""

import smtplib
import threading
import time
from collections.abc import Callable
from uuid import UUID

from django.core.cache import cache
from django.core.mail import EmailMultiAlternatives, get_connection
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

from reserve.core.logging import get_logger

log = get_logger(__name__)

# Whoever sends waits no longer, seconds.
PATIENCE_SECONDS = 0.5
# For so long this process leaves a server that failed alone, seconds.
_REST_SECONDS = 20.0
# A message that somebody sends is not sent by another; longer than that may take. Seconds.
_SENDING_SECONDS = 60
# Longer than the relay brings an event again.
_REMEMBERED_SECONDS = 86_400
_SENDING, _SENT = "sending", "sent"


class MailDelayed(Exception):
    """The server failed a moment ago, or takes its time: the message goes out later."""


class MailFailed(Exception):
    """The mail server refused, or could not be reached.

    It names the kind of failure alone: what servers say contains addresses, and this
    is written to logs and to the event.
    """


class Post:
    """One per process; relays run one at a time in it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._handing: _Handing | None = None
        self._resumes_at = 0.0

    def send(self, message_id: UUID, message: EmailMultiAlternatives) -> None:
        """Hand a message to the mail server, unless that has been done before.

        Raises:
            MailDelayed: the server failed just now, or has not taken it yet.
            MailFailed: the server cannot be reached, or refused.
        """
        key = f"mail.{message_id}"
        if cache.get(key) == _SENT:
            return
        if self._is_resting() or not cache.add(key, _SENDING, timeout=_SENDING_SECONDS):
            raise MailDelayed
        handing = self._handing = _Handing(key, message)
        handing.join(PATIENCE_SECONDS)
        if handing.is_alive():
            raise MailDelayed
        self._conclude(handing)
        if isinstance(handing.error, OSError | smtplib.SMTPException):
            raise MailFailed(type(handing.error).__name__) from None
        if handing.error is not None:
            raise handing.error

    def _is_resting(self) -> bool:
        if self._handing is not None:
            if self._handing.is_alive():
                return True
            # Nobody waited for it; its event comes again.
            self._conclude(self._handing)
        return self._clock() < self._resumes_at

    def _conclude(self, handing: "_Handing") -> None:
        self._handing = None
        # What is about one address only leaves the server well.
        if isinstance(handing.error, OSError | smtplib.SMTPException) and not isinstance(
            handing.error, smtplib.SMTPRecipientsRefused
        ):
            log.warning("mail_server_failed", reason=type(handing.error).__name__)
            self._resumes_at = self._clock() + _REST_SECONDS


class _Handing(threading.Thread):
    """A message on its way to the server."""

    def __init__(self, key: str, message: EmailMultiAlternatives) -> None:
        super().__init__(name="mail", daemon=True)
        self._key = key
        self._message = message
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            get_connection().send_messages([self._message])
        except Exception as error:  # noqa: BLE001 (told to whoever waits)
            self.error = error
        try:
            if self.error is None:
                cache.set(self._key, _SENT, timeout=_REMEMBERED_SECONDS)
            else:
                cache.delete(self._key)
        except (ConnectionInterrupted, RedisError, OSError) as error:
            # At worst the message comes twice, and under one id.
            log.warning("mail_not_remembered", reason=type(error).__name__)


post = Post()

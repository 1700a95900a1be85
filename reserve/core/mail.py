"""Sending mail from event handlers: each once, and never longer than a relay has time.

A handler whose batch failed is called again with one event at a time, and the relay
brings later what failed. So this module remembers for a while what the process has
sent, and leaves a mail server that refuses or dawdles alone for a moment: the relay,
which has bookings to confirm, gets its events back at once and tries again with
growing pauses.
"""

import smtplib
import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

from django.core.mail import EmailMultiAlternatives, get_connection

from reserve.core.logging import get_logger

log = get_logger(__name__)

_REMEMBERED = 10_000
# Mail may take this long of a relay's run before the rest waits, seconds.
_BUDGET = 10.0
# Within this time budgets are one, and a server that failed is left alone, seconds.
_WINDOW = 20.0


class MailDelayed(Exception):
    """The mail server failed or was slow a moment ago; this message was not tried."""


class MailFailed(Exception):
    """The mail server refused, or could not be reached.

    It names the kind of failure alone: what servers say contains addresses, and this
    is written to logs and to the event.
    """


class Post:
    """One per process; relays run one at a time in it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sent: OrderedDict[UUID, None] = OrderedDict()
        self._resumes_at = 0.0
        self._window_began_at = 0.0
        self._spent = 0.0

    def send(self, message_id: UUID, message: EmailMultiAlternatives) -> None:
        """Hand a message to the mail server, unless this process has done so before.

        Raises:
            MailDelayed: not tried, since the server failed or was slow just now.
            MailFailed: the server cannot be reached, or refused.
        """
        if message_id in self._sent:
            return
        began_at = self._clock()
        if began_at < self._resumes_at:
            raise MailDelayed
        try:
            get_connection().send_messages([message])
        except smtplib.SMTPRecipientsRefused as error:
            # About this address only: the server is well.
            raise MailFailed(type(error).__name__) from None
        except (OSError, smtplib.SMTPException) as error:
            log.warning("mail_server_failed", reason=type(error).__name__)
            self._resumes_at = self._clock() + _WINDOW
            raise MailFailed(type(error).__name__) from None
        self._remember(message_id)
        self._spend(began_at)

    def _remember(self, message_id: UUID) -> None:
        self._sent[message_id] = None
        while len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)

    def _spend(self, began_at: float) -> None:
        now = self._clock()
        if now - self._window_began_at > _WINDOW:
            self._window_began_at, self._spent = now, 0.0
        self._spent += now - began_at
        if self._spent > _BUDGET:
            self._resumes_at = self._window_began_at + _WINDOW


post = Post()

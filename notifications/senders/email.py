"""Mail, by Django's backends: one connection for the messages of a batch."""

import smtplib
import socket
from contextlib import suppress
from email.mime.base import MIMEBase
from email.utils import formataddr, parseaddr
from types import TracebackType
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

from notifications.errors import MessageRefused, ServerFailed
from reserve.core.mail_server import MailServer

# In answer to one message (RFC 5321, 4.2.1); below are those of the moment.
_PERMANENT = 500
_CLOSING = 421


def sender_address() -> str:
    """The bare address that mails come from."""
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1]


def sender_domain() -> str:
    return sender_address().rpartition("@")[2]


def message_id_of(delivery_id: str) -> str:
    """The same at every attempt: a server, or a reader, can tell a repetition from news."""
    return f"<{delivery_id}@{sender_domain()}>"


def mail_of(
    *,
    delivery_id: str,
    to: tuple[str, str],
    sender_name: str,
    reply_to: str,
    subject: str,
    text: str,
    html: str,
    calendar: tuple[str, bytes] | None = None,
) -> EmailMultiAlternatives:
    """A mail, not sent yet.

    Args:
        to: name and address.
        calendar: its METHOD and the file.
    """
    message = EmailMultiAlternatives(
        subject=subject,
        body=text,
        from_email=formataddr((sender_name, sender_address())),
        to=[formataddr(to)],
        reply_to=[reply_to] if reply_to else None,
        headers={
            "Message-ID": message_id_of(delivery_id),
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(html, "text/html")
    if calendar is not None:
        message.attach(_calendar_part(*calendar))
    return message


def _calendar_part(method: str, content: bytes) -> MIMEBase:
    # The parameter is what tells a mail program to write the entry, move it or take it away.
    part = MIMEBase("text", "calendar", method=method, charset="utf-8", name="booking.ics")
    part.set_payload(content, "utf-8")
    part.add_header("Content-Disposition", "attachment", filename="booking.ics")
    return part


class Mailbox:
    """A connection to a mail server, opened by the first message and closed at the end.

    Args:
        server: None for the installation's own.
    """

    def __init__(self, server: MailServer | None) -> None:
        self._server = server
        self._connection: Any = None

    def __enter__(self) -> "Mailbox":
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._close()

    def send(self, message: EmailMultiAlternatives) -> None:
        """Hand a message to the server.

        Raises:
            MessageRefused: the server does not take this one.
            ServerFailed: it cannot be reached, or takes none.
        """
        try:
            if self._connection is None:
                self._connection = self._new_connection()
                self._connection.open()
            self._connection.send_messages([message])
        except (OSError, smtplib.SMTPException, ValueError) as error:
            self._close()
            raise _told(error) from None

    def cut(self) -> None:
        """End what is under way, from another thread: who waits is told that the line is gone."""
        smtp = getattr(self._connection, "connection", None)
        line = getattr(smtp, "sock", None)
        if line is not None:
            with suppress(OSError):
                # Not that of TLS, which would talk to the other side first.
                socket.socket.shutdown(line, socket.SHUT_RDWR)

    def _new_connection(self) -> Any:
        server = self._server
        if server is None:
            return get_connection()
        return get_connection(
            server.backend,
            host=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.starttls,
            use_ssl=server.tls,
            timeout=settings.EMAIL_TIMEOUT,
        )

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except (OSError, smtplib.SMTPException):
                # Whatever was to be sent has been, or its failure is told already.
                return


def _told(error: Exception) -> Exception:
    """What is said of a failure: its kind and the server's code, since its text has addresses."""
    name = type(error).__name__
    match error:
        case smtplib.SMTPRecipientsRefused():
            codes = sorted({code for code, _ in error.recipients.values()})
            told = f"{name} {' '.join(map(str, codes))}"
            return ServerFailed(told) if _CLOSING in codes else MessageRefused(told)
        case smtplib.SMTPDataError() if error.smtp_code >= _PERMANENT:
            return MessageRefused(f"{name} {error.smtp_code}")
        case smtplib.SMTPNotSupportedError() | ValueError():
            return MessageRefused(name)
        case smtplib.SMTPResponseException():
            return ServerFailed(f"{name} {error.smtp_code}")
        case _:
            return ServerFailed(name)

"""Sending messages by HTTP: to an address that was judged, within a time, and no further.

No redirect is followed, since it could lead anywhere, and no proxy of the environment is
used. Knows nothing of the database, so that it can run in threads.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from reserve.core.errors import Invalid
from webhooks.addresses import Target, allowed_addresses, target_of
from webhooks.errors import AddressRefused
from webhooks.signatures import signed_headers

# Seconds: to connect to one address; and for a message with all that belongs to it.
_CONNECT_SECONDS = 3.0
MESSAGE_SECONDS = 8.0
# What is read of an answer, and kept of that (bytes, characters).
_READ_BYTES = 16_384
_KEPT_CHARACTERS = 500
_MAX_ADDRESSES = 3
_MAX_RETRY_AFTER = 86_400

_OK, _NO_MORE = range(200, 300), 410
_TOO_MANY, _SERVER_ERRORS = 429, range(500, 600)


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent, and under which id at every attempt."""

    id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Rules:
    """Where messages may go; only development allows more than the strictest."""

    allows_plain: bool = False
    allows_loopback: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt."""

    status: int | None = None
    """Of the answer; None where there was none."""
    reason: str = ""
    """Why there was none: a kind of failure, with no address in it."""
    excerpt: str = ""
    """The beginning of the answer's body."""
    seconds: float = 0.0
    retry_after: timedelta | None = None

    @property
    def is_success(self) -> bool:
        return self.status in _OK

    @property
    def is_refused_for_good(self) -> bool:
        """The receiver wants nothing more, ever."""
        return self.status == _NO_MORE

    @property
    def is_server_failure(self) -> bool:
        """The receiver does badly whatever it is sent; other messages need not be tried."""
        return self.status is None or self.status == _TOO_MANY or self.status in _SERVER_ERRORS

    @property
    def told(self) -> str:
        return f"HTTP {self.status}" if self.status else self.reason


def post_all(
    url: str, keys: Sequence[str], messages: Sequence[Message], *, rules: Rules, within: float
) -> Iterator[Outcome]:
    """Send messages one after the other; yield what became of each that was tried.

    Stops after the first failure of the receiver as a whole, and when the time is over.

    Args:
        keys: the secrets to sign with.
        within: seconds in which messages are begun.
    """
    ends_at = time.monotonic() + within
    try:
        target = target_of(url, allows_plain=rules.allows_plain)
    except Invalid:
        yield Outcome(reason="AddressRefused")
        return
    with _Line(target, rules) as line:
        for message in messages:
            outcome = _post(line, keys, message)
            yield outcome
            if outcome.is_server_failure or time.monotonic() > ends_at:
                break


def _post(line: "_Line", keys: Sequence[str], message: Message) -> Outcome:
    began_at = time.monotonic()
    try:
        status, retry_after, text = line.send(keys, message)
    except AddressRefused:
        failure = "AddressRefused"
    except ssl.SSLCertVerificationError:
        failure = "CertificateRefused"
    except (OSError, http.client.HTTPException, ValueError) as error:
        failure = "TimedOut" if line.is_overdue else _name_of(error)
    else:
        return Outcome(
            status=status,
            excerpt=text,
            seconds=time.monotonic() - began_at,
            retry_after=retry_after,
        )
    return Outcome(reason=failure, seconds=time.monotonic() - began_at)


def _name_of(error: Exception) -> str:
    return "TimedOut" if isinstance(error, TimeoutError) else type(error).__name__


class _Line:
    """A connection to a receiver, kept for the next message where both sides want it."""

    def __init__(self, target: Target, rules: Rules) -> None:
        self._target = target
        self._rules = rules
        self._connection: http.client.HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self.is_overdue = False

    def __enter__(self) -> "_Line":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def send(self, keys: Sequence[str], message: Message) -> tuple[int, timedelta | None, str]:
        """Send one message; returns status, when to come again, and the answer's beginning."""
        self.is_overdue = False
        # Each wait has a limit of its own; whoever sends a byte now and then stays within it.
        watchdog = threading.Timer(MESSAGE_SECONDS, self._give_up)
        watchdog.daemon = True
        watchdog.start()
        try:
            if self._connection is None:
                self._connect()
            return self._exchange(keys, message)
        except BaseException:
            self._close()
            raise
        finally:
            watchdog.cancel()

    def _connect(self) -> None:
        target = self._target
        addresses = allowed_addresses(
            target.host, target.port, allows_loopback=self._rules.allows_loopback
        )
        self._socket = _connected(addresses, target.port)
        self._socket.settimeout(MESSAGE_SECONDS)
        kind: type[http.client.HTTPConnection] = http.client.HTTPConnection
        if target.is_secure:
            kind = http.client.HTTPSConnection
            secured = ssl.create_default_context().wrap_socket(
                self._socket, server_hostname=target.host, do_handshake_on_connect=False
            )
            self._socket = secured
            secured.do_handshake()
        connection = kind(target.host, target.port, timeout=MESSAGE_SECONDS)
        # It has what it needs, and must not connect by the name once more.
        connection.auto_open = 0
        connection.sock = self._socket
        self._connection = connection

    def _exchange(self, keys: Sequence[str], message: Message) -> tuple[int, timedelta | None, str]:
        connection = self._connection
        assert connection is not None
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "ReserveAPI-Webhooks/1",
            **signed_headers(
                keys, message_id=message.id, timestamp=int(time.time()), body=message.body
            ),
        }
        connection.request("POST", self._target.path, body=message.body, headers=headers)
        answer = connection.getresponse()
        read = answer.read(_READ_BYTES)
        if not answer.isclosed() or answer.will_close:
            # More than we read, or the other side is done.
            self._close()
        text = read.decode("utf-8", "replace").replace("\0", "")[:_KEPT_CHARACTERS]
        return answer.status, _wait_of(answer.getheader("Retry-After")), text

    def _give_up(self) -> None:
        self.is_overdue = True
        line = self._socket
        if line is not None:
            with suppress(OSError):
                # Not that of TLS, which would talk to the other side first.
                socket.socket.shutdown(line, socket.SHUT_RDWR)

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        line, self._socket = self._socket, None
        for each in (connection, line):
            if each is not None:
                with suppress(OSError):
                    each.close()


def _connected(addresses: Sequence[tuple[int, str]], port: int) -> socket.socket:
    """A connection to the first of some addresses that takes one."""
    failure: OSError = OSError()
    for family, address in addresses[:_MAX_ADDRESSES]:
        line = socket.socket(family, socket.SOCK_STREAM)
        line.settimeout(_CONNECT_SECONDS)
        try:
            line.connect((address, port))
        except OSError as error:
            failure = error
            line.close()
        else:
            return line
    raise failure


def _wait_of(retry_after: str | None) -> timedelta | None:
    if retry_after is None or not retry_after.isdecimal() or not retry_after.isascii():
        return None
    return timedelta(seconds=min(int(retry_after[:9]), _MAX_RETRY_AFTER))

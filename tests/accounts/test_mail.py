"""A mail server that refuses, is gone or is slow: nothing is lost, nothing is sent twice."""

import smtplib
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.db.models.functions import Now

from accounts.services.passwords import request_password_reset
from accounts.services.users import register
from reserve.core.ids import new_id
from reserve.core.mail import MailDelayed, MailFailed, Post
from reserve.outbox.models import Event
from reserve.outbox.services import relay_pending_events
from tests.factories import PASSWORD, make_user
from tests.processes import free_port, wait_until


class Server:
    """An SMTP server that refuses some recipients, or everybody."""

    def __init__(self) -> None:
        self.refuses: set[str] = set()
        self.refuses_everybody = False
        self.taken: list[str] = []

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refuses:
            return f"550 no such mailbox: {address}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.refuses_everybody:
            return "451 try again later"
        self.taken += envelope.rcpt_tos
        return "250 OK"


@pytest.fixture
def server(settings) -> Iterator[Server]:
    handler, port = Server(), free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, 5
    yield handler
    controller.stop()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The time of the module that sends, in seconds; and its post is a fresh one."""
    moment = [1000.0]
    monkeypatch.setattr("accounts.handlers.post", Post(clock=lambda: moment[0]))
    return moment


def _relay_what_waits() -> None:
    Event.objects.filter(delivered_at=None).update(next_attempt_at=Now() - timedelta(seconds=1))
    while relay_pending_events():
        pass


@pytest.mark.django_db
def test_one_address_that_is_refused_does_not_hold_back_the_others(server, clock) -> None:
    for name in ("a", "b", "c"):
        register(email=f"{name}@example.org", password=PASSWORD, name=name)
    server.refuses = {"b@example.org"}
    _relay_what_waits()
    assert sorted(server.taken) == ["a@example.org", "c@example.org"]
    waiting = Event.objects.get(delivered_at=None)
    # What servers say of an address stays out of the log of events.
    assert waiting.last_error == "MailFailed: SMTPRecipientsRefused"

    server.refuses = set()
    _relay_what_waits()
    assert sorted(server.taken) == ["a@example.org", "b@example.org", "c@example.org"]


@pytest.mark.django_db
def test_a_server_that_fails_is_left_alone_and_nothing_is_lost(server, clock) -> None:
    for number in range(5):
        register(email=f"{number}@example.org", password=PASSWORD, name="Ada")
    server.refuses_everybody = True
    _relay_what_waits()
    reasons = Event.objects.filter(delivered_at=None).values_list("last_error", flat=True)
    assert sorted(reasons) == ["MailDelayed: "] * 5
    server.refuses_everybody = False
    _relay_what_waits()
    assert server.taken == [], "it is left alone for a while"
    clock[0] += 30
    _relay_what_waits()
    assert sorted(server.taken) == [f"{number}@example.org" for number in range(5)]
    assert not Event.objects.filter(delivered_at=None).exists()


@pytest.mark.django_db
def test_a_server_that_is_gone_loses_nothing(settings, clock) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    user = make_user()
    request_password_reset(email=user.email)
    _relay_what_waits()
    assert Event.objects.get().delivered_at is None
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    clock[0] += 30
    _relay_what_waits()
    assert len(mail.outbox) == 1


def test_a_message_is_sent_once() -> None:
    post, message_id = Post(), new_id()
    post.send(message_id, EmailMultiAlternatives(to=["a@example.org"]))
    post.send(message_id, EmailMultiAlternatives(to=["a@example.org"]))
    assert len(mail.outbox) == 1


def test_a_server_that_keeps_us_waiting_keeps_no_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reserve.core.mail.PATIENCE_SECONDS", 0.05)
    answers, taken = threading.Event(), []

    class Silent:
        def send_messages(self, messages: list[EmailMultiAlternatives]) -> None:
            assert answers.wait(10)
            taken.extend(messages)

    monkeypatch.setattr("reserve.core.mail.get_connection", Silent)
    here, elsewhere, first, second = Post(), Post(), new_id(), new_id()
    began_at = time.monotonic()
    # Nor does one wait for what is under way, here or in another process.
    for post, message_id in ((here, first), (here, second), (here, first), (elsewhere, first)):
        with pytest.raises(MailDelayed):
            post.send(message_id, EmailMultiAlternatives())
    assert time.monotonic() - began_at < 2
    answers.set()
    wait_until(lambda: len(taken) == 1, seconds=5, interval=0.02)
    wait_until(lambda: _is_sent(elsewhere, first), seconds=5, interval=0.02)
    here.send(first, EmailMultiAlternatives())
    wait_until(lambda: _is_sent(here, second), seconds=5, interval=0.02)
    assert len(taken) == 2


def _is_sent(post: Post, message_id: UUID) -> bool:
    try:
        post.send(message_id, EmailMultiAlternatives())
    except MailDelayed:
        return False
    return True


def test_what_a_server_says_of_an_address_is_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def send_messages(self, _messages: Any) -> None:
            raise smtplib.SMTPSenderRefused(550, b"ada@example.org", "ada@example.org")

    monkeypatch.setattr("reserve.core.mail.get_connection", Refusing)
    with pytest.raises(MailFailed) as failed:
        Post().send(new_id(), EmailMultiAlternatives())
    assert str(failed.value) == "SMTPSenderRefused"
    assert failed.value.__suppress_context__

"""Mail as it would be sent, and the links in it."""

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import mail
from django.core.mail import EmailMessage

from reserve.core import mail as house_mail
from reserve.outbox.services import relay_pending_events


@pytest.fixture(autouse=True)
def _fresh_post(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test does to the mail server is not the next one's trouble."""
    post = house_mail.Post()
    monkeypatch.setattr("accounts.handlers.post", post)


@pytest.fixture
def mails() -> Callable[[], list[EmailMessage]]:
    """Relay what is undelivered, and return the mails that were sent since the last time."""

    def relay() -> list[EmailMessage]:
        while relay_pending_events():
            pass
        sent = list(mail.outbox)
        mail.outbox.clear()
        return sent

    return relay


def link_in(message: EmailMessage) -> str:
    (link,) = re.findall(r"https?://\S+", message.body)
    return str(link)


def token_in(message: EmailMessage) -> str:
    (token,) = parse_qs(urlsplit(link_in(message)).query)["token"]
    return token

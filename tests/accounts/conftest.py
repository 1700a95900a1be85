"""Mail as it would be sent, and the links in it; a Redis server to lose marks of logins in."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from django.core import mail
from django.core.cache import caches
from django.core.mail import EmailMessage

from accounts.services.logins import LoggedIn
from accounts.tokens import read_refresh_token
from reserve.core import mail as house_mail
from reserve.core.ratelimit.outage import outage
from reserve.outbox.services import relay_pending_events
from tests.redis_server import OwnRedis, own_redis_server


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


@pytest.fixture(scope="module")
def own_redis() -> Iterator[OwnRedis]:
    with own_redis_server() as server:
        yield server


@pytest.fixture
def same_redis(settings: Any, own_redis: OwnRedis) -> Iterator[None]:
    """What the test itself calls uses the server that its processes share."""
    settings.CACHES = {
        name: cache | {"LOCATION": own_redis.url} for name, cache in settings.CACHES.items()
    }
    outage._breaker.reset()
    yield
    caches.close_all()


def login_id_of(logged_in: LoggedIn) -> UUID:
    return read_refresh_token(logged_in.refresh_token).login_id

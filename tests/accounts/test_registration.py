"""Opening an account, and verifying its address."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import signing
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actors import account
from accounts.errors import InvalidState, LinkRefused
from accounts.links import Purpose, make_token
from accounts.models import Login, User
from accounts.selectors import is_verified
from accounts.services import logins
from accounts.services.emails import request_email_verification, verify_email
from accounts.services.logins import log_in
from accounts.services.users import register, update_profile
from accounts.tokens import read_authorization
from reserve.core.errors import Invalid, Unauthenticated
from reserve.outbox.models import Event
from tests.accounts.conftest import link_in, token_in
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db

ADA = {"email": "Ada@Example.org", "password": PASSWORD, "name": " Ada Lovelace "}


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that are hashed, whoever asks for it."""
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: Any, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    return hashed


def test_whoever_registers_is_logged_in_and_asked_to_verify_the_address(mails) -> None:
    registered = register(**ADA, locale="da-dk", timezone="Europe/Copenhagen")
    user = User.objects.get()
    assert (user.email, user.name, user.locale) == ("ada@example.org", "Ada Lovelace", "da-DK")
    assert read_authorization(f"Bearer {registered.access_token}").user_id == user.pk
    assert log_in(email="ADA@example.org", password=PASSWORD).user == user
    assert not is_verified(user.pk)

    (message,) = mails()
    assert message.to == ["Ada Lovelace <ada@example.org>"]
    assert link_in(message).startswith("http://localhost:4000/account/verify-email?token=")
    html, kind = message.alternatives[0]
    assert kind == "text/html"
    assert link_in(message) in html

    verify_email(token=token_in(message))
    assert is_verified(user.pk)
    with pytest.raises(LinkRefused):
        verify_email(token=token_in(message))
    with pytest.raises(InvalidState):
        request_email_verification(actor=account(user.pk))


def test_the_link_can_be_sent_again(mails) -> None:
    user = make_user()
    request_email_verification(actor=account(user.pk))
    (message,) = mails()
    verify_email(token=token_in(message))
    assert is_verified(user.pk)


def test_nothing_of_the_person_is_in_the_event_log(mails) -> None:
    register(**ADA)
    (message,) = mails()
    # Not in ids, whose digits may spell anything.
    kept = str(list(Event.objects.values("name", "payload", "request_id", "last_error")))
    for secret in ("ada", "Ada", PASSWORD, token_in(message)):
        assert secret not in kept


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"email": "nonsense"}, ["email"]),
        ({"name": " "}, ["name"]),
        ({"name": "A\u202eB"}, ["name"]),
        ({"password": "short"}, ["password"]),
        ({"password": "12345678901234"}, ["password"]),
        ({"password": "ada.lovelace.1", "name": "ada.lovelace"}, ["password"]),
        ({"password": "x9" * 600}, ["password"]),
        ({"locale": "english"}, ["locale"]),
        ({"timezone": "Mars/Olympus"}, ["timezone"]),
        ({"email": "", "name": "", "password": ""}, ["email", "name", "password"]),
    ],
)
def test_what_makes_no_sense_is_named_and_leaves_nothing(change, fields: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        register(**(ADA | change))
    assert list(refused.value.details["errors"]) == fields
    assert not User.objects.exists()
    assert not Event.objects.exists()


def test_a_known_address_is_refused_and_costs_a_hash_as_a_new_one_does(hashes: list[str]) -> None:
    register(**ADA)
    assert len(hashes) == 1
    with pytest.raises(Invalid) as refused:
        register(**(ADA | {"email": " ADA@EXAMPLE.ORG"}))
    assert list(refused.value.details["errors"]) == ["email"]
    assert len(hashes) == 2
    assert (User.objects.count(), Login.objects.count(), Event.objects.count()) == (1, 1, 1)


@pytest.mark.parametrize("email", ["known@example.com", "suspended@example.com", "who@example.com"])
@pytest.mark.parametrize("password", ["wrong", "x" * 2000])
def test_a_refused_login_costs_one_hash_and_one_query_whoever_it_is(
    hashes: list[str], email: str, password: str
) -> None:
    make_user(email="known@example.com")
    make_user(email="suspended@example.com", is_active=False)
    hashes.clear()
    with CaptureQueriesContext(connection) as queries, pytest.raises(Unauthenticated):
        log_in(email=email, password=password)
    assert (len(hashes), len(queries)) == (1, 1)


def test_control_a_login_that_skips_the_hash_is_noticed(
    hashes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known_only = logins.is_password_of
    monkeypatch.setattr(
        logins, "is_password_of", lambda user, password: user and known_only(user, password)
    )
    with pytest.raises(Unauthenticated):
        log_in(email="who@example.com", password="wrong")
    assert hashes == []


def test_a_link_ends_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_user()
    token = make_token(Purpose.VERIFY_EMAIL, user)
    with monkeypatch.context() as later:
        three_days = timedelta(days=3).total_seconds()
        real = signing.time.time
        later.setattr(signing.time, "time", lambda: real() + three_days + 2)
        with pytest.raises(LinkRefused):
            verify_email(token=token)
    verify_email(token=token)


def test_a_link_is_for_one_purpose_one_person_and_one_address() -> None:
    user, other = make_user(), make_user()
    for token in (
        "",
        "nonsense",
        make_token(Purpose.RESET_PASSWORD, user),
        make_token(Purpose.VERIFY_EMAIL, user)[:-1],
        make_token(Purpose.VERIFY_EMAIL, user).swapcase(),
    ):
        with pytest.raises(LinkRefused):
            verify_email(token=token)
    token = make_token(Purpose.VERIFY_EMAIL, user)
    User.objects.filter(pk=user.pk).update(email="moved@example.com")
    with pytest.raises(LinkRefused):
        verify_email(token=token)
    assert not is_verified(user.pk)
    assert not is_verified(other.pk)


def test_a_profile_is_changed_in_what_is_given() -> None:
    user = make_user(name="Ada", phone="+45 12 34 56 78")
    update_profile(actor=account(user.pk), name="Ada L.", timezone="Asia/Tokyo")
    user.refresh_from_db()
    assert (user.name, user.phone, user.timezone) == ("Ada L.", "+45 12 34 56 78", "Asia/Tokyo")
    update_profile(actor=account(user.pk), phone="")
    with pytest.raises(Invalid):
        update_profile(actor=account(user.pk), name="", locale="da")
    user.refresh_from_db()
    assert (user.name, user.phone, user.locale) == ("Ada L.", "", "en")


def test_suspended_people_are_nobody() -> None:
    user = make_user(is_active=False)
    with pytest.raises(Unauthenticated):
        update_profile(actor=account(user.pk), name="Ada")
    with pytest.raises(LinkRefused):
        verify_email(token=make_token(Purpose.VERIFY_EMAIL, user))

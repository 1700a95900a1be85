"""Passwords that are forgotten or changed, and addresses that change."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actors import ANONYMOUS, account
from accounts.errors import CredentialsRefused, LinkRefused, TokenRefused
from accounts.links import Purpose, make_token
from accounts.models import Login, User
from accounts.services.emails import confirm_email_change, request_email_change
from accounts.services.logins import log_in, refresh_tokens
from accounts.services.passwords import change_password, request_password_reset, reset_password
from accounts.tokens import read_authorization
from reserve.core.errors import Invalid, Unauthenticated
from reserve.outbox.models import Event
from tests.accounts.conftest import link_in, token_in
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db

NEW = "another long sentence 7"


def test_a_forgotten_password_is_replaced_once_and_every_login_ends(mails) -> None:
    user = make_user(email="ada@example.org")
    login = log_in(email=user.email, password=PASSWORD)
    request_password_reset(email=" ADA@example.org")
    request_password_reset(email="ada@example.org")
    first, second = mails()
    assert link_in(first).startswith("http://localhost:4000/account/reset-password?token=")

    with pytest.raises(Invalid) as refused:
        reset_password(token=token_in(first), password="short")
    assert list(refused.value.details["errors"]) == ["password"]
    reset_password(token=token_in(first), password=NEW)
    # The second link hung on the old password too.
    for message in (first, second):
        with pytest.raises(LinkRefused):
            reset_password(token=token_in(message), password=PASSWORD)

    with pytest.raises(TokenRefused):
        refresh_tokens(refresh_token=login.refresh_token)
    with pytest.raises(CredentialsRefused):
        log_in(email=user.email, password=PASSWORD)
    assert log_in(email=user.email, password=NEW).user.email_verified_at is not None
    (told,) = mails()
    assert told.subject == "Your password was changed"


@pytest.mark.parametrize("who", ["known", "unknown", "suspended"])
def test_asking_for_a_reset_costs_the_same_whoever_it_is(mails, who: str) -> None:
    make_user(email="known@example.org")
    make_user(email="suspended@example.org", is_active=False)
    with CaptureQueriesContext(connection) as queries:
        request_password_reset(email=f"{who}@example.org")
    kinds = [query["sql"].split()[0] for query in queries]
    assert kinds == ["SELECT", "SAVEPOINT", "INSERT", "RELEASE"]
    assert Event.objects.count() == 1
    assert len(mails()) == (who == "known")


def test_a_link_that_comes_too_late_is_not_sent(mails) -> None:
    user = make_user()
    request_password_reset(email=user.email)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE outbox_event DISABLE TRIGGER USER")
        cursor.execute("UPDATE outbox_event SET recorded_at = recorded_at - interval '2 hours'")
        cursor.execute("ALTER TABLE outbox_event ENABLE TRIGGER USER")
    assert mails() == []


def test_a_changed_password_ends_all_other_logins(mails) -> None:
    user = make_user()
    here = log_in(email=user.email, password=PASSWORD)
    there = log_in(email=user.email, password=PASSWORD)
    somebody = log_in(email=make_user().email, password=PASSWORD)
    token = make_token(Purpose.RESET_PASSWORD, user)
    claims = read_authorization(f"Bearer {here.access_token}")
    actor = account(claims.user_id, claims.login_id)

    change_password(actor=actor, current_password=PASSWORD, new_password=NEW)

    refresh_tokens(refresh_token=here.refresh_token)
    refresh_tokens(refresh_token=somebody.refresh_token)
    with pytest.raises(TokenRefused):
        refresh_tokens(refresh_token=there.refresh_token)
    with pytest.raises(LinkRefused):
        reset_password(token=token, password=PASSWORD)
    assert len(mails()) == 1


@pytest.mark.parametrize(
    ("current", "new", "field"),
    [("wrong", NEW, "current_password"), (PASSWORD, "short", "new_password")],
)
def test_a_password_that_is_not_changed_ends_nothing(current: str, new: str, field: str) -> None:
    user = make_user()
    log_in(email=user.email, password=PASSWORD)
    with pytest.raises(Invalid) as refused:
        change_password(actor=account(user.pk), current_password=current, new_password=new)
    assert list(refused.value.details["errors"]) == [field]
    assert Login.objects.get().revoked_at is None
    with pytest.raises(Unauthenticated):
        change_password(actor=ANONYMOUS, current_password=PASSWORD, new_password=NEW)


def test_a_new_address_counts_once_it_is_verified_and_the_old_one_is_told(mails) -> None:
    user = make_user(email="old@example.org")
    actor = account(user.pk)
    request_email_change(actor=actor, email=" New@example.org", password=PASSWORD)
    by_address = {message.to[0].rpartition("<")[2]: message for message in mails()}
    assert by_address.keys() == {"old@example.org>", "new@example.org>"}
    told, asked = by_address["old@example.org>"], by_address["new@example.org>"]
    assert "http" not in told.body
    assert log_in(email="old@example.org", password=PASSWORD).user == user

    confirm_email_change(token=token_in(asked))
    user.refresh_from_db()
    assert (user.email, user.pending_email) == ("new@example.org", "")
    assert user.email_verified_at is not None
    with pytest.raises(LinkRefused):
        confirm_email_change(token=token_in(asked))


def test_the_address_of_somebody_else_is_neither_told_nor_taken(mails) -> None:
    user = make_user(email="old@example.org")
    make_user(email="taken@example.org")
    request_email_change(actor=account(user.pk), email="taken@example.org", password=PASSWORD)
    (told,) = mails()
    assert "old@example.org" in told.to[0]
    # And if it was taken only afterwards:
    user.refresh_from_db()
    with pytest.raises(LinkRefused):
        confirm_email_change(token=make_token(Purpose.CHANGE_EMAIL, user))
    assert User.objects.get(pk=user.pk).email == "old@example.org"


def test_a_new_password_ends_a_change_of_address() -> None:
    user = make_user()
    request_email_change(actor=account(user.pk), email="thief@example.org", password=PASSWORD)
    user.refresh_from_db()
    token = make_token(Purpose.CHANGE_EMAIL, user)
    reset_password(token=make_token(Purpose.RESET_PASSWORD, user), password=NEW)
    with pytest.raises(LinkRefused):
        confirm_email_change(token=token)


@pytest.mark.parametrize(
    ("email", "password", "field"),
    [
        ("nonsense", PASSWORD, "email"),
        ("old@example.org", PASSWORD, "email"),
        ("new@example.org", "wrong", "password"),
    ],
)
def test_a_change_of_address_is_refused(email: str, password: str, field: str) -> None:
    user = make_user(email="old@example.org")
    with pytest.raises(Invalid) as refused:
        request_email_change(actor=account(user.pk), email=email, password=password)
    assert list(refused.value.details["errors"]) == [field]
    assert not Event.objects.exists()

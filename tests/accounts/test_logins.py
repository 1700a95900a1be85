from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import jwt
import pytest
from django.conf import settings
from django.db import connection

from accounts.errors import CredentialsRefused, TokenRefused, TokenReused
from accounts.models import Login
from accounts.services.logins import log_in, log_out, refresh_tokens
from accounts.tokens import actor_of_header
from reserve.core.clock import now
from tests.factories import PASSWORD, bearer, make_customer, make_user

pytestmark = pytest.mark.django_db


def test_a_login_gives_tokens_whatever_the_case_of_the_address() -> None:
    user = make_user(email="someone@example.com")
    logged_in = log_in(email="  SomeOne@Example.com ", password=PASSWORD)
    assert logged_in.user == user
    assert actor_of_header(f"Bearer {logged_in.access_token}").user_id == user.pk


@pytest.mark.parametrize(
    ("email", "password"),
    [("someone@example.com", "wrong"), ("nobody@example.com", PASSWORD), ("", "")],
)
def test_a_wrong_password_and_an_unknown_address_are_refused_alike(
    email: str, password: str
) -> None:
    make_user(email="someone@example.com")
    with pytest.raises(CredentialsRefused) as refused:
        log_in(email=email, password=password)
    assert refused.value.text == CredentialsRefused.message
    assert not Login.objects.exists()


def test_a_suspended_account_cannot_log_in() -> None:
    make_user(email="someone@example.com", is_active=False)
    with pytest.raises(CredentialsRefused):
        log_in(email="someone@example.com", password=PASSWORD)


def test_a_refresh_token_is_exchanged_once_and_reuse_ends_the_login() -> None:
    first = log_in(email=make_user().email, password=PASSWORD).refresh_token
    second = refresh_tokens(refresh_token=first).refresh_token
    third = refresh_tokens(refresh_token=second).refresh_token
    with pytest.raises(TokenReused):
        refresh_tokens(refresh_token=first)
    with pytest.raises(TokenRefused):
        refresh_tokens(refresh_token=third)


def test_after_logging_out_a_refresh_token_is_refused() -> None:
    token = log_in(email=make_user().email, password=PASSWORD).refresh_token
    log_out(refresh_token=token)
    log_out(refresh_token=token)
    with pytest.raises(TokenRefused):
        refresh_tokens(refresh_token=token)


@pytest.mark.django_db(transaction=True)
def test_of_eight_callers_with_one_token_one_has_it() -> None:
    token = log_in(email=make_user().email, password=PASSWORD).refresh_token

    def attempt(_: int) -> str:
        try:
            refresh_tokens(refresh_token=token)
        except TokenReused:
            return "reused"
        except TokenRefused:
            return "refused"
        finally:
            connection.close()
        return "exchanged"

    with ThreadPoolExecutor(8) as callers:
        outcomes = list(callers.map(attempt, range(8)))
    assert sorted(outcomes) == ["exchanged", *["refused"] * 6, "reused"]


def _forged(**changes: object) -> str:
    user = make_customer()
    claims = {
        "token_type": "access",
        "sub": f"user_{user.user_id}",
        "exp": now() + timedelta(minutes=5),
        "iat": now(),
        "jti": "1",
        "iss": "reserve",
        "aud": "reserve",
    }
    return jwt.encode(claims | changes, settings.JWT_SECRET, algorithm="HS256")


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "Basic dXNlcjpwYXNz",
        "Bearer a.b.c",
        "Bearer " + jwt.encode({"sub": "user_1"}, "x" * 32, algorithm="HS256"),
    ],
)
def test_what_is_not_a_token_of_ours_is_refused(header: str) -> None:
    with pytest.raises(TokenRefused):
        actor_of_header(header)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1},
        {"iss": "somebody"},
        {"aud": "others"},
        {"token_type": "refresh"},
        {"sub": "venue_01HQ3K5W6X7Y8Z9A0B1C2D3E4F"},
    ],
)
def test_a_token_must_be_ours_in_every_claim(changes: dict[str, object]) -> None:
    with pytest.raises(TokenRefused):
        actor_of_header(f"Bearer {_forged(**changes)}")


def test_a_refresh_token_is_no_access_token() -> None:
    token = log_in(email=make_user().email, password=PASSWORD).refresh_token
    with pytest.raises(TokenRefused):
        actor_of_header(f"Bearer {token}")


def test_an_actor_comes_back_from_its_header() -> None:
    customer = make_customer()
    assert actor_of_header(bearer(customer)) == customer

"""Whatever can be guessed or sends mail is limited for an account and for an address."""

import json
import re
import time
from datetime import timedelta

import httpx
import pytest
from django.test import Client
from django_ratelimit.core import _get_window

from accounts.actors import account
from accounts.links import Purpose, make_token
from accounts.models import Invitation, Login, Role, User
from reserve.core.clock import now
from reserve.core.ratelimit import Attempt
from reserve.core.ratelimit.attempts import _whose
from reserve.outbox.models import Event
from tests.contracts.limits.asking import (
    ACCOUNT,
    ADDRESS,
    LOGIN,
    client_of,
    code_of,
    graphql,
    log_in,
)
from tests.factories import PASSWORD, bearer, make_login_user, make_organization
from tests.redis_server import OwnRedis
from tests.staff import camel

pytestmark = pytest.mark.django_db(transaction=True)


def _in_one_window(subject: str, value: str, attempt: Attempt = Attempt.LOGIN) -> None:
    """Wait where a window of django-ratelimit ends before the test does."""
    left = _get_window(_whose(attempt, subject, value), 60) - time.time()
    if left < 10:
        time.sleep(left + 1)


def test_logins_are_limited_for_an_account_through_both_apis_and_the_admin(
    http: httpx.Client, limited: str
) -> None:
    make_login_user(email="someone@example.com")
    _in_one_window("account", "someone@example.com")
    assert log_in(http, "someone@example.com", "wrong").status_code == 200
    body = {"email": " SomeOne@Example.com", "password": "wrong"}
    assert http.post("/api/v1/auth/login", json=body).status_code == 401
    with client_of(limited, "127.0.0.2") as elsewhere:
        assert log_in(elsewhere, "SOMEONE@example.com", PASSWORD).json()["data"]
        # An operation that ran; its field was refused. A good login resets nothing.
        refused = log_in(elsewhere, "someone@example.com", PASSWORD)
        assert (refused.status_code, code_of(refused)) == (200, "RATE_LIMITED")
        assert 0 < refused.json()["errors"][0]["extensions"]["retryAfter"] <= 60
        assert "Retry-After" not in refused.headers
        rest = elsewhere.post("/api/v1/auth/login", json=body)
        assert (rest.status_code, code_of(rest)) == (429, "RATE_LIMITED")
        assert 1 <= int(rest.headers["Retry-After"]) <= 60
        page = elsewhere.get("/admin/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        assert token
        form = {
            "username": "someone@example.com",
            "password": PASSWORD,
            "csrfmiddlewaretoken": token[1],
        }
        admin = elsewhere.post("/admin/login/", data=form)
        assert admin.status_code == 429
        assert 1 <= int(admin.headers["Retry-After"]) <= 60
        assert "Too many attempts" in admin.text
    # Others still get in.
    make_login_user(email="other@example.com")
    assert log_in(http, "other@example.com", PASSWORD).json()["data"]


def test_every_alias_is_an_attempt(http: httpx.Client) -> None:
    make_login_user(email="someone@example.com")
    _in_one_window("account", "someone@example.com")
    login = LOGIN % ('"someone@example.com"', json.dumps(PASSWORD))
    logins = " ".join(f"a{number}: {login}" for number in range(ACCOUNT + 4))
    answer = graphql(http, f"mutation {{ {logins} }}")
    assert (answer.status_code, code_of(answer)) == (200, "RATE_LIMITED")
    assert answer.json()["errors"][0]["path"] == [f"a{ACCOUNT}"]
    assert Login.objects.count() == ACCOUNT


def test_an_address_is_limited_whatever_the_accounts(http: httpx.Client, limited: str) -> None:
    _in_one_window("address", "127.0.0.1")
    codes = [code_of(log_in(http, f"nobody{n}@example.com", "x")) for n in range(ADDRESS + 3)]
    assert codes == ["UNAUTHENTICATED"] * ADDRESS + ["RATE_LIMITED"] * 3
    with client_of(limited, "127.0.0.2") as elsewhere:
        assert code_of(log_in(elsewhere, "nobody@example.com", "x")) == "UNAUTHENTICATED"


EMAIL = {"email": "someone@example.com"}
PASSWORDS = {"current_password": "wrong", "new_password": "another good passphrase"}
LINK = {"token": "no link of ours"}
# What else is an attempt: GraphQL's field, which begins with a capital where REST has a
# hyphen; its input; the way and the path of REST; and of whose counts it is.
ATTEMPTS: list[tuple[Attempt, str, dict[str, str], str, str]] = [
    (
        Attempt.REGISTRATION,
        "register",
        EMAIL | {"password": "short", "name": "Some One"},
        "POST auth/register",
        "address",
    ),
    (
        Attempt.PASSWORD_RESET,
        "requestPasswordReset",
        EMAIL,
        "POST auth/request-password-reset",
        "address",
    ),
    (
        Attempt.VERIFICATION,
        "requestEmailVerification",
        {},
        "POST auth/request-email-verification",
        "person",
    ),
    (
        Attempt.PASSWORD,
        "requestEmailChange",
        EMAIL | {"password": "wrong"},
        "POST auth/request-email-change",
        "person",
    ),
    (Attempt.PASSWORD, "changePassword", PASSWORDS, "POST auth/change-password", "person"),
    (Attempt.PASSWORD, "deleteAccount", {"password": "wrong"}, "DELETE me", "person"),
    (
        Attempt.PASSWORD_RESET,
        "resetPassword",
        LINK | {"password": "another good passphrase"},
        "POST auth/reset-password",
        "nobody",
    ),
    (Attempt.VERIFICATION, "verifyEmail", LINK, "POST auth/verify-email", "nobody"),
    (
        Attempt.VERIFICATION,
        "confirmEmailChange",
        LINK,
        "POST auth/confirm-email-change",
        "nobody",
    ),
]


def test_whatever_can_be_guessed_or_sends_mail_is_limited_through_both_apis(
    http: httpx.Client, limited: str, own_redis: OwnRedis
) -> None:
    with client_of(limited, "127.0.0.2") as elsewhere:
        for attempt, field, values, route, whose in ATTEMPTS:
            own_redis.client.flushdb()
            user = make_login_user()
            headers = {"Authorization": bearer(account(user.pk))} if whose == "person" else {}
            value = {"address": "someone@example.com", "person": user.public_id}.get(whose, "")
            limit = ACCOUNT if value else ADDRESS
            if value:
                _in_one_window("account", value, attempt)
            else:
                _in_one_window("address", "127.0.0.1", attempt)
            method, _, path = route.partition(" ")
            given = ", ".join(f"{camel(name)}: {json.dumps(text)}" for name, text in values.items())
            document = f"mutation {{ {field}{f'(input: {{{given}}})' if given else ''} }}"
            if field == "register":
                document = document.replace(") }", ") { accessToken } }")

            options = {"json": values or None, "headers": headers}

            def by_rest(client: httpx.Client) -> httpx.Response:
                return client.request(method, f"/api/v1/{path}", **options)  # noqa: B023

            def by_graphql(client: httpx.Client) -> httpx.Response:
                return graphql(client, document, headers=headers)  # noqa: B023

            asks = [by_rest, by_graphql]
            for number in range(limit):
                # For an account it is the same from wherever it comes.
                client = elsewhere if value and number % 2 else http
                answer = asks[number % 2](client)
                code = None if answer.status_code in {202, 204} else code_of(answer)
                assert code != "RATE_LIMITED", (field, number, answer.text)
            events = Event.objects.count()
            for ask in asks:
                refused = ask(elsewhere if value else http)
                assert code_of(refused) == "RATE_LIMITED", (field, refused.text)
            assert Event.objects.count() == events
            user.refresh_from_db()
            assert (user.is_active, user.pending_email) == (True, "")


def test_the_admins_own_password_form_is_limited(http: httpx.Client) -> None:
    user = make_login_user(is_staff=True, is_superuser=True)
    user.refresh_from_db()
    browser = Client(REMOTE_ADDR="127.0.0.1")
    browser.force_login(user)
    http.cookies.set("sessionid", browser.cookies["sessionid"].value)
    _in_one_window("account", user.public_id, Attempt.PASSWORD)
    page = http.get("/admin/password_change/")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert token
    form = {
        "old_password": "wrong",
        "new_password1": "another good passphrase",
        "new_password2": "another good passphrase",
        "csrfmiddlewaretoken": token[1],
    }
    statuses = [
        http.post("/admin/password_change/", data=form).status_code for _ in range(ACCOUNT + 1)
    ]
    assert statuses == [200] * ACCOUNT + [429]
    form["old_password"] = PASSWORD
    assert http.post("/admin/password_change/", data=form).status_code == 429
    password = user.password
    user.refresh_from_db()
    assert user.password == password


def test_accepting_an_invitation_counts_as_a_login_or_a_registration(
    http: httpx.Client,
) -> None:
    organization = make_organization()
    known = make_login_user(email="known@example.com")
    for email, attempt, fields in (
        (known.email, Attempt.LOGIN, {"password": "wrong"}),
        ("new@example.com", Attempt.REGISTRATION, {"password": "short", "name": "New"}),
    ):
        invitation = Invitation.objects.create(
            organization=organization,
            email=email,
            role=Role.STAFF,
            expires_at=now() + timedelta(days=1),
        )
        _in_one_window("account", email, attempt)
        token = make_token(Purpose.ACCEPT_INVITATION, invitation)
        page = http.get(f"/account/accept-invitation?token={token}", follow_redirects=True)
        csrf = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        assert csrf
        form = fields | {"csrfmiddlewaretoken": csrf[1]}
        answers = [http.post("/account/accept-invitation", data=form) for _ in range(ACCOUNT + 1)]
        assert [answer.status_code for answer in answers] == [400] * ACCOUNT + [429]
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
        assert "Too many attempts" in answers[-1].text
        if attempt is Attempt.LOGIN:
            assert code_of(log_in(http, email, PASSWORD)) == "RATE_LIMITED"
    assert not User.objects.filter(email="new@example.com").exists()

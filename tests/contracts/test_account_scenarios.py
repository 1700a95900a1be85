"""Each scenario of accounts through REST and through GraphQL: the same code, the same rows."""

from typing import Any

import pytest

from accounts.actors import account
from accounts.links import Purpose, make_token
from accounts.models import Login, Membership, Role, User
from accounts.selectors import is_verified
from reserve.outbox.models import Event
from tests.clients import GraphQLApi, RestApi
from tests.contracts.people import People
from tests.factories import PASSWORD, make_login_user, make_member, make_organization, make_user

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "another long sentence 7"


@pytest.fixture(params=["graphql", "rest"])
def api(request: pytest.FixtureRequest, server: str) -> People:
    return People(server, request.param)


ADA = {"email": "ada@example.org", "password": PASSWORD, "name": "Ada Lovelace"}


def test_registering(api: People) -> None:
    assert api.ask("register", **ADA, locale="da", timezone="Europe/Copenhagen").code is None
    user = User.objects.get()
    assert (user.email, user.name, user.locale) == ("ada@example.org", "Ada Lovelace", "da")
    assert Login.objects.filter(user=user).count() == 1
    assert api.ask("register", **(ADA | {"email": " ADA@example.org "})).code == "BAD_USER_INPUT"
    assert User.objects.count() == 1


# What a registration cannot say.
NONSENSE: tuple[dict[str, Any], ...] = (
    {"role": "OWNER"},
    {"is_staff": True},
    {"isStaff": True},
    {"is_superuser": True},
    {"email_verified_at": "2026-01-01T00:00:00Z"},
    {"email": "nonsense"},
    {"email": None},
    {"email": 7},
    {"email": ["ada@example.org"]},
    {"password": 12345678901},
    {"password": "short"},
    {"password": True},
    {"name": ""},
    {"name": "A\0"},
    {"name": "A\u202eB"},
    {"name": "A\nB"},
    {"name": "A" * 201},
    {"name": {"first": "Ada"}},
    {"locale": "english"},
    {"timezone": "Mars/Olympus"},
    {"phone": "call me"},
)


def test_a_registration_that_makes_no_sense_leaves_nothing(api: People) -> None:
    for change in NONSENSE:
        assert api.ask("register", **(ADA | change)).code == "BAD_USER_INPUT", change
    assert not User.objects.exists()
    assert not Event.objects.exists()


def test_verifying_an_address(api: People) -> None:
    user = make_user()
    assert api.ask("request verification").code == "UNAUTHENTICATED"
    assert api.ask("request verification", account(user.pk)).code is None
    token = make_token(Purpose.VERIFY_EMAIL, user)
    assert api.ask("verify email", token=token).code is None
    assert is_verified(user.pk)
    assert api.ask("verify email", token=token).code == "BAD_USER_INPUT"
    assert api.ask("request verification", account(user.pk)).code == "INVALID_STATE"


def test_a_forgotten_password(api: People) -> None:
    user = make_login_user()
    known = api.ask("request reset", email=user.email)
    unknown = api.ask("request reset", email="who@example.org")
    assert known == unknown
    assert known.code is None
    token = make_token(Purpose.RESET_PASSWORD, user)
    assert api.ask("reset", token=token, password="short").code == "BAD_USER_INPUT"
    user.refresh_from_db()
    token = make_token(Purpose.RESET_PASSWORD, user)
    assert api.ask("reset", token=token, password=NEW).code is None
    assert api.ask("reset", token=token, password=NEW).code == "BAD_USER_INPUT"


def test_a_changed_password_keeps_this_login_and_ends_the_others(api: People) -> None:
    user = make_login_user()
    credentials = {"email": user.email, "password": PASSWORD}
    here, there = (
        api.rest.send("POST", "/auth/login", credentials).json()["refresh_token"] for _ in range(2)
    )
    values = {"current_password": PASSWORD, "new_password": NEW}
    assert api.ask("change password", **values).code == "UNAUTHENTICATED"
    wrong = api.ask("change password", account(user.pk), **(values | {"current_password": "x"}))
    assert wrong.code == "BAD_USER_INPUT"
    first = Login.objects.order_by("created_at")[0]
    actor = account(user.pk, first.pk)
    assert api.ask("change password", actor, **values).code is None
    assert Login.objects.get(pk=first.pk).revoked_at is None
    assert api.rest.send("POST", "/auth/refresh", {"refresh_token": here}).status_code == 200
    assert api.rest.send("POST", "/auth/refresh", {"refresh_token": there}).status_code == 401


def test_another_address(api: People) -> None:
    user = make_login_user()
    actor = account(user.pk)
    change = {"email": "new@example.org", "password": PASSWORD}
    assert api.ask("request email change", **change).code == "UNAUTHENTICATED"
    wrong = api.ask("request email change", actor, **(change | {"password": "x"}))
    assert wrong.code == "BAD_USER_INPUT"
    assert api.ask("request email change", actor, **change).code is None
    user.refresh_from_db()
    token = make_token(Purpose.CHANGE_EMAIL, user)
    assert api.ask("confirm email change", token=token).code is None
    assert User.objects.get(pk=user.pk).email == "new@example.org"


def test_the_profile(api: People) -> None:
    user = make_user()
    actor = account(user.pk)
    assert api.ask("update profile", name="Ada").code == "UNAUTHENTICATED"
    assert api.ask("update profile", actor, name="Ada", timezone="Asia/Tokyo").code is None
    user.refresh_from_db()
    assert (user.name, user.timezone) == ("Ada", "Asia/Tokyo")
    for change in ({"name": " "}, {"email": "a@b.example"}, {"is_active": False}, {"locale": 7}):
        assert api.ask("update profile", actor, **change).code == "BAD_USER_INPUT"


def test_leaving(api: People) -> None:
    user = make_login_user(email="ada@example.org")
    actor = account(user.pk)
    assert api.ask("delete account", actor, password="wrong").code == "BAD_USER_INPUT"
    owned = make_organization()
    Membership.objects.create(organization=owned, user=user, role=Role.OWNER)
    assert api.ask("delete account", actor, password=PASSWORD).code == "INVALID_STATE"
    make_member(owned, Role.OWNER)
    assert api.ask("delete account", actor, password=PASSWORD).code is None
    assert not User.objects.filter(email="ada@example.org").exists()
    assert api.ask("update profile", actor, name="Ada").code == "UNAUTHENTICATED"


def test_the_export_is_the_same(server: str) -> None:
    user = make_user()
    rest = RestApi(server).ask("GET", "/me/export", None, account(user.pk))
    graphql = GraphQLApi(server).ask("{ exportAccount }", None, account(user.pk))
    assert rest.body == graphql.body
    assert rest.body["account"]["email"] == user.email
    assert RestApi(server).ask("GET", "/me/export").code == "UNAUTHENTICATED"

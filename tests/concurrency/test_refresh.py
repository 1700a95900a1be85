"""Races for one refresh token, and between opening and ending logins; and their controls."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import pytest
from django.db.models import QuerySet

from accounts.actors import SYSTEM
from accounts.errors import CredentialsRefused, TokenRefused, TokenReused
from accounts.models import Login
from accounts.services import logins
from accounts.services.logins import (
    LoggedIn,
    end_logins,
    log_out,
    open_login,
    refresh_tokens,
)
from accounts.services.suspension import suspend_user
from accounts.tokens import RefreshClaims, read_refresh_token
from tests.factories import make_user
from tests.processes import web_process

Race = Callable[[Any], list[Any]]

pytestmark = pytest.mark.django_db(transaction=True)

CALLERS = 8
ROUNDS = 10


def _pairs(outcomes: list[Any]) -> set[tuple[str, str]]:
    assert all(isinstance(one, LoggedIn) for one in outcomes), outcomes
    return {(one.access_token, one.refresh_token) for one in outcomes}


def _use_at_once(race: Race, token: str) -> list[Any]:
    return race([partial(refresh_tokens, refresh_token=token)] * CALLERS)


def test_of_eight_callers_with_one_token_all_have_the_one_successor(race: Race) -> None:
    token = first = open_login(make_user()).refresh_token
    for _ in range(ROUNDS):
        ((_, token),) = _pairs(_use_at_once(race, token))
    assert Login.objects.get().refresh_jti == read_refresh_token(token).jti
    with pytest.raises(TokenReused):
        refresh_tokens(refresh_token=first)
    with pytest.raises(TokenRefused):
        refresh_tokens(refresh_token=token)


def test_control_who_reads_and_then_writes_gives_several_successors(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_then_write(claims: RefreshClaims, moment: Any) -> str | None:
        login = Login.objects.get(pk=claims.login_id)
        if login.refresh_jti != claims.jti:
            return None
        login.previous_jti, login.refresh_jti = claims.jti, logins._new_jti()
        login.refreshed_at = moment
        time.sleep(0.05)
        login.save()
        return login.refresh_jti

    monkeypatch.setattr(logins, "_claim", read_then_write)
    outcomes = _use_at_once(race, open_login(make_user()).refresh_token)
    assert len(_pairs(outcomes)) > 1


def test_of_eight_callers_long_after_its_use_none_has_anything(race: Race) -> None:
    token = open_login(make_user()).refresh_token
    refresh_tokens(refresh_token=token)
    login = Login.objects.get()
    Login.objects.update(refreshed_at=login.refreshed_at - 2 * logins.GRACE)
    outcomes = _use_at_once(race, token)
    assert all(isinstance(one, TokenReused | TokenRefused) for one in outcomes), outcomes
    assert any(isinstance(one, TokenReused) for one in outcomes)
    assert Login.objects.get().revoked_at is not None


def test_on_two_processes_and_both_apis_one_token_has_one_successor(server: str) -> None:
    document = (
        "mutation($t: String!) { refreshToken(input: {refreshToken: $t})"
        " { accessToken refreshToken } }"
    )

    def by_rest(address: str, token: str) -> Any:
        body = {"refresh_token": token}
        answer = httpx.post(f"{address}/api/v1/auth/refresh", json=body, timeout=20).json()
        return answer["access_token"], answer["refresh_token"]

    def by_graphql(address: str, token: str) -> Any:
        body = {"query": document, "variables": {"t": token}}
        answer = httpx.post(f"{address}/graphql", json=body, timeout=20).json()
        pair = answer["data"]["refreshToken"]
        return pair["accessToken"], pair["refreshToken"]

    token = open_login(make_user()).refresh_token
    with web_process() as second, ThreadPoolExecutor(CALLERS) as callers:
        calls = [partial(by, at) for by in (by_rest, by_graphql) for at in (server, second)] * 2
        for _ in range(5):
            found = set(callers.map(lambda call, one: call(one), calls, [token] * len(calls)))
            ((access, token),) = found
            headers = {"Authorization": f"Bearer {access}"}
            for address in (server, second):
                assert httpx.get(f"{address}/api/v1/me", headers=headers).status_code == 200


@pytest.mark.parametrize("everything", [True, False])
def test_a_login_that_ends_while_it_is_refreshed_has_ended(race: Race, everything: bool) -> None:
    for _ in range(ROUNDS):
        user = make_user()
        token = open_login(user).refresh_token
        end = (
            partial(end_logins, user_id=user.pk)
            if everything
            else partial(log_out, refresh_token=token)
        )
        outcomes = race([partial(refresh_tokens, refresh_token=token)] * 3 + [end])
        assert Login.objects.get(user=user).revoked_at is not None
        assert len(_pairs([one for one in outcomes[:3] if not isinstance(one, TokenRefused)])) < 2
        for one in outcomes[:3]:
            given = one.refresh_token if isinstance(one, LoggedIn) else token
            with pytest.raises(TokenRefused):
                refresh_tokens(refresh_token=given)


def _open_while_suspended(race: Race) -> int:
    """How many logins are open after so many opened one and one suspended the person."""
    user = make_user()
    suspend = partial(suspend_user, actor=SYSTEM, user_id=user.pk)
    outcomes = race([partial(open_login, user)] * 4 + [suspend])
    assert all(isinstance(one, LoggedIn | CredentialsRefused | None) for one in outcomes), outcomes
    return Login.objects.filter(user=user, revoked_at=None).count()


@pytest.fixture
def _slow_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits between the look at the account and the new login."""
    database_now = logins.database_now

    def late() -> Any:
        time.sleep(0.05)
        return database_now()

    monkeypatch.setattr(logins, "database_now", late)


@pytest.mark.usefixtures("_slow_opening")
def test_nobody_gets_in_beside_a_suspension(race: Race) -> None:
    assert [_open_while_suspended(race) for _ in range(5)] == [0] * 5


@pytest.mark.usefixtures("_slow_opening")
def test_control_without_the_persons_row_locked_somebody_does(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows)
    assert sum(_open_while_suspended(race) for _ in range(5)) > 0

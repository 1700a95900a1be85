"""What ends a login ends it with the next request: everywhere, and whatever befalls Redis."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from accounts import revocations
from accounts.actors import SYSTEM
from accounts.models import Login, User
from accounts.revocations import LEASE, LEASE_KEY, markers
from accounts.services.logins import GRACE, LoggedIn, end_logins, open_login
from accounts.services.suspension import suspend_user
from accounts.tokens import read_refresh_token
from tests.accounts.conftest import login_id_of
from tests.factories import make_user
from tests.processes import web_process
from tests.redis_server import OwnRedis

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("same_redis")]

LEASE_SECONDS = LEASE.total_seconds()
# By the issue; what follows is checked every three seconds.
SOCKETS_CLOSE_WITHIN = 5.0


@dataclass(frozen=True)
class Processes:
    near: str
    far: str
    cut: str
    """Does not reach the Redis that the others share."""


@pytest.fixture(scope="module")
def processes(django_db_setup: None, own_redis: OwnRedis) -> Iterator[Processes]:
    nowhere = own_redis.url.replace("redis.sock", "nowhere.sock")
    with ExitStack() as stack:
        addresses = [
            stack.enter_context(web_process(REDIS_URL=url))
            for url in (own_redis.url, own_redis.url, nowhere)
        ]
        yield Processes(*addresses)


# --- Asking ----------------------------------------------------------------------------


def _rest(address: str, logged_in: LoggedIn, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {logged_in.access_token}"}
    url = f"{address}/api/v1/{path}"
    return httpx.request(method, url, json=body, headers=headers, timeout=20)


def _graphql(address: str, logged_in: LoggedIn, query: str) -> Any:
    headers = {"Authorization": f"Bearer {logged_in.access_token}"}
    return httpx.post(f"{address}/graphql", json={"query": query}, headers=headers, timeout=20)


def _is_accepted(address: str, logged_in: LoggedIn) -> bool:
    """Both APIs say the same, and for a refused token no more than that."""
    # A public field: the token alone is what is refused.
    answers = (
        _rest(address, logged_in, "GET", "me"),
        _graphql(address, logged_in, "{ __typename }"),
        _graphql(address, logged_in, "{ nope }"),
    )
    statuses = [answer.status_code for answer in answers]
    if statuses == [200, 200, 400]:
        return True
    assert statuses == [401, 401, 401]
    assert answers[0].json()["code"] == "UNAUTHENTICATED"
    assert answers[1].json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    return False


@contextmanager
def _socket(address: str, logged_in: LoggedIn) -> Iterator[ClientConnection]:
    url = address.replace("http", "ws", 1) + "/graphql"
    with connect(url, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        payload = {"authorization": f"Bearer {logged_in.access_token}"}
        socket.send(json.dumps({"type": "connection_init", "payload": payload}))
        assert json.loads(socket.recv(5)) == {"type": "connection_ack"}
        yield socket


def _close_code(socket: ClientConnection, within: float) -> int | None:
    """None where it stays open."""
    try:
        socket.recv(within)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006
    except TimeoutError:
        return None
    raise AssertionError


def _id_of(logged_in: LoggedIn) -> str:
    return Login.format_id(login_id_of(logged_in))


# --- Every way to end a login ------------------------------------------------------------


def _by_logout(at: str, one: LoggedIn) -> None:
    body = {"refresh_token": one.refresh_token}
    assert httpx.post(f"{at}/api/v1/auth/logout", json=body, timeout=20).status_code == 204


def _by_graphql_logout(at: str, one: LoggedIn) -> None:
    query = 'mutation { logout(input: {refreshToken: "%s"}) }'
    assert _graphql(at, one, query.replace("%s", one.refresh_token)).json()["data"]["logout"]


def _everywhere(at: str, one: LoggedIn) -> None:
    assert _rest(at, one, "POST", "auth/logout-everywhere").status_code == 204


def _everywhere_by_graphql(at: str, one: LoggedIn) -> None:
    data = _graphql(at, one, "mutation { logoutEverywhere }").json()["data"]
    assert data == {"logoutEverywhere": True}


def _by_another_login(at: str, one: LoggedIn) -> None:
    other = open_login(one.user)
    assert _rest(at, other, "DELETE", f"me/logins/{_id_of(one)}").status_code == 204
    assert _is_accepted(at, other)


def _by_another_login_and_graphql(at: str, one: LoggedIn) -> None:
    query = 'mutation { revokeLogin(id: "%s") }'.replace("%s", _id_of(one))
    assert _graphql(at, open_login(one.user), query).json()["data"] == {"revokeLogin": True}


def _by_reuse(at: str, one: LoggedIn) -> None:
    body = {"refresh_token": one.refresh_token}
    assert httpx.post(f"{at}/api/v1/auth/refresh", json=body).status_code == 200
    login = Login.objects.get(pk=read_refresh_token(one.refresh_token).login_id)
    Login.objects.filter(pk=login.pk).update(refreshed_at=login.refreshed_at - 2 * GRACE)
    answer = httpx.post(f"{at}/api/v1/auth/refresh", json=body)
    assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_REUSED")


def _by_password(_at: str, one: LoggedIn) -> None:
    end_logins(user_id=one.user.pk)


def _by_suspension(_at: str, one: LoggedIn) -> None:
    suspend_user(actor=SYSTEM, user_id=one.user.pk)


WAYS: list[Callable[[str, LoggedIn], None]] = [
    _by_logout,
    _by_graphql_logout,
    _everywhere,
    _everywhere_by_graphql,
    _by_another_login,
    _by_another_login_and_graphql,
    _by_reuse,
    _by_password,
    _by_suspension,
]


@pytest.mark.parametrize("end", WAYS)
def test_a_login_that_was_ended_is_refused_at_once_everywhere(
    processes: Processes, end: Callable[[str, LoggedIn], None]
) -> None:
    one, bystander = open_login(make_user()), open_login(make_user())
    for address in (processes.near, processes.far):
        assert _is_accepted(address, one)
    with (
        _socket(processes.near, one) as near,
        _socket(processes.far, one) as far,
        _socket(processes.far, bystander) as others,
    ):
        end(processes.near, one)
        for address in (processes.far, processes.near, processes.cut):
            assert not _is_accepted(address, one)
            assert _is_accepted(address, bystander)
        for socket in (near, far):
            assert _close_code(socket, SOCKETS_CLOSE_WITHIN) == 4403
        assert _close_code(others, 0.2) is None
    with suppress(AssertionError, ConnectionClosed), _socket(processes.far, one) as socket:
        pytest.fail("A socket was opened with a token that was revoked.")


def test_an_operation_on_an_open_socket_is_refused_at_once(processes: Processes) -> None:
    """Before anybody has looked: neither the broadcast nor the look is to be waited for."""
    one = open_login(make_user())
    with _socket(processes.far, one) as socket:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(revocations, "publish", lambda *_: None)
            end_logins(user_id=one.user.pk)
        ask = {"id": "1", "type": "subscribe", "payload": {"query": "{ __typename }"}}
        socket.send(json.dumps(ask))
        assert _close_code(socket, 1) == 4403


# --- The list, over both APIs --------------------------------------------------------------


def test_the_list_says_the_same_in_both_apis(processes: Processes) -> None:
    user = make_user()
    older, one = open_login(user), open_login(user)
    page = _rest(processes.near, one, "GET", "me/logins").json()
    assert (page["count"], page["next"], page["previous"]) == (2, None, None)
    assert [row["id"] for row in page["results"]] == [_id_of(one), _id_of(older)]
    assert [row["is_current"] for row in page["results"]] == [True, False]
    fields = "id device network createdAt lastUsedAt expiresAt isCurrent"
    listed = _graphql(processes.near, one, f"{{ myLogins {{ {fields} }} }}").json()
    assert [row["id"] for row in listed["data"]["myLogins"]] == [_id_of(one), _id_of(older)]
    assert [row["isCurrent"] for row in listed["data"]["myLogins"]] == [True, False]
    for rest, graphql in zip(page["results"], listed["data"]["myLogins"], strict=True):
        assert rest["last_used_at"][:19] == graphql["lastUsedAt"][:19]
        assert (rest["device"], rest["network"]) == (graphql["device"], graphql["network"])


def test_a_login_over_http_knows_its_device_and_network(processes: Processes) -> None:
    one = open_login(make_user())
    body, headers = {"refresh_token": one.refresh_token}, {"User-Agent": "Test phone 7"}
    for url, json_body in (
        ("/api/v1/auth/refresh", body),
        (
            "/graphql",
            {
                "query": "mutation($t: String!) { refreshToken(input: {refreshToken: $t})"
                " { accessToken } }",
                "variables": {"t": one.refresh_token},
            },
        ),
    ):
        answer = httpx.post(processes.near + url, json=json_body, headers=headers)
        assert answer.status_code == 200
        (login,) = Login.objects.all()
        assert (login.device, login.network) == ("Test phone 7", "127.0.0.0/24")


def test_anothers_login_and_none_look_alike(processes: Processes) -> None:
    one, other = open_login(make_user()), open_login(make_user())
    bodies = set()
    for login in (_id_of(other), Login.format_id(User(name="x").pk)):
        answer = _rest(processes.near, one, "DELETE", f"me/logins/{login}")
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
        bodies.add(json.dumps(answer.json() | {"request_id": ""}))
        query = f'mutation {{ revokeLogin(id: "{login}") }}'
        answer = _graphql(processes.near, one, query)
        assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert len(bodies) == 1
    assert _is_accepted(processes.near, other)
    answer = _rest(processes.near, one, "DELETE", "me/logins/user_01HQ3K5W6X7Y8Z9A0B1C2D3E4F")
    assert answer.json()["code"] == "BAD_USER_INPUT"
    for method, path in (
        ("GET", "me/logins"),
        ("DELETE", f"me/logins/{_id_of(one)}"),
        ("POST", "auth/logout-everywhere"),
    ):
        answer = httpx.request(method, f"{processes.near}/api/v1/{path}")
        assert answer.json()["code"] == "UNAUTHENTICATED"
    for query in (
        "{ myLogins { id } }",
        f'mutation {{ revokeLogin(id: "{_id_of(one)}") }}',
        "mutation { logoutEverywhere }",
    ):
        errors = httpx.post(f"{processes.near}/graphql", json={"query": query}).json()["errors"]
        assert errors[0]["extensions"]["code"] == "UNAUTHENTICATED"


# --- When Redis fails ------------------------------------------------------------------------


def test_after_redis_was_emptied_what_has_ended_stays_so(
    processes: Processes, own_redis: OwnRedis
) -> None:
    one, bystander = open_login(make_user()), open_login(make_user())
    _by_logout(processes.near, one)
    own_redis.client.flushall()
    _assert_refused_for(2 * LEASE_SECONDS, processes, one)
    assert own_redis.client.exists(LEASE_KEY, markers(login_id_of(one))[0]) == 2
    assert _is_accepted(processes.far, bystander)


def test_a_logout_with_redis_dead_counts_and_still_does_when_it_is_back(
    processes: Processes, own_redis: OwnRedis
) -> None:
    one, bystander = open_login(make_user()), open_login(make_user())
    own_redis.kill()
    _by_logout(processes.near, one)
    for address in (processes.far, processes.near):
        assert not _is_accepted(address, one)
        assert _is_accepted(address, bystander)
    own_redis.start()
    _assert_refused_for(2 * LEASE_SECONDS, processes, one)
    assert own_redis.client.exists(LEASE_KEY, markers(login_id_of(one))[0]) == 2
    assert _is_accepted(processes.far, bystander)


def test_redis_killed_during_a_logout(processes: Processes, own_redis: OwnRedis) -> None:
    for delay in (0.0, 0.005, 0.02):
        one = open_login(make_user())
        assert _is_accepted(processes.far, one)
        logout = threading.Thread(target=_by_logout, args=(processes.near, one))
        logout.start()
        time.sleep(delay)
        own_redis.kill()
        time.sleep(0.1)
        own_redis.start()
        logout.join()
        _assert_refused_for(LEASE_SECONDS, processes, one)


def test_who_is_cut_off_from_redis_ends_logins_for_those_who_are_not(
    processes: Processes,
) -> None:
    """It cannot write the mark; but it answers only once nobody relies on that."""
    one = open_login(make_user())
    with _socket(processes.near, one) as socket:
        assert _is_accepted(processes.near, one)
        _by_logout(processes.cut, one)
        answered = time.monotonic()
        assert not _is_accepted(processes.near, one)
        _assert_refused_for(LEASE_SECONDS, processes, one)
        left = SOCKETS_CLOSE_WITHIN - (time.monotonic() - answered)
        assert _close_code(socket, left) == 4403


def _assert_refused_for(seconds: float, processes: Processes, one: LoggedIn) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for address in (processes.near, processes.far):
            assert not _is_accepted(address, one)
        time.sleep(0.02)

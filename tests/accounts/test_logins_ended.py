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
from django.core.cache import caches
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from accounts import revocations
from accounts.actors import SYSTEM
from accounts.api.authentication import AccessTokens
from accounts.errors import TokenRefused
from accounts.models import Login, User
from accounts.revocations import LEASE, LEASE_KEY, Keeper, announce, markers
from accounts.services import logins
from accounts.services.logins import GRACE, LoggedIn, end_logins, log_out, open_login
from accounts.services.suspension import suspend_user
from accounts.tokens import read_refresh_token
from reserve.core.ratelimit.outage import outage
from tests.factories import make_user
from tests.processes import wait_until, web_process
from tests.redis_server import OwnRedis, own_redis_server

pytestmark = pytest.mark.django_db(transaction=True)

LEASE_SECONDS = LEASE.total_seconds()
# By the issue; what follows is checked every three seconds.
SOCKETS_CLOSE_WITHIN = 5.0


@pytest.fixture(scope="module")
def own_redis() -> Iterator[OwnRedis]:
    with own_redis_server() as server:
        yield server


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


@pytest.fixture(autouse=True)
def _same_redis(settings: Any, own_redis: OwnRedis) -> Iterator[None]:
    """What the test itself calls uses the server that the processes share."""
    settings.CACHES = {
        name: cache | {"LOCATION": own_redis.url} for name, cache in settings.CACHES.items()
    }
    outage._breaker.reset()
    yield
    caches.close_all()


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
    return Login.format_id(read_refresh_token(logged_in.refresh_token).login_id)


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
    assert own_redis.client.exists(LEASE_KEY, markers(_database_id(one))[0]) == 2
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
    assert own_redis.client.exists(LEASE_KEY, markers(_database_id(one))[0]) == 2
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


# --- Marks and lease, one step at a time ------------------------------------------------------


@pytest.fixture
def redis_alone(own_redis: OwnRedis, settings: Any) -> Iterator[Any]:
    """A database of the server in which no process keeps a lease."""
    url = own_redis.url.replace("db=0", "db=7")
    settings.CACHES = {name: one | {"LOCATION": url} for name, one in settings.CACHES.items()}
    client = own_redis.client.__class__.from_url(url)
    client.flushdb()
    yield client
    client.close()


def _database_id(logged_in: LoggedIn) -> Any:
    return read_refresh_token(logged_in.refresh_token).login_id


def _admitted(one: LoggedIn) -> bool:
    tokens = AccessTokens()
    try:
        tokens.admit_at_once(tokens.identify(f"Bearer {one.access_token}"))
    except TokenRefused:
        return False
    return True


def _marked(redis: Any, *ended: LoggedIn) -> list[bool]:
    return [bool(redis.exists(markers(_database_id(one))[0])) for one in ended]


def test_with_a_lease_nobody_asks_the_database(
    redis_alone: Any, django_assert_num_queries: Any
) -> None:
    one, ended = open_login(make_user()), open_login(make_user())
    with django_assert_num_queries(2):
        assert [_admitted(one), _admitted(ended)] == [True, True]
    assert Keeper().keep()
    log_out(refresh_token=ended.refresh_token)
    with django_assert_num_queries(0):
        assert [_admitted(one), _admitted(ended)] == [True, False]
    redis_alone.delete(LEASE_KEY)
    with django_assert_num_queries(1):
        assert [_admitted(one), _admitted(ended)] == [True, False]
    redis_alone.flushdb()
    with django_assert_num_queries(2):
        assert [_admitted(one), _admitted(ended)] == [True, False]


def test_a_token_with_anothers_login_is_refused_by_the_database(redis_alone: Any) -> None:
    one, other = open_login(make_user()), open_login(make_user())
    Login.objects.filter(pk=_database_id(one)).update(user=other.user)
    assert not _admitted(one)
    User.objects.filter(pk=other.user.pk).update(is_active=False)
    assert not _admitted(other)


def test_marks_last_longer_than_tokens(redis_alone: Any) -> None:
    one = open_login(make_user())
    log_out(refresh_token=one.refresh_token)
    assert redis_alone.pttl(markers(_database_id(one))[0]) > 15 * 60_000 + 30_000


def test_the_lease_comes_after_every_mark(redis_alone: Any) -> None:
    ended = [open_login(make_user()) for _ in range(3)]
    for one in ended:
        log_out(refresh_token=one.refresh_token)
    redis_alone.flushdb()
    assert Keeper().keep()
    assert _marked(redis_alone, *ended) == [True] * 3
    assert 0 < redis_alone.pttl(LEASE_KEY) <= LEASE_SECONDS * 1000


def _with_little_left(redis: Any) -> None:
    assert redis.pexpire(LEASE_KEY, 1000)


def test_whoever_dies_between_commit_and_mark_is_made_good(
    redis_alone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, one = Keeper(), open_login(make_user())
    assert keeper.keep()
    monkeypatch.setattr(logins, "announce", lambda _: None)
    log_out(refresh_token=one.refresh_token)
    _with_little_left(redis_alone)
    assert keeper.keep()
    assert redis_alone.pttl(LEASE_KEY) > 1000
    assert _marked(redis_alone, one) == [True]


@pytest.mark.parametrize("renewing", [True, False])
def test_no_lease_is_written_over_marks_that_were_lost_meanwhile(
    redis_alone: Any, monkeypatch: pytest.MonkeyPatch, renewing: bool
) -> None:
    keeper, one = Keeper(), open_login(make_user())
    log_out(refresh_token=one.refresh_token)
    if renewing:
        assert keeper.keep()
        _with_little_left(redis_alone)
    write = revocations._write_marks

    def write_and_lose(*arguments: Any) -> None:
        write(*arguments)
        redis_alone.flushdb()

    with monkeypatch.context() as patch:
        patch.setattr(revocations, "_write_marks", write_and_lose)
        assert not keeper.keep()
    assert not redis_alone.exists(LEASE_KEY)
    assert keeper.keep()
    assert _marked(redis_alone, one) == [True]


@pytest.mark.parametrize("late", [0.5, 1.0])
def test_a_lease_ends_when_it_would_have_however_late_it_is_written(
    redis_alone: Any, monkeypatch: pytest.MonkeyPatch, late: float
) -> None:
    """What was committed after the keeper's look, its writer has given up on by then."""
    keeper = Keeper()
    assert keeper.keep()
    _with_little_left(redis_alone)
    look = revocations._ended_since

    def look_and_dawdle(age: Any) -> Any:
        found = look(age)
        redis_alone.persist(LEASE_KEY)
        time.sleep(late * LEASE_SECONDS)
        return found

    monkeypatch.setattr(revocations, "_ended_since", look_and_dawdle)
    assert keeper.keep() == (late < 1)
    assert redis_alone.pttl(LEASE_KEY) <= (1 - late) * LEASE_SECONDS * 1000


def test_a_lease_of_another_run_of_the_server_counts_for_nothing(redis_alone: Any) -> None:
    """As after a restart on a snapshot from before the mark."""
    keeper, one = Keeper(), open_login(make_user())
    assert keeper.keep()
    log_out(refresh_token=one.refresh_token)
    redis_alone.delete(markers(_database_id(one))[0])
    redis_alone.set(LEASE_KEY, "another run", ex=60)
    assert keeper.keep()
    assert _marked(redis_alone, one) == [True]
    assert redis_alone.pttl(LEASE_KEY) <= LEASE_SECONDS * 1000


def test_two_keepers_get_along(redis_alone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that seeds while another does has it finish, and neither leaves a mark out."""
    first, second, one = Keeper(), Keeper(), open_login(make_user())
    log_out(refresh_token=one.refresh_token)
    redis_alone.flushdb()
    write, results = revocations._write_marks, []

    def let_the_second_begin(*arguments: Any) -> None:
        monkeypatch.setattr(revocations, "_write_marks", write)
        results.append(second.keep())
        write(*arguments)

    monkeypatch.setattr(revocations, "_write_marks", let_the_second_begin)
    results.append(first.keep())
    assert results == [True, False]
    assert first.keep()
    assert _marked(redis_alone, one) == [True]


def test_without_redis_an_end_is_answered_when_no_lease_can_be_left(own_redis: OwnRedis) -> None:
    one = open_login(make_user())
    own_redis.kill()
    started = time.monotonic()
    announce([_database_id(one)])
    assert LEASE_SECONDS <= time.monotonic() - started < LEASE_SECONDS + 2
    back = threading.Timer(0.3, own_redis.start)
    back.start()
    started = time.monotonic()
    announce([_database_id(one)])
    assert time.monotonic() - started < LEASE_SECONDS
    back.join()
    wait_until(lambda: _marked(own_redis.client, one) == [True], seconds=2)

"""What the limits look like from outside, on a web process with small ones."""

import json
import os
import re
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from django.test import Client
from django_ratelimit.core import _get_window
from websockets.sync.client import connect

from accounts.actors import account
from accounts.links import Purpose, make_token
from accounts.models import Invitation, Login, Role, User
from reserve.core.clock import now
from reserve.core.ratelimit import Attempt
from reserve.core.ratelimit.attempts import _whose
from reserve.embedded.redis import Redis
from reserve.outbox.models import Event
from tests.clients import RestApi
from tests.factories import (
    PASSWORD,
    bearer,
    make_customer,
    make_login_user,
    make_organization,
    make_venue,
)
from tests.processes import wait_until, web_process
from tests.staff import camel

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT, ACCOUNT, ADDRESS = 20, 3, 8
LIMITS = {
    "RATE_LIMIT_MAX_REQUESTS": str(LIMIT),
    # Nothing to speak of comes in during a test.
    "RATE_LIMIT_WINDOW_SECONDS": "86400",
    "AUTH_RATE_LIMIT_ACCOUNT": str(ACCOUNT),
    "AUTH_RATE_LIMIT_ADDRESS": str(ADDRESS),
}
HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
LOGIN = "login(input: {email: %s, password: %s}) { accessToken }"


class OwnRedis:
    """A Redis server for these tests, to be emptied and killed."""

    def __init__(self, root: Path) -> None:
        self._server = Redis(root, root)
        self._server.start()
        self.url = self._server.url
        self.client = redis.Redis.from_url(self.url)

    def kill(self) -> None:
        assert self._server.pid
        os.kill(self._server.pid, signal.SIGKILL)

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()


@pytest.fixture(scope="module")
def own_redis() -> Iterator[OwnRedis]:
    with tempfile.TemporaryDirectory() as root:
        (Path(root) / "log").mkdir()
        (Path(root) / "run").mkdir()
        server = OwnRedis(Path(root))
        yield server
        server.stop()


@pytest.fixture(scope="module")
def limited(django_db_setup: None, own_redis: OwnRedis) -> Iterator[str]:
    """A web process with small limits; the first test connects it to the test database."""
    with web_process(REDIS_URL=own_redis.url, **LIMITS) as address:
        yield address


@pytest.fixture(autouse=True)
def _full_buckets(own_redis: OwnRedis) -> None:
    own_redis.client.flushdb()


def _graphql(http: httpx.Client, document: str, **options: Any) -> httpx.Response:
    return http.post("/graphql", json={"query": document}, **options)


def _code(response: httpx.Response) -> str | None:
    body = response.json()
    if "errors" in body and isinstance(body["errors"], list):
        return str(body["errors"][0]["extensions"]["code"])
    return body.get("code")


@contextmanager
def _client(server: str, source: str = "127.0.0.1") -> Iterator[httpx.Client]:
    transport = httpx.HTTPTransport(local_address=source)
    with httpx.Client(base_url=server, transport=transport, timeout=20) as http:
        yield http


@pytest.fixture
def http(limited: str) -> Iterator[httpx.Client]:
    with _client(limited) as client:
        yield client


def _limits(response: httpx.Response) -> tuple[int, int, int]:
    limit, remaining, reset = (int(response.headers[name]) for name in HEADERS)
    return limit, remaining, reset


# --- The bucket --------------------------------------------------------------------


def test_exactly_as_many_requests_pass_as_the_bucket_holds(http: httpx.Client) -> None:
    codes = [_graphql(http, "{ __typename }").status_code for _ in range(LIMIT + 5)]
    assert codes == [200] * LIMIT + [429] * 5


def test_both_apis_take_from_one_bucket_and_tell_what_is_left(http: httpx.Client) -> None:
    venue = make_venue()
    first = _graphql(http, "{ __typename }")
    assert _limits(first) == (LIMIT, LIMIT - 1, 4_320)
    second = http.get(f"/api/v1/venues/{venue.public_id}")
    assert second.status_code == 200
    assert _limits(second)[:2] == (LIMIT, LIMIT - 2)


@pytest.mark.parametrize(
    "ask",
    [
        lambda http: http.get("/graphql"),
        lambda http: http.post("/graphql", content=b"{", headers={"Content-Type": "text/plain"}),
        lambda http: http.post(
            "/graphql", content=b"{", headers={"Content-Type": "application/json"}
        ),
        lambda http: _graphql(http, "{ nope }"),
        lambda http: _graphql(http, "subscription { __typename }"),
        lambda http: _graphql(http, "{ me { id } }"),
        lambda http: _graphql(http, "{ me { id } }", headers={"Authorization": "Bearer x"}),
        lambda http: http.get("/api/v1/me"),
        lambda http: http.get("/api/v1/me", headers={"Authorization": "Bearer x"}),
        lambda http: http.get("/api/v1/no/such/path"),
        lambda http: http.post("/api/v1/auth/login", content=b"{"),
        lambda http: http.get("/api/schema"),
    ],
)
def test_every_answer_is_charged_and_carries_the_headers(
    http: httpx.Client, ask: Callable[[httpx.Client], httpx.Response]
) -> None:
    answer = ask(http)
    assert answer.status_code < 429
    assert _limits(answer)[:2] == (LIMIT, LIMIT - 1)
    assert _limits(_graphql(http, "{ __typename }"))[1] == LIMIT - 2
    for _ in range(LIMIT - 2):
        _graphql(http, "{ __typename }")
    assert ask(http).status_code == 429


def test_a_refusal_says_when_to_come_again(http: httpx.Client) -> None:
    for _ in range(LIMIT):
        http.get("/api/v1/me")
    graphql = _graphql(http, "{ __typename }")
    rest = http.get("/api/v1/me")
    for answer in (graphql, rest):
        assert answer.status_code == 429
        assert _code(answer) == "RATE_LIMITED"
        assert _limits(answer)[:2] == (LIMIT, 0)
        assert 4_300 < int(answer.headers["Retry-After"]) <= 4_320
    assert "data" not in graphql.json()
    assert graphql.json()["errors"][0]["extensions"]["requestId"] == graphql.headers["X-Request-ID"]
    assert rest.headers["Content-Type"] == "application/problem+json"
    assert rest.json()["request_id"] == rest.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("document", "cost"),
    [
        ("{ a: __typename b: __typename c: __typename }", 3),
        ("{ ...F ...F } fragment F on Query { a: __typename ... on Query { b: __typename } }", 2),
        ("query One { __typename }", 1),
    ],
)
def test_root_fields_are_charged_each_for_itself(
    http: httpx.Client, document: str, cost: int
) -> None:
    assert _limits(_graphql(http, document))[1] == LIMIT - cost


def test_an_operation_that_costs_too_much_does_nothing(http: httpx.Client) -> None:
    make_login_user(email="someone@example.com")
    login = LOGIN % ('"someone@example.com"', json.dumps(PASSWORD))
    logins = " ".join(f"a{number}: {login}" for number in range(LIMIT))
    _graphql(http, "{ __typename }")
    refused = _graphql(http, f"mutation {{ {logins} }}")
    assert (refused.status_code, _code(refused)) == (429, "RATE_LIMITED")
    # One was taken for looking at it, and nothing was tried.
    assert _limits(refused)[1] == LIMIT - 2
    assert _graphql(http, f"mutation {{ {login} }}").json()["data"]


def test_fragments_that_double_each_other_are_counted_at_once(http: httpx.Client) -> None:
    parts = [f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(40)]
    document = "{ ...F0 } " + " ".join(parts) + " fragment F40 on Query { __typename }"
    began = time.perf_counter()
    assert _limits(_graphql(http, document))[1] == LIMIT - 1
    assert time.perf_counter() - began < 2


def test_accounts_have_buckets_of_their_own(http: httpx.Client, limited: str) -> None:
    one, other = ({"Authorization": bearer(make_customer())} for _ in range(2))
    for _ in range(LIMIT):
        assert _graphql(http, "{ me { id } }", headers=one).status_code == 200
    with _client(limited, "127.0.0.2") as elsewhere:
        assert _graphql(elsewhere, "{ me { id } }", headers=one).status_code == 429
    assert _graphql(http, "{ me { id } }", headers=other).status_code == 200
    assert _graphql(http, "{ __typename }").status_code == 200


def test_pages_probes_and_figures_are_not_charged(http: httpx.Client) -> None:
    for _ in range(LIMIT):
        _graphql(http, "{ __typename }")
    html = {"Accept": "text/html"}
    for path in ("/health/live", "/metrics", "/admin/login/", "/graphql"):
        answer = http.get(path, headers=html)
        assert answer.status_code == 200, path
        assert not any(name in answer.headers for name in HEADERS), path


def test_the_figures_count_refusals_by_kind(http: httpx.Client) -> None:
    for _ in range(LIMIT + 3):
        _graphql(http, "{ __typename }")
    assert 'reserve_limit_refusals_total{kind="request"} 3.0' in http.get("/metrics").text


def test_operations_over_a_socket_are_charged_alike(http: httpx.Client, limited: str) -> None:
    with connect(
        limited.replace("http", "ws", 1) + "/graphql",
        subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
    ) as socket:

        def ask(document: str) -> Any:
            message = {"id": "1", "type": "subscribe", "payload": {"query": document}}
            socket.send(json.dumps(message))
            answer = json.loads(socket.recv(5))
            if answer["type"] == "next":
                assert json.loads(socket.recv(5))["type"] == "complete"
            return answer

        socket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(socket.recv(5))["type"] == "connection_ack"
        assert ask("{ nope }")["type"] == "error"
        for _ in range(LIMIT - 3):
            assert ask("{ __typename }")["type"] == "next"
        # One is taken for looking at it, and one is left.
        refused = ask("{ a: __typename b: __typename c: __typename }")
        assert refused["type"] == "error"
        assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
        assert refused["payload"][0]["extensions"]["retryAfter"] > 4_000
        assert _graphql(http, "{ __typename }").status_code == 200
        # The socket is still good, and its bucket that of the address.
        assert ask("{ __typename }")["type"] == "error"


# --- Addresses -----------------------------------------------------------------------


def test_a_header_that_varies_passes_no_limit(http: httpx.Client) -> None:
    for _ in range(LIMIT):
        _graphql(http, "{ __typename }")
    for number in range(20):
        address = f"203.0.113.{number}"
        headers = {
            "X-Forwarded-For": address,
            "X-Real-IP": address,
            "Forwarded": f"for={address}",
            "True-Client-IP": address,
        }
        assert _graphql(http, "{ __typename }", headers=headers).status_code == 429
        assert http.get("/api/v1/me", headers=headers).status_code == 429


def test_addresses_have_buckets_of_their_own(http: httpx.Client, limited: str) -> None:
    for _ in range(LIMIT + 1):
        _graphql(http, "{ __typename }")
    with _client(limited, "127.0.0.2") as elsewhere:
        assert _graphql(elsewhere, "{ __typename }").status_code == 200


def test_behind_a_proxy_the_address_is_what_it_appended(own_redis: OwnRedis) -> None:
    with (
        web_process(REDIS_URL=own_redis.url, TRUSTED_PROXY_COUNT="1", **LIMITS) as server,
        _client(server) as http,
    ):

        def status(forwarded: str) -> int:
            headers = {"X-Forwarded-For": forwarded}
            return _graphql(http, "{ __typename }", headers=headers).status_code

        for number in range(LIMIT):
            assert status(f"198.51.100.{number}, 203.0.113.1") == 200
        for number in range(20):
            assert status(f"198.51.100.{number}, 203.0.113.1") == 429
        assert status("203.0.113.1, 203.0.113.2") == 200
        for host in range(LIMIT):
            assert status(f"2001:db8::{host:x}") == 200
        assert status("2001:db8::ffff") == 429
        # The figures are for the addresses of the setting, whoever the proxy is.
        assert http.get("/metrics", headers={"X-Forwarded-For": "203.0.113.1"}).status_code == 403
        assert http.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 200


# --- Attempts -------------------------------------------------------------------------


def _in_one_window(subject: str, value: str, attempt: Attempt = Attempt.LOGIN) -> None:
    """Wait where a window of django-ratelimit ends before the test does."""
    left = _get_window(_whose(attempt, subject, value), 60) - time.time()
    if left < 10:
        time.sleep(left + 1)


def _login(http: httpx.Client, email: str, password: str, **options: Any) -> httpx.Response:
    login = LOGIN % (json.dumps(email), json.dumps(password))
    return _graphql(http, f"mutation {{ {login} }}", **options)


def test_logins_are_limited_for_an_account_through_both_apis_and_the_admin(
    http: httpx.Client, limited: str
) -> None:
    make_login_user(email="someone@example.com")
    _in_one_window("account", "someone@example.com")
    assert _login(http, "someone@example.com", "wrong").status_code == 200
    body = {"email": " SomeOne@Example.com", "password": "wrong"}
    assert http.post("/api/v1/auth/login", json=body).status_code == 401
    with _client(limited, "127.0.0.2") as elsewhere:
        assert _login(elsewhere, "SOMEONE@example.com", PASSWORD).json()["data"]
        # An operation that ran; its field was refused. A good login resets nothing.
        refused = _login(elsewhere, "someone@example.com", PASSWORD)
        assert (refused.status_code, _code(refused)) == (200, "RATE_LIMITED")
        assert 0 < refused.json()["errors"][0]["extensions"]["retryAfter"] <= 60
        assert "Retry-After" not in refused.headers
        rest = elsewhere.post("/api/v1/auth/login", json=body)
        assert (rest.status_code, _code(rest)) == (429, "RATE_LIMITED")
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
    assert _login(http, "other@example.com", PASSWORD).json()["data"]


def test_every_alias_is_an_attempt(http: httpx.Client) -> None:
    make_login_user(email="someone@example.com")
    _in_one_window("account", "someone@example.com")
    login = LOGIN % ('"someone@example.com"', json.dumps(PASSWORD))
    logins = " ".join(f"a{number}: {login}" for number in range(ACCOUNT + 4))
    answer = _graphql(http, f"mutation {{ {logins} }}")
    assert (answer.status_code, _code(answer)) == (200, "RATE_LIMITED")
    assert answer.json()["errors"][0]["path"] == [f"a{ACCOUNT}"]
    assert Login.objects.count() == ACCOUNT


def test_an_address_is_limited_whatever_the_accounts(http: httpx.Client, limited: str) -> None:
    _in_one_window("address", "127.0.0.1")
    codes = [_code(_login(http, f"nobody{n}@example.com", "x")) for n in range(ADDRESS + 3)]
    assert codes == ["UNAUTHENTICATED"] * ADDRESS + ["RATE_LIMITED"] * 3
    with _client(limited, "127.0.0.2") as elsewhere:
        assert _code(_login(elsewhere, "nobody@example.com", "x")) == "UNAUTHENTICATED"


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
    with _client(limited, "127.0.0.2") as elsewhere:
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
                return _graphql(client, document, headers=headers)  # noqa: B023

            asks = [by_rest, by_graphql]
            for number in range(limit):
                # For an account it is the same from wherever it comes.
                client = elsewhere if value and number % 2 else http
                answer = asks[number % 2](client)
                code = None if answer.status_code in {202, 204} else _code(answer)
                assert code != "RATE_LIMITED", (field, number, answer.text)
            events = Event.objects.count()
            for ask in asks:
                refused = ask(elsewhere if value else http)
                assert _code(refused) == "RATE_LIMITED", (field, refused.text)
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
            assert _code(_login(http, email, PASSWORD)) == "RATE_LIMITED"
    assert not User.objects.filter(email="new@example.com").exists()


# --- Redis comes and goes -----------------------------------------------------------------


def test_redis_may_die_and_come_back_under_load(own_redis: OwnRedis, tmp_path: Path) -> None:
    venue, customer = make_venue(), make_customer()
    make_login_user(email="someone@example.com")
    log = tmp_path / "web.log"
    stop = threading.Event()
    statuses: Counter[tuple[str, int]] = Counter()
    limits = LIMITS | {"RATE_LIMIT_MAX_REQUESTS": "1000", "RATE_LIMIT_WINDOW_SECONDS": "10"}

    def told(event: str) -> int:
        return log.read_text().count(f'"event":"{event}"')

    def caller(server: str, number: int) -> None:
        headers = {"Authorization": bearer(customer)} if number % 2 else {}
        with _client(server) as http:
            while not stop.is_set():
                answers = {
                    "graphql": _graphql(http, "{ __typename }", headers=headers),
                    "rest": http.get(f"/api/v1/venues/{venue.public_id}", headers=headers),
                }
                if number == 0:
                    answers["login"] = _login(http, "someone@example.com", "wrong")
                for name, answer in answers.items():
                    statuses[name, answer.status_code] += 1
                    assert all(header in answer.headers for header in HEADERS)

    with (
        log.open("wb") as file,
        web_process(REDIS_URL=own_redis.url, LOG_LEVEL="WARNING", log=file, **limits) as server,
    ):
        threads = [threading.Thread(target=caller, args=(server, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        own_redis.kill()
        wait_until(lambda: told("limits_local"), seconds=10)
        time.sleep(1)
        own_redis.start()
        wait_until(lambda: told("limits_shared"), seconds=15)
        time.sleep(1)
        stop.set()
        for thread in threads:
            thread.join(20)
        assert {status for _, status in statuses} <= {200, 429}, statuses
        assert statuses["graphql", 200] > 50
        assert statuses["rest", 200] > 20
    assert (told("limits_local"), told("limits_shared")) == (1, 1)
    assert "unexpected_error" not in log.read_text()
    assert "127.0.0.1" not in log.read_text()


def test_a_limited_answer_is_what_clients_of_the_contract_expect(limited: str) -> None:
    api = RestApi(limited)
    for _ in range(LIMIT):
        api.send("GET", "/me")
    assert api.ask("GET", "/me").code == "RATE_LIMITED"

"""What an access or refresh token must be to count, in both APIs."""

import base64
import json
import re
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import httpx
import jwt
import pytest
from django.conf import settings
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from accounts import tokens
from accounts.errors import TokenRefused
from accounts.models import Login, User
from accounts.services.logins import open_login
from accounts.tokens import issue_tokens, read_authorization, read_refresh_token
from reserve.core.clock import now
from reserve.core.ids import new_id
from tests.factories import PASSWORD, make_login_user, make_user
from tests.processes import web_process

SECRET = settings.JWT_SECRET
OTHER = "another-secret-of-at-least-32-bytes"


def _claims(**changes: object) -> dict[str, object]:
    claims: dict[str, object] = {
        "token_type": "access",
        "sub": User.format_id(new_id()),
        "sid": Login.format_id(new_id()),
        "exp": now() + timedelta(minutes=5),
        "iat": now(),
        "jti": "1",
        "iss": "reserve",
        "aud": "reserve",
    }
    return {name: value for name, value in (claims | changes).items() if value is not ...}


def _token(secret: str = SECRET, algorithm: str = "HS256", **changes: object) -> str:
    return jwt.encode(_claims(**changes), secret, algorithm=algorithm)


def _unsigned(algorithm: str, signature: str = "") -> str:
    """What a forger makes who leaves the signature out or makes one up."""
    signed = _token().split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    return f"{head.decode().rstrip('=')}.{signed[1]}.{signature}"


def _tampered() -> str:
    head, _, signature = _token().split(".")
    body = base64.urlsafe_b64encode(json.dumps(_claims(exp=2**33, iat=1)).encode())
    return f"{head}.{body.decode().rstrip('=')}.{signature}"


def test_a_token_as_it_should_be_is_read() -> None:
    user_id, login_id = new_id(), new_id()
    claims = read_authorization(
        f"bearer  {_token(sub=User.format_id(user_id), sid=Login.format_id(login_id))}"
    )
    assert (claims.user_id, claims.login_id) == (user_id, login_id)
    assert now() < claims.expires_at < now() + timedelta(minutes=6)


# A function for each, since times pass between collecting and running.
FORGED: dict[str, Callable[[], str]] = {
    "nothing": lambda: "",
    "nonsense": lambda: "nonsense",
    "three parts of nonsense": lambda: "a.b.c",
    "letters beyond ASCII": lambda: "ä.ö.ü",
    "no algorithm": lambda: _unsigned("none"),
    "no algorithm, in other letters": lambda: _unsigned("nOnE"),
    "no algorithm, signed": lambda: _unsigned("none", _token().split(".")[2]),
    "another algorithm with our secret": lambda: _token(SECRET, "HS384"),
    "a public-key algorithm with our signature": lambda: _unsigned("RS256", _token().split(".")[2]),
    "another secret": lambda: _token(OTHER),
    "tampered with": _tampered,
    "expired": lambda: _token(exp=now() - timedelta(seconds=10)),
    "never expires": lambda: _token(exp=...),
    "expiry of no time": lambda: _token(exp="soon"),
    "not yet valid": lambda: _token(nbf=now() + timedelta(minutes=1)),
    "issued in the future": lambda: _token(iat=now() + timedelta(minutes=1)),
    "issued never": lambda: _token(iat=...),
    "issued longer ago than a token lives": lambda: _token(iat=now() - timedelta(minutes=16)),
    "another issuer": lambda: _token(iss="somebody"),
    "no issuer": lambda: _token(iss=...),
    "another audience": lambda: _token(aud="others"),
    "no audience": lambda: _token(aud=...),
    "a refresh token": lambda: _token(token_type="refresh"),
    "no type": lambda: _token(token_type=...),
    "no token id": lambda: _token(jti=...),
    "no person": lambda: _token(sub=...),
    "a person of another kind": lambda: _token(sub="venue_01HQ3K5W6X7Y8Z9A0B1C2D3E4F"),
    "a person that is a number": lambda: _token(sub=7),
    "no login": lambda: _token(sid=...),
    "a login of another kind": lambda: _token(sid="user_01HQ3K5W6X7Y8Z9A0B1C2D3E4F"),
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=list(FORGED))
def test_what_is_not_an_access_token_of_ours_is_refused(forged: Callable[[], str]) -> None:
    token = forged()
    with pytest.raises(TokenRefused):
        read_authorization(f"Bearer {token}")
    if token != "" and "refresh" not in str(_body(token).get("token_type")):
        with pytest.raises(TokenRefused):
            read_refresh_token(token)


def _body(token: str) -> dict[str, Any]:
    try:
        return jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, UnicodeError):
        return {}


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "{token}", "Token {token}", "{token} x"]
)
def test_a_token_comes_as_a_bearers(header: str) -> None:
    with pytest.raises(TokenRefused):
        read_authorization(header.format(token=_token()))


def test_a_pair_follows_from_its_login_and_moment_alone() -> None:
    facts = {"user_id": new_id(), "login_id": new_id(), "issued_at": now()}
    first = issue_tokens(refresh_jti="a" * 32, **facts)
    assert first == issue_tokens(refresh_jti="a" * 32, **facts)
    other = issue_tokens(refresh_jti="b" * 32, **facts)
    assert other.access != first.access
    assert other.refresh != first.refresh
    assert _body(first.access)["jti"] != _body(first.refresh)["jti"]
    assert read_refresh_token(first.refresh).jti == "a" * 32
    with pytest.raises(TokenRefused):
        read_authorization(f"Bearer {first.refresh}")
    with pytest.raises(TokenRefused):
        read_refresh_token(first.access)


def test_a_secret_can_be_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _token()
    monkeypatch.setattr(tokens, "_backend", tokens._Backend(OTHER, [SECRET]))
    assert read_authorization(f"Bearer {before}")
    assert read_authorization(f"Bearer {_token(OTHER)}")
    for refused in (
        _token("a-third-secret-of-at-least-32-bytes"),
        _token(exp=1),
        _token(OTHER, exp=1),
    ):
        with pytest.raises(TokenRefused):
            read_authorization(f"Bearer {refused}")
    issued = issue_tokens(user_id=new_id(), login_id=new_id(), refresh_jti="1", issued_at=now())
    assert jwt.decode(issued.access, OTHER, ["HS256"], audience="reserve")
    monkeypatch.setattr(tokens, "_backend", tokens._Backend(OTHER))
    with pytest.raises(TokenRefused):
        read_authorization(f"Bearer {before}")


def test_reading_a_token_costs_next_to_nothing() -> None:
    """The goal is 0.15 ms on a quiet machine; a busy one gets some room."""
    header = f"Bearer {_token()}"
    times = []
    for _ in range(500):
        started = perf_counter()
        read_authorization(header)
        times.append(perf_counter() - started)
    assert median(times) < 0.0005


# --- Over the wire -----------------------------------------------------------------------


def _closes(server: str, token: str) -> int:
    address = server.replace("http", "ws", 1) + "/graphql"
    with connect(address, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        payload = {"authorization": f"Bearer {token}"}
        socket.send(json.dumps({"type": "connection_init", "payload": payload}))
        try:
            assert json.loads(socket.recv(5)) == {"type": "connection_ack"}
            socket.recv(12)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006
    raise AssertionError


@pytest.mark.django_db(transaction=True)
def test_a_refused_token_refuses_the_whole_request(server: str) -> None:
    """Whatever else is asked, and even where no token is needed."""
    for name in ("no algorithm", "another secret", "expired", "a refresh token"):
        headers = {"Authorization": f"Bearer {FORGED[name]()}"}
        for query in ("{ __typename }", "{ venues { totalCount } }", "mutation { nope }"):
            answer = httpx.post(f"{server}/graphql", json={"query": query}, headers=headers)
            assert answer.status_code == 401, name
            assert "data" not in answer.json()
            assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        for path in ("venues/venue_01HQ3K5W6X7Y8Z9A0B1C2D3E4F", "me", "me/logins", "bookings"):
            answer = httpx.get(f"{server}/api/v1/{path}", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED"), name
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert _closes(server, FORGED[name]()) == 4403


@pytest.mark.django_db(transaction=True)
def test_a_token_is_never_taken_from_an_address(server: str) -> None:
    token = open_login(make_user()).access_token
    for name in ("token", "access_token", "accessToken", "authorization", "Authorization", "jwt"):
        for value in (token, f"Bearer {token}"):
            answer = httpx.get(f"{server}/api/v1/me", params={name: value})
            assert (answer.status_code, list(answer.json()["errors"])) == (400, [name])
            body = {"query": "{ me { id } }"}
            answer = httpx.post(f"{server}/graphql", params={name: value}, json=body)
            assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert httpx.get(f"{server}/api/v1/me", cookies={"token": token}).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_a_socket_ends_with_its_token(server: str) -> None:
    user = make_user()
    login = Login.objects.get(pk=_sid(open_login(user).access_token))
    identity = {"sub": user.public_id, "sid": login.public_id}
    started = perf_counter()
    assert _closes(server, _token(exp=now() + timedelta(seconds=2), **identity)) == 4403
    assert perf_counter() - started < 7


def _sid(access_token: str) -> object:
    return read_authorization(f"Bearer {access_token}").login_id


@pytest.mark.django_db(transaction=True)
def test_no_token_and_no_password_is_ever_logged() -> None:
    """Every line of a web process at its most talkative, good and bad calls alike."""
    user = make_login_user(email="someone@example.com")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        with path.open("wb") as log, web_process(log=log, LOG_LEVEL="DEBUG") as server:
            secrets = _use_tokens(server, user)
        text = path.read_text()
    assert '"logged_in"' in text
    assert '"refresh_token_reused"' in text
    for secret in secrets:
        assert secret not in text
        # Neither in part: the signature is what must not be had.
        assert secret.rpartition(".")[2] not in text
    assert not re.search(r"eyJ[\w-]{10,}\.", text)


def _use_tokens(server: str, user: User) -> list[str]:
    """Call whatever takes or gives tokens; return what must not be in the log."""
    rest = f"{server}/api/v1"
    credentials = {"email": user.email, "password": PASSWORD}
    pair = httpx.post(f"{rest}/auth/login", json=credentials).raise_for_status().json()
    bearer = {"Authorization": f"Bearer {pair['access_token']}"}
    httpx.get(f"{rest}/me", headers=bearer).raise_for_status()
    httpx.get(f"{rest}/me", headers={"Authorization": f"Bearer {pair['access_token']}x"})
    assert httpx.get(f"{rest}/me?access_token={'x' * 8}", headers=bearer).status_code == 400
    secrets = [pair["access_token"], pair["refresh_token"]]
    first = token = pair["refresh_token"]
    for _ in range(2):
        query = (
            "mutation($t: String!) { refreshToken(input: {refreshToken: $t})"
            " { refreshToken accessToken } }"
        )
        body = {"query": query, "variables": {"t": token}}
        answer = httpx.post(f"{server}/graphql", json=body, headers=bearer).json()
        token = answer["data"]["refreshToken"]["refreshToken"]
        secrets += [token, answer["data"]["refreshToken"]["accessToken"]]
    reused = httpx.post(f"{rest}/auth/refresh", json={"refresh_token": first})
    assert reused.json()["code"] == "TOKEN_REUSED"
    httpx.post(f"{rest}/auth/logout", json={"refresh_token": token + "x"})
    assert _closes(server, secrets[-1]) == 4403
    return [*secrets, PASSWORD]

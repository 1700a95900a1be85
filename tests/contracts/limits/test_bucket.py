"""Requests of any kind take from one bucket: what that looks like from outside."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.clients import RestApi
from tests.contracts.limits.asking import (
    HEADERS,
    LIMIT,
    LIMITS,
    LOGIN,
    client_of,
    code_of,
    graphql,
    limits_of,
)
from tests.factories import PASSWORD, bearer, make_customer, make_login_user, make_venue
from tests.processes import web_process
from tests.redis_server import OwnRedis

pytestmark = pytest.mark.django_db(transaction=True)


def test_exactly_as_many_requests_pass_as_the_bucket_holds(http: httpx.Client) -> None:
    codes = [graphql(http, "{ __typename }").status_code for _ in range(LIMIT + 5)]
    assert codes == [200] * LIMIT + [429] * 5


def test_both_apis_take_from_one_bucket_and_tell_what_is_left(http: httpx.Client) -> None:
    venue = make_venue()
    first = graphql(http, "{ __typename }")
    assert limits_of(first) == (LIMIT, LIMIT - 1, 4_320)
    second = http.get(f"/api/v1/venues/{venue.public_id}")
    assert second.status_code == 200
    assert limits_of(second)[:2] == (LIMIT, LIMIT - 2)


@pytest.mark.parametrize(
    "ask",
    [
        lambda http: http.get("/graphql"),
        lambda http: http.post("/graphql", content=b"{", headers={"Content-Type": "text/plain"}),
        lambda http: http.post(
            "/graphql", content=b"{", headers={"Content-Type": "application/json"}
        ),
        lambda http: graphql(http, "{ nope }"),
        lambda http: graphql(http, "subscription { __typename }"),
        lambda http: graphql(http, "{ me { id } }"),
        lambda http: graphql(http, "{ me { id } }", headers={"Authorization": "Bearer x"}),
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
    assert limits_of(answer)[:2] == (LIMIT, LIMIT - 1)
    assert limits_of(graphql(http, "{ __typename }"))[1] == LIMIT - 2
    for _ in range(LIMIT - 2):
        graphql(http, "{ __typename }")
    assert ask(http).status_code == 429


def test_a_refusal_says_when_to_come_again(http: httpx.Client) -> None:
    for _ in range(LIMIT):
        http.get("/api/v1/me")
    by_graphql = graphql(http, "{ __typename }")
    by_rest = http.get("/api/v1/me")
    for answer in (by_graphql, by_rest):
        assert answer.status_code == 429
        assert code_of(answer) == "RATE_LIMITED"
        assert limits_of(answer)[:2] == (LIMIT, 0)
        assert 4_300 < int(answer.headers["Retry-After"]) <= 4_320
    assert "data" not in by_graphql.json()
    (error,) = by_graphql.json()["errors"]
    assert error["extensions"]["requestId"] == by_graphql.headers["X-Request-ID"]
    assert by_rest.headers["Content-Type"] == "application/problem+json"
    assert by_rest.json()["request_id"] == by_rest.headers["X-Request-ID"]


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
    assert limits_of(graphql(http, document))[1] == LIMIT - cost


def test_an_operation_that_costs_too_much_does_nothing(http: httpx.Client) -> None:
    make_login_user(email="someone@example.com")
    login = LOGIN % ('"someone@example.com"', json.dumps(PASSWORD))
    logins = " ".join(f"a{number}: {login}" for number in range(LIMIT))
    graphql(http, "{ __typename }")
    refused = graphql(http, f"mutation {{ {logins} }}")
    assert (refused.status_code, code_of(refused)) == (429, "RATE_LIMITED")
    # One was taken for looking at it, and nothing was tried.
    assert limits_of(refused)[1] == LIMIT - 2
    assert graphql(http, f"mutation {{ {login} }}").json()["data"]


def test_fragments_that_double_each_other_are_counted_at_once(http: httpx.Client) -> None:
    parts = [f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(40)]
    document = "{ ...F0 } " + " ".join(parts) + " fragment F40 on Query { __typename }"
    began = time.perf_counter()
    assert limits_of(graphql(http, document))[1] == LIMIT - 1
    assert time.perf_counter() - began < 2


def test_accounts_have_buckets_of_their_own(http: httpx.Client, limited: str) -> None:
    one, other = ({"Authorization": bearer(make_customer())} for _ in range(2))
    for _ in range(LIMIT):
        assert graphql(http, "{ me { id } }", headers=one).status_code == 200
    with client_of(limited, "127.0.0.2") as elsewhere:
        assert graphql(elsewhere, "{ me { id } }", headers=one).status_code == 429
    assert graphql(http, "{ me { id } }", headers=other).status_code == 200
    assert graphql(http, "{ __typename }").status_code == 200


def test_pages_probes_and_figures_are_not_charged(http: httpx.Client) -> None:
    for _ in range(LIMIT):
        graphql(http, "{ __typename }")
    html = {"Accept": "text/html"}
    for path in ("/health/live", "/metrics", "/admin/login/", "/graphql"):
        answer = http.get(path, headers=html)
        assert answer.status_code == 200, path
        assert not any(name in answer.headers for name in HEADERS), path


def test_the_figures_count_refusals_by_kind(http: httpx.Client) -> None:
    for _ in range(LIMIT + 3):
        graphql(http, "{ __typename }")
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
        assert graphql(http, "{ __typename }").status_code == 200
        # The socket is still good, and its bucket that of the address.
        assert ask("{ __typename }")["type"] == "error"


def test_a_header_that_varies_passes_no_limit(http: httpx.Client) -> None:
    for _ in range(LIMIT):
        graphql(http, "{ __typename }")
    for number in range(20):
        address = f"203.0.113.{number}"
        headers = {
            "X-Forwarded-For": address,
            "X-Real-IP": address,
            "Forwarded": f"for={address}",
            "True-Client-IP": address,
        }
        assert graphql(http, "{ __typename }", headers=headers).status_code == 429
        assert http.get("/api/v1/me", headers=headers).status_code == 429


def test_addresses_have_buckets_of_their_own(http: httpx.Client, limited: str) -> None:
    for _ in range(LIMIT + 1):
        graphql(http, "{ __typename }")
    with client_of(limited, "127.0.0.2") as elsewhere:
        assert graphql(elsewhere, "{ __typename }").status_code == 200


def test_behind_a_proxy_the_address_is_what_it_appended(own_redis: OwnRedis) -> None:
    with (
        web_process(REDIS_URL=own_redis.url, TRUSTED_PROXY_COUNT="1", **LIMITS) as server,
        client_of(server) as http,
    ):

        def status(forwarded: str) -> int:
            headers = {"X-Forwarded-For": forwarded}
            return graphql(http, "{ __typename }", headers=headers).status_code

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


def test_a_limited_answer_is_what_clients_of_the_contract_expect(limited: str) -> None:
    api = RestApi(limited)
    for _ in range(LIMIT):
        api.send("GET", "/me")
    assert api.ask("GET", "/me").code == "RATE_LIMITED"

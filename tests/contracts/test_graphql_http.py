"""GraphQL over HTTP as the draft has it, and persisted queries as Apollo's clients speak them."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django_redis import get_redis_connection

from accounts.models import User
from bookings.models import Booking
from reserve.core.graphql import persisted
from reserve.core.graphql.media_types import GRAPHQL_RESPONSE, JSON, response_type
from reserve.core.ids import new_id
from tests.contracts.sockets import ask_by_socket
from tests.factories import bearer, make_customer, make_slot, make_venue
from tests.processes import web_process

pytestmark = pytest.mark.django_db(transaction=True)

VENUES = "query Venues($first: Int) { venues(first: $first) { totalCount } }"


@pytest.fixture
def http(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server) as client:
        yield client


def _get(http: httpx.Client, **parameters: Any) -> httpx.Response:
    params = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in parameters.items()
    }
    return http.get("/graphql", params=params)


def _error(response: httpx.Response) -> tuple[int, str]:
    body = response.json()
    assert "data" not in body
    assert body["errors"][0]["extensions"]["requestId"] == response.headers["x-request-id"]
    return response.status_code, body["errors"][0]["extensions"]["code"]


def _persisted(document: str) -> dict[str, Any]:
    sha256 = hashlib.sha256(document.encode()).hexdigest()
    return {"persistedQuery": {"version": 1, "sha256Hash": sha256}}


def test_queries_run_by_get(http: httpx.Client) -> None:
    make_venue()
    found = {"data": {"venues": {"totalCount": 1}}}
    answer = _get(http, query=VENUES, variables={"first": 1}, operationName="Venues")
    assert (answer.status_code, answer.json()) == (200, found)
    assert _get(http, query="{ venues { totalCount } }", variables="", operationName="").json() == (
        found
    )
    headers = {"Authorization": bearer(make_customer())}
    me = http.get("/graphql", params={"query": "{ me { name } }"}, headers=headers)
    assert me.json()["data"]["me"]["name"]


def test_nothing_but_queries_runs_by_get(http: httpx.Client) -> None:
    slot = make_slot()
    wanted = f'{{slotId: "{slot.public_id}", venueId: "{slot.venue.public_id}", guestCount: 1}}'
    mutation = f"mutation {{ createBooking(input: {wanted}) {{ id }} }}"
    headers = {"Authorization": bearer(make_customer())}
    refused = http.get("/graphql", params={"query": mutation}, headers=headers)
    assert _error(refused) == (405, "BAD_USER_INPUT")
    assert refused.headers["allow"] == "POST"
    assert not Booking.objects.exists()
    watch = f'subscription {{ slotAvailabilityChanged(venueId: "{slot.venue.public_id}")'
    assert _error(_get(http, query=watch + " { slotId } }"))[0] == 405
    for method in ("PUT", "PATCH", "DELETE"):
        refused = http.request(method, "/graphql", json={"query": "{ __typename }"})
        assert _error(refused) == (405, "BAD_USER_INPUT")
        assert refused.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    told = http.options("/graphql")
    assert (told.status_code, told.content) == (200, b"")
    assert told.headers["allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize(
    "query_string",
    [
        "",
        "query=",
        "query=%7B",
        "query=%7B__typename%7D&query=%7B__typename%7D",
        "query=%7B__typename%7D&variables=%7B",
        "query=%7B__typename%7D&variables=%5B%5D",
        "query=%7B__typename%7D&extensions=1",
        "query=%7B__typename%7D&operationName=Other",
        "query=%00",
        "query=%ff",
        "&".join(f"a{n}=1" for n in range(500)),
    ],
)
def test_a_query_string_that_makes_no_sense_is_refused(
    http: httpx.Client, query_string: str
) -> None:
    assert _error(http.get(f"/graphql?{query_string}")) == (400, "BAD_USER_INPUT")


def test_the_playground_is_still_a_page(http: httpx.Client) -> None:
    page = http.get("/graphql", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.headers["content-type"].startswith("text/html")


def test_answers_come_in_the_media_type_that_is_asked_for(http: httpx.Client) -> None:
    both = f"{GRAPHQL_RESPONSE},{JSON};q=0.9"
    for accept, media_type in (("*/*", JSON), (JSON, JSON), (both, GRAPHQL_RESPONSE)):
        for document, status in (
            ("{ __typename }", 200),
            ("{ me { id } }", 200),
            ("{ nope }", 400),
        ):
            answer = http.post("/graphql", json={"query": document}, headers={"Accept": accept})
            assert answer.status_code == status, (accept, document)
            assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"
            assert "Accept" in answer.headers["vary"]
    refused = http.post(
        "/graphql", json={"query": "{ __typename }"}, headers={"Accept": "image/png"}
    )
    assert _error(refused) == (406, "BAD_USER_INPUT")


def test_accept_headers_are_weighed() -> None:
    expected = {
        "": JSON,
        "*/*": JSON,
        "application/*": JSON,
        "text/plain, */*;q=0.1": JSON,
        GRAPHQL_RESPONSE: GRAPHQL_RESPONSE,
        f"{GRAPHQL_RESPONSE}, {JSON}": JSON,
        f"{GRAPHQL_RESPONSE}, {JSON};q=0.9": GRAPHQL_RESPONSE,
        f"{GRAPHQL_RESPONSE};q=0.5, {JSON};q=0.9": JSON,
        f"{JSON};q=0, */*": GRAPHQL_RESPONSE,
        f"{GRAPHQL_RESPONSE};charset=utf-8": GRAPHQL_RESPONSE,
        "text/event-stream": None,
        f"{JSON};q=0": None,
        f"{JSON};q=nonsense": None,
    }
    assert {accept: response_type(accept) for accept in expected} == expected


WRONG_VARIABLES: list[tuple[str, Any, str]] = [
    ("query($d: Date!) { availableSlots(venueId: 1, date: $d) { id } }", {"d": "never"}, "d"),
    ("query($d: Date!) { availableSlots(venueId: 1, date: $d) { id } }", {}, "d"),
    ("query($d: Date!) { availableSlots(venueId: 1, date: $d) { id } }", {"d": None}, "d"),
    ("query($n: Int) { venues(first: $n) { totalCount } }", {"n": "4"}, "n"),
    ("query($n: Int) { venues(first: $n) { totalCount } }", {"n": True}, "n"),
    ("query($n: Int) { venues(first: $n) { totalCount } }", {"n": 2**40}, "n"),
    (
        "mutation($i: LoginInput!) { login(input: $i) { accessToken } }",
        {"i": {"email": 1, "password": "x"}},
        "email",
    ),
    (
        "mutation($i: LoginInput!) { login(input: $i) { accessToken } }",
        {"i": {"email": "a@example.com", "password": "x", "extra": 1}},
        "extra",
    ),
    (
        "subscription($v: ID!) { slotAvailabilityChanged(venueId: $v) { slotId } }",
        {"v": [1]},
        "v",
    ),
]


def test_variables_that_are_wrong_refuse_the_request(http: httpx.Client, server: str) -> None:
    for document, variables, field in WRONG_VARIABLES:
        refused = [ask_by_socket(server, document, variables)]
        assert refused[0]["type"] == "error"
        errors = [refused[0]["payload"]]
        if not document.startswith("subscription"):
            answer = http.post("/graphql", json={"query": document, "variables": variables})
            assert _error(answer) == (400, "BAD_USER_INPUT"), document
            errors.append(answer.json()["errors"])
        for found in errors:
            assert found[0]["extensions"]["code"] == "BAD_USER_INPUT"
            assert list(found[0]["extensions"]["errors"]) == [field], document
    assert not User.objects.exists()


def test_an_operation_that_ran_answers_200_whatever_its_fields_met(http: httpx.Client) -> None:
    for accept in (JSON, GRAPHQL_RESPONSE):
        answer = http.post(
            "/graphql",
            json={"query": '{ me { id } venue(id: "venue_x") { id } }'},
            headers={"Accept": accept},
        )
        assert (answer.status_code, answer.json()["data"]) == (200, None)


# --- Persisted queries -----------------------------------------------------------------


def _document() -> str:
    """One that nobody has sent before."""
    return f"query Q{new_id().hex} {{ venues {{ totalCount }} }}"


def test_a_document_is_sent_once_and_asked_for_by_its_hash(http: httpx.Client) -> None:
    document = _document()
    known = {"extensions": _persisted(document)}
    for send in (lambda: http.post("/graphql", json=known), lambda: _get(http, **known)):
        missing = send()
        assert _error(missing) == (200, "PERSISTED_QUERY_NOT_FOUND")
        assert missing.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    draft = http.post("/graphql", json=known, headers={"Accept": GRAPHQL_RESPONSE})
    assert _error(draft) == (400, "PERSISTED_QUERY_NOT_FOUND")
    assert http.post("/graphql", json={"query": document, **known}).json()["data"]
    assert http.post("/graphql", json=known).json() == {"data": {"venues": {"totalCount": 0}}}
    assert _get(http, **known).json() == {"data": {"venues": {"totalCount": 0}}}


def test_a_hash_serves_sockets_and_other_processes(server: str) -> None:
    document = _document()
    extensions = _persisted(document)
    missing = ask_by_socket(server, None, extensions=extensions)
    assert missing["type"] == "error"
    assert missing["payload"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    assert ask_by_socket(server, document, extensions=extensions)["type"] == "next"
    assert ask_by_socket(server, None, extensions=extensions)["type"] == "next"
    with web_process() as other:
        answer = httpx.post(f"{other}/graphql", json={"extensions": extensions})
    assert answer.json()["data"]


def test_a_hash_of_something_else_is_refused_and_not_kept(http: httpx.Client) -> None:
    document = _document()
    extensions = _persisted(document)
    other = {"query": "{ __typename }", "extensions": extensions}
    assert _error(http.post("/graphql", json=other)) == (400, "BAD_USER_INPUT")
    for wrong in (
        1,
        [],
        {"persistedQuery": 1},
        {"persistedQuery": {"version": 2, "sha256Hash": "0" * 64}},
        {"persistedQuery": {"version": 1, "sha256Hash": "x"}},
        {"persistedQuery": {"version": 1}},
    ):
        body = {"query": "{ __typename }", "extensions": wrong}
        assert _error(http.post("/graphql", json=body)) == (400, "BAD_USER_INPUT"), wrong
    # Nor is one that cannot run.
    invalid = "{ nope" + new_id().hex + " }"
    known = {"extensions": _persisted(invalid)}
    assert _error(http.post("/graphql", json={"query": invalid, **known}))[0] == 400
    for missing in (known, {"extensions": extensions}):
        assert _error(http.post("/graphql", json=missing))[1] == "PERSISTED_QUERY_NOT_FOUND"


def test_what_redis_keeps_has_a_bound_and_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persisted, "_KEPT_IN_REDIS", 3)
    redis = get_redis_connection("limits")
    redis.delete(persisted._INDEX)
    documents = [_document() for _ in range(5)]
    hashes = [hashlib.sha256(document.encode()).hexdigest() for document in documents]
    for sha256, document in zip(hashes, documents, strict=True):
        persisted._write(redis, sha256, document)
        # The first is asked for all the time.
        assert persisted._read(redis, hashes[0]) == documents[0]
    found = [persisted._read(redis, sha256) for sha256 in hashes]
    assert found == [documents[0], None, None, *documents[3:]]
    assert redis.zcard(persisted._INDEX) == 3
    assert 0 < redis.ttl(persisted._PREFIX + hashes[0]) <= persisted._KEPT_SECONDS
    # What somebody else put there is not executed.
    redis.set(persisted._PREFIX + hashes[0], "{ __typename }")
    assert persisted._read(redis, hashes[0]) is None

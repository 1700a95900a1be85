"""HTTP as REST speaks it: methods, media types, addresses, other origins, kept readings."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from accounts.actors import account
from accounts.models import Role, User
from accounts.services.logins import open_login
from reserve.core.clock import now
from reserve.core.rest.views import changed_at
from tests.factories import (
    bearer,
    make_customer,
    make_member,
    make_resource,
    make_slot,
    make_venue,
)
from tests.openapi import checked_client, document
from tests.processes import web_process

pytestmark = pytest.mark.django_db(transaction=True)

APP = "https://app.example.com"


@pytest.fixture
def http(server: str) -> Iterator[httpx.Client]:
    with checked_client(f"{server}/api/v1") as client:
        yield client


def _refusal(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["request_id"] == answer.headers["x-request-id"]
    return answer.status_code, problem["code"]


def test_an_address_with_nothing_at_it_answers_a_problem(http: httpx.Client) -> None:
    for path in ("/nothing", "/venues/", "/me/", "/bookings/x/y/z", "//venues", "/"):
        for method in ("GET", "POST", "OPTIONS"):
            assert _refusal(http.request(method, path)) == (404, "NOT_FOUND"), path
    assert _refusal(http.get("/../nothing")) == (404, "NOT_FOUND")


def test_a_host_that_is_not_ours_answers_a_problem(django_db_setup: None) -> None:
    with web_process(ALLOWED_HOSTS="127.0.0.1") as address:
        refused = httpx.get(f"{address}/api/v1/venues", headers={"Host": "evil.example"})
        page = httpx.get(f"{address}/admin/", headers={"Host": "evil.example"})
    assert _refusal(refused) == (400, "BAD_USER_INPUT")
    assert page.headers["content-type"].startswith("text/html")


def test_json_is_answered_whatever_is_accepted(http: httpx.Client) -> None:
    for accepted in ("text/html", "application/problem+json", "application/xml;q=0.9", "x", ""):
        answer = http.get("/venues", headers={"Accept": accepted})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert _refusal(http.get("/venues?format=xml")) == (400, "BAD_USER_INPUT")


def test_options_and_a_wrong_method_tell_what_is_allowed(http: httpx.Client) -> None:
    slot = make_slot()
    venue = f"/venues/{slot.venue.public_id}"
    for path, allowed in {
        "/venues": {"GET", "POST"},
        venue: {"GET", "PATCH"},
        f"{venue}/opening-hours": {"GET", "PUT"},
        "/me": {"GET", "PATCH", "DELETE"},
        "/holds": {"POST"},
    }.items():
        told = http.options(path)
        assert (told.status_code, told.content) == (200, b"")
        refused = http.request("TRACE", path)
        assert _refusal(refused) == (405, "BAD_USER_INPUT")
        for answer in (told, refused):
            named = set(answer.headers["allow"].replace(" ", "").split(","))
            assert named - {"HEAD", "OPTIONS"} == allowed, path


def test_parameters_that_nobody_reads_are_refused_everywhere(http: httpx.Client) -> None:
    slot, customer = make_slot(), make_customer()
    venue = f"/venues/{slot.venue.public_id}"
    http.headers["Authorization"] = bearer(customer)
    seats = {"venue_id": slot.venue.public_id, "slot_id": slot.public_id, "guest_count": 2}
    booking = f"/bookings/{http.post('/bookings', json=seats).json()['id']}"
    for method, path in (
        ("GET", "/me"),
        ("GET", "/venues"),
        ("GET", venue),
        ("GET", f"{venue}/resources"),
        ("GET", booking),
        ("GET", "/me/logins"),
        ("PATCH", booking),
        ("POST", f"{booking}/cancel"),
        ("POST", "/bookings"),
    ):
        refused = http.request(method, f"{path}?nope=1")
        assert _refusal(refused) == (400, "BAD_USER_INPUT"), path
        assert list(refused.json()["errors"]) == ["nope"]
    assert http.get(booking).json()["status"] == "PENDING"


def test_a_body_must_be_an_object_where_it_may_be_left_out(http: httpx.Client) -> None:
    slot, customer = make_slot(), make_customer()
    http.headers["Authorization"] = bearer(customer)
    seats = {"venue_id": slot.venue.public_id, "slot_id": slot.public_id, "guest_count": 2}
    hold = f"/holds/{http.post('/holds', json=seats).json()['id']}".replace("holds", "bookings")
    for body in (b"[]", b"0", b'""', b"false", b"null"):
        for verb in ("confirm", "cancel"):
            refused = http.post(
                f"{hold}/{verb}", content=body, headers={"Content-Type": "application/json"}
            )
            assert _refusal(refused) == (400, "BAD_USER_INPUT"), body
    assert http.get(hold).json()["status"] == "HELD"
    form = http.post(f"{hold}/cancel", data={"reason": "x"})
    assert _refusal(form) == (415, "BAD_USER_INPUT")
    assert http.post(f"{hold}/cancel").json()["status"] == "CANCELLED"


def test_a_body_may_come_in_chunks_and_be_too_large_in_them(http: httpx.Client) -> None:
    slot = make_slot()
    headers = {"Content-Type": "application/json", "Authorization": bearer(make_customer())}

    def parts(padding: int) -> Iterator[bytes]:
        yield f'{{"venue_id": "{slot.venue.public_id}", "guest_count": 2,'.encode()
        for _ in range(padding):
            yield b" " * 1024
        yield f'"slot_id": "{slot.public_id}"}}'.encode()

    assert http.post("/bookings", content=parts(3), headers=headers).status_code == 201
    refused = http.post("/bookings", content=parts(1100), headers=headers)
    assert _refusal(refused) == (413, "PAYLOAD_TOO_LARGE")


def test_an_answer_has_only_the_members_that_are_asked_for(http: httpx.Client) -> None:
    venue = make_resource(make_venue(name="Nordlys")).venue
    whole = http.get("/venues").json()
    for path, pick in (("/venues", "results"), (f"/venues/{venue.public_id}", None)):
        answer = http.get(path, params={"fields": "name,id"})
        assert answer.headers["content-type"] == "application/vnd.reserveapi.sparse+json"
        one = answer.json()[pick][0] if pick else answer.json()
        assert list(one.items()) == [("id", venue.public_id), ("name", "Nordlys")]
        assert list(http.get(path).json()) == list(http.get(path).json())
    assert http.get("/venues?fields=id").json()["count"] == whole["count"]
    for wrong in ("nope", "id,nope", "", "id,", "results"):
        refused = http.get("/venues", params={"fields": wrong})
        assert _refusal(refused) == (400, "BAD_USER_INPUT"), wrong
        assert list(refused.json()["errors"]) == ["fields"]


def test_every_reading_is_kept_until_it_changes(http: httpx.Client) -> None:
    slot, customer = make_slot(), make_customer()
    http.headers["Authorization"] = bearer(customer)
    seats = {"venue_id": slot.venue.public_id, "slot_id": slot.public_id, "guest_count": 2}
    booking = f"/bookings/{http.post('/bookings', json=seats).json()['id']}"
    changes: dict[str, tuple[str, str, Any]] = {
        booking: ("PATCH", booking, {"guest_count": 3}),
        "/me": ("PATCH", "/me", {"name": "Ada"}),
    }
    for path, (method, changed_path, body) in changes.items():
        tag = http.get(path).headers["etag"]
        again = http.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert http.request(method, changed_path, json=body).status_code == 200
        assert http.get(path, headers={"If-None-Match": tag}).status_code == 200


def test_readings_tell_since_when_they_are_so(http: httpx.Client) -> None:
    slot, customer = make_slot(), make_customer()
    venue = slot.venue
    manager = {"Authorization": bearer(account(make_member(venue.organization, Role.MANAGER).pk))}
    mine = {"Authorization": bearer(customer)}
    place = f"/venues/{venue.public_id}"
    days = {"first_date": "2031-12-24", "last_date": "2031-12-26", "reason": "Christmas"}
    closure = http.post(f"{place}/closures", json=days, headers=manager).headers["location"]
    closure = closure.removeprefix("/api/v1")
    parts = ("", "/resources", "/opening-hours", "/special-hours", "/closures")
    of_venue = [f"{place}{part}" for part in parts]
    of_venue += [closure, f"{place}/resources/{slot.resource.public_id}"]
    paths = [*of_venue, "/me", "/me/logins"]
    # A second that is not over yet is not told.
    assert changed_at(now()) == changed_at(None) == {}
    # Two changes in one second count as one second apart.
    time.sleep(4)
    told = {path: http.get(path, headers=mine).headers["last-modified"] for path in paths}
    for path, since in told.items():
        same = http.get(path, headers=mine | {"If-Modified-Since": since})
        assert (same.status_code, same.content) == (304, b""), path
        # With both the tag decides (RFC 9110, 13.2.2).
        both = {"If-Modified-Since": since, "If-None-Match": '"another"'}
        assert http.get(path, headers=mine | both).status_code == 200, path

    assert http.delete(closure, headers=manager).status_code == 204
    assert http.patch("/me", json={"name": "Ada"}, headers=mine).status_code == 200
    open_login(User.objects.get(pk=customer.user_id))
    for path, since in told.items():
        changed = http.get(path, headers=mine | {"If-Modified-Since": since})
        assert changed.status_code == (404 if path == closure else 200), path
    # These move with the clock, or with what others do; staff are told more than a venue is.
    for path in ("/venues", "/bookings", f"{place}/slots/{slot.public_id}", "/devices"):
        assert "last-modified" not in http.get(path, headers=mine).headers, path
    assert "last-modified" not in http.get(place, headers=manager).headers


def test_the_schema_is_told_as_yaml_and_as_json(server: str) -> None:
    plain = httpx.get(f"{server}/api/schema")
    asked = httpx.get(f"{server}/api/schema", headers={"Accept": "application/json"})
    assert plain.headers["content-type"] == "application/vnd.oai.openapi"
    assert asked.headers["content-type"] == "application/json"
    assert yaml.safe_load(plain.content) == asked.json() == document()
    for answer in (plain, asked):
        assert "Accept" in answer.headers["vary"]
        known = {"If-None-Match": answer.headers["etag"]}
        again = httpx.get(f"{server}/api/schema", headers=known | {"Accept": "*/*"})
        assert again.status_code == (304 if answer is plain else 200)


# --- Other origins -----------------------------------------------------------------


@pytest.fixture(scope="module")
def open_to_the_app(django_db_setup: None) -> Iterator[str]:
    with web_process(CORS_ALLOWED_ORIGINS=APP) as address:
        yield address


def _preflight(origin: str, method: str, *headers: str) -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": ",".join(headers),
    }


def test_pages_of_a_named_origin_may_use_both_apis(open_to_the_app: str) -> None:
    sent = ("authorization", "content-type", "idempotency-key", "manage-token", "x-request-id")
    slot = make_slot()
    for path, method in (
        ("/api/v1/bookings", "POST"),
        ("/api/v1/me", "DELETE"),
        ("/graphql", "POST"),
    ):
        told = httpx.options(f"{open_to_the_app}{path}", headers=_preflight(APP, method, *sent))
        assert told.status_code == 200
        assert told.headers["access-control-allow-origin"] == APP
        assert method in told.headers["access-control-allow-methods"]
        allowed = told.headers["access-control-allow-headers"].lower().replace(" ", "").split(",")
        assert set(sent) <= set(allowed)
        assert "access-control-allow-credentials" not in told.headers
        assert int(told.headers["access-control-max-age"]) > 0
    for answer in (
        httpx.get(
            f"{open_to_the_app}/api/v1/venues/{slot.venue.public_id}", headers={"Origin": APP}
        ),
        httpx.get(f"{open_to_the_app}/api/v1/me", headers={"Origin": APP}),
        httpx.post(
            f"{open_to_the_app}/graphql", json={"query": "{__typename}"}, headers={"Origin": APP}
        ),
    ):
        assert answer.headers["access-control-allow-origin"] == APP
        assert "Origin" in answer.headers["vary"]
        exposed = answer.headers["access-control-expose-headers"].lower()
        for name in ("etag", "location", "retry-after", "ratelimit-remaining", "x-request-id"):
            assert name in exposed


def test_pages_of_any_other_origin_may_not(open_to_the_app: str, server: str) -> None:
    other = "https://evil.example"
    for address, origin in ((open_to_the_app, other), (server, APP)):
        for path in ("/api/v1/venues", "/graphql"):
            for answer in (
                httpx.options(f"{address}{path}", headers=_preflight(origin, "POST")),
                httpx.get(f"{address}{path}", headers={"Origin": origin}),
            ):
                assert "access-control-allow-origin" not in answer.headers
    page = httpx.get(f"{open_to_the_app}/admin/login/", headers={"Origin": APP})
    assert "access-control-allow-origin" not in page.headers

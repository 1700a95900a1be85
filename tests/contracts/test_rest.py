"""What every REST endpoint promises: strict JSON, problem details, request ids."""

from collections.abc import Iterator

import httpx
import pytest

from bookings.errors import SlotBusy
from reserve.core.rest.problems import problem
from tests.factories import PASSWORD, bearer, make_customer, make_login_user, make_slot
from tests.openapi import checked_client

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def http(server: str) -> Iterator[httpx.Client]:
    with checked_client(f"{server}/api/v1") as client:
        yield client


def test_a_login_gives_tokens_that_are_exchanged_and_ended(http: httpx.Client) -> None:
    user = make_login_user()
    tokens = http.post("/auth/login", json={"email": user.email, "password": PASSWORD}).json()
    assert tokens["user"]["id"] == user.public_id

    access = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert http.get("/me", headers=access).json()["email"] == user.email

    body = {"refresh_token": tokens["refresh_token"]}
    following = http.post("/auth/refresh", json=body).json()
    # As after an answer that was lost.
    assert http.post("/auth/refresh", json=body).json() == following
    last = {"refresh_token": following["refresh_token"]}
    assert http.post("/auth/refresh", json=last).status_code == 200
    assert http.post("/auth/refresh", json=body).json()["code"] == "TOKEN_REUSED"
    body = last
    assert http.post("/auth/refresh", json=body).json()["code"] == "UNAUTHENTICATED"
    assert http.post("/auth/logout", json=body).status_code == 204


def test_a_created_booking_says_where_it_is(http: httpx.Client) -> None:
    slot, customer = make_slot(), make_customer()
    http.headers["Authorization"] = bearer(customer)
    seats = {"venue_id": slot.venue.public_id, "slot_id": slot.public_id, "guest_count": 2}
    created = http.post("/bookings", json=seats)
    assert created.status_code == 201
    found = http.get(created.headers["location"].removeprefix("/api/v1"))
    assert found.json() == created.json()
    assert created.json()["slots"][0]["remaining_capacity"] == slot.capacity - 2
    assert created.json()["start_time"] == slot.venue.local(slot.starts_at).isoformat()


def test_a_venue_tells_what_can_be_booked_there(http: httpx.Client) -> None:
    slot = make_slot()
    venue = http.get(f"/venues/{slot.venue.public_id}").json()
    assert venue["address"] == slot.venue.address
    assert [resource["id"] for resource in venue["resources"]] == [slot.resource.public_id]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"guest_count": "2"}, "guest_count"),
        ({"guest_count": True}, "guest_count"),
        ({"guest_count": 2.0}, "guest_count"),
        ({"guest_count": None}, "guest_count"),
        ({"guest_count": 2**63}, "guest_count"),
        ({"slot_count": 0}, "slot_count"),
        ({"notes": 7}, "notes"),
        ({"slot_id": 7}, "slot_id"),
        ({"slot_id": "venue_01HQ3K5W6X7Y8Z9A0B1C2D3E4F"}, "slot_id"),
        ({"status": "CONFIRMED"}, "status"),
        ({"guest": {"name": "A", "role": "OWNER"}}, "guest.role"),
        ({"guest": []}, "guest"),
    ],
)
def test_json_is_taken_as_it_is_and_the_field_is_named(
    http: httpx.Client, change: dict[str, object], field: str
) -> None:
    slot = make_slot()
    seats = {"venue_id": slot.venue.public_id, "slot_id": slot.public_id, "guest_count": 2}
    http.headers["Authorization"] = bearer(make_customer())
    refused = http.post("/bookings", json=seats | change)
    assert refused.status_code == 400
    assert refused.headers["content-type"] == "application/problem+json"
    problem = refused.json()
    assert problem["code"] == "BAD_USER_INPUT"
    assert problem["request_id"] == refused.headers["x-request-id"]
    assert list(problem["errors"]) == [field]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b'"text"', b"null", b"[" * 100_000, b'{"notes": "\\u0000"}']
)
def test_a_body_that_is_no_object_is_refused(http: httpx.Client, body: bytes) -> None:
    headers = {"content-type": "application/json", "Authorization": bearer(make_customer())}
    refused = http.post("/bookings", content=body, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (400, "BAD_USER_INPUT")


def test_what_the_framework_refuses_is_a_problem_too(http: httpx.Client) -> None:
    refused = http.put("/bookings", json={})
    assert refused.status_code == 405
    assert refused.json()["status"] == 405
    media = http.post("/bookings", content=b"a=1", headers={"content-type": "text/plain"})
    assert media.status_code == 415


def test_a_body_that_is_too_large_is_refused(http: httpx.Client) -> None:
    headers = {"content-type": "application/json", "Authorization": bearer(make_customer())}
    refused = http.post("/bookings", content=b" " * (1 << 20) + b"{}", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("query", ["", "date=nonsense", "date=2026-02-30", "date=2026-01-01&x=1"])
def test_a_query_string_is_checked(http: httpx.Client, query: str) -> None:
    slot = make_slot()
    refused = http.get(f"/venues/{slot.venue.public_id}/slots?{query}")
    assert (refused.status_code, refused.json()["code"]) == (400, "BAD_USER_INPUT")


def test_a_refusal_that_may_pass_says_when_to_try_again() -> None:
    assert problem(SlotBusy())["Retry-After"] == "1"

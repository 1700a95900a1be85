"""A venue from its first day to shorter hours, on everything that `make dev` starts."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.processes import wait_until


@pytest.fixture
def http(live_server_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=live_server_url, timeout=20) as client:
        yield client


def _ask(http: httpx.Client, document: str, **variables: Any) -> Any:
    body = {"query": document, "variables": variables}
    answer = http.post("/graphql", json=body).json()
    assert "errors" not in answer, answer
    return next(iter(answer["data"].values()))


def test_a_venue_opens_is_booked_and_opens_shorter(http: httpx.Client) -> None:
    login = {"email": "owner@kestrel.example", "password": "ownerpass-123"}
    token = http.post("/api/v1/auth/login", json=login).json()["access_token"]
    staff = {"Authorization": f"Bearer {token}"}
    slug = f"the-annexe-{time.time_ns()}"
    details = {"name": "The Annexe", "slug": slug, "timezone": "UTC"}
    created = http.post("/api/v1/venues", json=details, headers=staff)
    assert created.status_code == 201, created.text
    venue, address = created.json()["id"], created.headers["location"]

    def week(closes_at: str) -> dict[str, Any]:
        hours = {"opens_at": "09:00", "closes_at": closes_at, "slot_minutes": 60}
        return {"openings": [{"weekday": day} | hours for day in range(7)]}

    hours = f"{address}/opening-hours"
    assert http.put(hours, json=week("17:00"), headers=staff).status_code == 200
    day = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()

    def available() -> list[Any]:
        document = (
            "query($v: ID!, $d: Date!) { availableSlots(venueId: $v, date: $d) { id startTime } }"
        )
        found: list[Any] = _ask(http, document, v=venue, d=day)
        return found

    slots = wait_until(available, seconds=30, interval=0.5)
    assert len(slots) == 8
    booking = _ask(
        http,
        "mutation($i: CreateBookingInput!) { createBooking(input: $i) { id manageToken } }",
        i={
            "venueId": venue,
            "slotId": slots[-1]["id"],
            "guestCount": 2,
            "guest": {"name": "Ada", "email": "ada@example.org"},
        },
    )

    told = http.put(f"{hours}?dry_run=true", json=week("16:00"), headers=staff).json()
    assert told["booking_count"] == 1
    (conflict,) = told["conflicts"]["first"]
    assert conflict["slot"]["slot_id"] == slots[-1]["id"]
    assert [each["id"] for each in conflict["bookings"]] == [booking["id"]]
    assert len(available()) == 8

    assert http.put(hours, json=week("16:00"), headers=staff).status_code == 200
    wait_until(lambda: len(available()) == 7, seconds=30, interval=0.5)
    kept = http.get(f"{address}/slots/{slots[-1]['id']}").json()
    assert (kept["status"], kept["remaining_capacity"]) == ("CLOSED", kept["capacity"] - 2)
    document = "query($b: ID!, $t: String) { booking(id: $b, manageToken: $t) { status } }"
    found = _ask(http, document, b=booking["id"], t=booking["manageToken"])
    assert found["status"] in {"PENDING", "CONFIRMED"}

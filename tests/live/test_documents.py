"""The five documents of the contract, word for word, against everything that `make dev` starts."""

import json
import re
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.processes import wait_until

_README = Path(__file__).parent.parent.parent / "README.md"


def _documents() -> dict[str, str]:
    """By the name of the operation, as the README shows them."""
    lines = _README.read_text().splitlines()
    found = (re.match(r"(?:query|mutation|subscription) (\w+) \{", line) for line in lines)
    return {match[1]: match.string for match in found if match}


@pytest.fixture(scope="module")
def http(live_server_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=live_server_url, timeout=20) as client:
        yield client


def _run(http: httpx.Client, document: str) -> Any:
    answer = http.post("/graphql", json={"query": document}).json()
    assert "errors" not in answer, answer
    return next(iter(answer["data"].values()))


@pytest.fixture(scope="module")
def restaurant(http: httpx.Client) -> str:
    """A venue that confirms by itself."""
    venues = _run(
        http, "{ venues { edges { node { id confirmationMode resources { bookingMode } } } } }"
    )
    return next(
        edge["node"]["id"]
        for edge in venues["edges"]
        if edge["node"]["confirmationMode"] == "AUTOMATIC"
        and edge["node"]["resources"][0]["bookingMode"] == "SHARED"
    )


def test_the_five_documents_work_as_they_stand(http: httpx.Client, restaurant: str) -> None:
    documents = _documents()
    assert len(documents) == 5

    login = _run(http, documents["Login"])
    http.headers["Authorization"] = f"Bearer {login['accessToken']}"
    assert login["user"]["email"] == "user@example.com"

    def with_ids(name: str, **ids: str) -> str:
        document = documents[name].replace("2025-04-15", ids.get("day", ""))
        for kind in ("venue", "slot", "booking"):
            document = document.replace(f"{kind}_01HQ3...", ids.get(kind, ""))
        return document

    slots: list[Any] = []
    for ahead in range(2, 12):
        day = (date.today() + timedelta(days=ahead)).isoformat()
        slots = [
            slot
            for slot in _run(http, with_ids("GetAvailableSlots", venue=restaurant, day=day))
            if slot["remainingCapacity"] >= 4
        ]
        if slots:
            break
    slot = slots[0]

    address = str(http.base_url).replace("http", "ws", 1).rstrip("/") + "/graphql"
    with connect(address, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        socket.send('{"type": "connection_init"}')
        assert json.loads(socket.recv(5)) == {"type": "connection_ack"}
        payload = {"query": with_ids("OnSlotUpdated", venue=restaurant)}
        socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        time.sleep(1)

        booking = _run(http, with_ids("CreateBooking", venue=restaurant, slot=slot["id"]))
        assert booking["status"] == "PENDING"
        assert re.fullmatch(r"[2-9A-HJKMNP-Z]{8}", booking["confirmationCode"])
        seen = json.loads(socket.recv(1))["payload"]["data"]["slotAvailabilityChanged"]
        assert seen["slotId"] == slot["id"]
        assert seen["remainingCapacity"] == slot["remainingCapacity"] - 4

        def status() -> str:
            return _run(http, f'{{ booking(id: "{booking["id"]}") {{ status }} }}')["status"]

        wait_until(lambda: status() == "CONFIRMED", seconds=5)

        cancelled = _run(http, with_ids("CancelBooking", booking=booking["id"]))
        assert cancelled["status"] == "CANCELLED"
        assert cancelled["cancelledAt"]
        seen = json.loads(socket.recv(1))["payload"]["data"]["slotAvailabilityChanged"]
        assert seen["remainingCapacity"] == slot["remainingCapacity"]


def test_a_page_a_schema_and_figures_are_served(http: httpx.Client) -> None:
    for path, content in {
        "/graphql": "<html",
        "/admin/login/": "<html",
        "/api/schema": "openapi: 3",
        "/metrics": "reserve_events_undelivered",
        "/health/live": "ok",
        "/health/ready": "oldest_undelivered_seconds",
    }.items():
        response = http.get(path, headers={"Accept": "text/html,*/*"})
        assert response.status_code == 200, path
        assert content in response.text, path
        assert response.headers["x-request-id"]

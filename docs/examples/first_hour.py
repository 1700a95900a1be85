"""The first hour with REST and a subscription: `pip install httpx websockets`."""

import json
import os
import random
import time
import uuid
from datetime import date, timedelta
from typing import Any

import httpx
from websockets.sync.client import connect

ADDRESS = os.environ.get("ADDRESS", "http://localhost:4000")
http = httpx.Client(base_url=f"{ADDRESS}/api/v1", timeout=10)


class Refused(Exception):
    def __init__(self, problem: dict[str, Any]) -> None:
        self.code, self.problem = problem["code"], problem
        super().__init__(f"{self.code}: {problem['detail']}")


def ask(method: str, path: str, body: Any = None, **options: Any) -> Any:
    answer = http.request(method, path, json=body, **options)
    if answer.is_error:
        raise Refused(answer.json() | {"retry_after": answer.headers.get("Retry-After")})
    return answer.json()


person = {"email": f"python-{uuid.uuid4()}@example.com", "password": "a long way to Tipperary"}
ask("POST", "/auth/register", person | {"name": "Ada Example"})
tokens = ask("POST", "/auth/login", person)
http.headers["Authorization"] = f"Bearer {tokens['access_token']}"

venue = ask("GET", "/venues", params={"search": "museum"})["results"][0]
first, last = (date.today() + timedelta(days=days) for days in (2, 12))
days = ask("GET", f"/venues/{venue['id']}/calendar", params={"from": first, "to": last})
day = next(day["date"] for day in days if day["available_slot_count"])
slots = ask("GET", f"/venues/{venue['id']}/slots", params={"date": day, "guest_count": 2})
slot = slots[0]
print(f"Free: {slot['id']}, {slot['remaining_capacity']} seats at {slot['start_time']}")

TRY_AGAIN = {"SLOT_BUSY", "IDEMPOTENCY_IN_PROGRESS", "RATE_LIMITED", "SERVICE_UNAVAILABLE"}


def once(path: str, body: Any) -> Any:
    """Do it once, however often it has to be asked for."""
    key = {"Idempotency-Key": str(uuid.uuid4())}
    attempt = 0
    while True:
        attempt += 1
        wait = 2**attempt * 0.1 * random.uniform(0.5, 1.5)
        try:
            return ask("POST", path, body, headers=key)
        except httpx.TransportError:
            # No answer is no refusal: the call may have been carried out.
            if attempt == 5:
                raise
        except Refused as refused:
            if refused.code not in TRY_AGAIN or attempt == 5:
                raise
            wait = max(wait, float(refused.problem["retry_after"] or 0))
        time.sleep(wait)


WATCH = """subscription Watch($venueId: ID!) {
  slotAvailabilityChanged(venueId: $venueId) { slotId status remainingCapacity version }
}"""
address = ADDRESS.replace("http", "ws", 1) + "/graphql"
with connect(address, subprotocols=["graphql-transport-ws"]) as socket:
    socket.send(json.dumps({"type": "connection_init"}))
    assert json.loads(socket.recv(timeout=10))["type"] == "connection_ack"
    operation = {"query": WATCH, "variables": {"venueId": venue["id"]}}
    socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": operation}))
    time.sleep(0.5)

    hold = once("/holds", {"venue_id": venue["id"], "slot_id": slot["id"], "guest_count": 2})
    print(f"Held until {hold['hold_expires_at']}")
    booking = ask("POST", f"/bookings/{hold['id']}/confirm")
    print(f"{booking['status']}, code {booking['confirmation_code']}")
    print("Changed:", json.loads(socket.recv(timeout=10))["payload"]["data"])

try:
    once("/holds", {"venue_id": venue["id"], "slot_id": slot["id"], "guest_count": 31})
except Refused as refused:
    print(f"Refused: {refused.code}, request {refused.problem['request_id']}")

cancelled = ask("POST", f"/bookings/{booking['id']}/cancel", {"reason": "Only trying."})
print(cancelled["status"])

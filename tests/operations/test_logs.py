"""What web and worker write: one line for each request and task, and nothing personal in any."""

import json
import secrets
from pathlib import Path
from typing import Any

import httpx
import pytest

from accounts.models import Role
from bookings.models import Booking
from notifications.models import Delivery
from reserve.celery import app
from reserve.core import logging as ours
from tests.factories import (
    PASSWORD,
    make_consecutive_slots,
    make_login_user,
    make_resource,
)
from tests.processes import process, wait_until, web_process
from tests.sockets import open_socket

pytestmark = pytest.mark.django_db(transaction=True)

MARK = "Xq7Zz"
NAME, LOCAL, PHONE = f"{MARK}name Ødegård", f"{MARK.lower()}mail", "+4520987654"
NOTES, REASON, SECRET = f"{MARK}notes peanuts", f"{MARK}reason", f"{MARK}-correct-horse-battery"
KEY, SEARCH = f"{MARK}key", f"{MARK}search"
GUEST = {"name": NAME, "email": f"{LOCAL}@example.org", "phone": PHONE}


class Caller:
    """Speaks to both APIs, each call under an id of its own, and keeps every secret it is told."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=address, timeout=20)
        self.secrets: set[str] = {MARK.lower(), MARK, PHONE, PHONE[1:], SECRET}
        self.request_ids: list[str] = []

    def rest(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return self._keep(
            self._http.request(method, f"/api/v1/{path}", json=body, headers=self._named(headers))
        )

    def graphql(self, document: str, variables: Any = None, **headers: str) -> Any:
        body = {"query": document, "variables": variables}
        return self._keep(self._http.post("/graphql", json=body, headers=self._named(headers)))

    def page(self, path: str) -> None:
        self._http.get(path, headers=self._named({}))

    def _named(self, headers: dict[str, str]) -> dict[str, str]:
        self.request_ids.append(f"call-{secrets.token_hex(4)}")
        return headers | {"X-Request-ID": self.request_ids[-1]}

    def _keep(self, response: httpx.Response) -> Any:
        assert response.status_code < 500, response.text
        body = response.json() if response.content else {}
        self._collect(body)
        return body

    def _collect(self, value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                if isinstance(inner, str) and ("oken" in name or "ode" in name) and name != "code":
                    self.secrets.add(inner)
                self._collect(inner)
        elif isinstance(value, list):
            for inner in value:
                self._collect(inner)


def _lines(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for line in file.read_text().splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            pytest.fail(f"{file.name} has a line that is no JSON: {line}")
    return found


def _drive(caller: Caller) -> None:
    """Everything that takes or tells what is personal, well and badly."""
    slots = make_consecutive_slots(make_resource(capacity=40), 4)
    venue, slot, other = slots[0].venue.public_id, slots[0].public_id, slots[1].public_id
    staff = make_login_user(email=f"{LOCAL}staff@example.org", name=NAME, is_staff=True)
    make_member_of(slots[0].venue.organization, staff)
    seats = {"venue_id": venue, "slot_id": slot, "guest_count": 2, "notes": NOTES}
    camel = {"venueId": venue, "slotId": slot, "guestCount": 2, "notes": NOTES}
    person = {"email": f"{LOCAL}2@example.org", "password": SECRET, "name": NAME}

    caller.rest("POST", "auth/register", person)
    caller.graphql(
        "mutation R($i: RegisterInput!) { register(input: $i)"
        " { accessToken refreshToken user { name email } } }",
        {"i": person | {"email": f"{LOCAL}3@example.org"}},
    )
    caller.rest("POST", "auth/login", {"email": person["email"], "password": f"{SECRET}wrong"})
    tokens = caller.rest("POST", "auth/login", {"email": person["email"], "password": SECRET})
    caller.rest("POST", "auth/refresh", {"refresh_token": tokens["refresh_token"]})
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    caller.rest("GET", "me", **bearer)
    caller.rest("PATCH", "me", {"phone": PHONE}, **bearer)
    caller.rest("GET", "me", Authorization=f"Bearer {tokens['access_token']}x")
    caller.rest("POST", "auth/request-password-reset", {"email": person["email"]})
    caller.rest("POST", "bookings", seats, **bearer, **{"Idempotency-Key": KEY})
    caller.rest("POST", "bookings", seats | {"guest_count": f"{MARK}"}, **bearer)
    guest = caller.rest("POST", "bookings", seats | {"guest": GUEST})
    by_token = {"Booking-Token": guest["manage_token"], "Manage-Token": guest["manage_token"]}
    caller.rest("PATCH", f"bookings/{guest['id']}", {"notes": f"{NOTES} 2"}, **by_token)
    caller.rest("POST", f"bookings/{guest['id']}/cancel", {"reason": REASON}, **by_token)
    take = "mutation C($i: %s!) { %s(input: $i) { id manageToken confirmationCode } }"
    held = caller.graphql(
        take % ("CreateHoldInput", "createHold"), {"i": camel | {"guest": GUEST, "slotId": other}}
    )["data"]["createHold"]
    caller.graphql(
        "mutation F($id: ID!, $t: String) { confirmBooking(id: $id, manageToken: $t) { id } }",
        {"id": held["id"], "t": held["manageToken"]},
    )
    caller.graphql(
        "mutation X($id: ID!, $t: String, $r: String)"
        " { cancelBooking(id: $id, reason: $r, manageToken: $t) { id } }",
        {"id": held["id"], "t": held["manageToken"] + "x", "r": REASON},
    )
    caller.graphql(f'{{ venues(search: "{SEARCH}") {{ totalCount }} }}')
    caller.graphql(f'{{ venue(id: "{MARK}") {{ id }} nope }}')
    caller.graphql(
        f'{{ bookingByCode(confirmationCode: "{guest["confirmation_code"]}",'
        f' email: "{GUEST["email"]}") {{ id }} }}'
    )
    caller.page(f"/booking/manage?booking={guest['id']}&token={guest['manage_token']}")
    caller.page(f"/account/reset-password?token={MARK}token")
    told = caller.rest("POST", "auth/login", {"email": staff.email, "password": PASSWORD})
    caller.rest(
        "GET",
        f"venues/{venue}/bookings?search={SEARCH}",
        Authorization=f"Bearer {told['access_token']}",
    )


def make_member_of(organization: Any, user: Any) -> None:
    organization.memberships.create(user=user, role=Role.OWNER)


def test_every_request_and_task_has_a_line_and_nobody_is_named(tmp_path: Path) -> None:
    # What other tests have left in the queue is not of this one's requests.
    app.control.purge()
    web, work = tmp_path / "web.log", tmp_path / "worker.log"
    variables = {"LOG_LEVEL": "DEBUG", "LOG_FORMAT": "json", "EMAIL_URL": "smtp://127.0.0.1:1"}
    command = ("-m", "celery", "-A", "reserve", "--quiet", "worker", "--concurrency", "1", "--beat")
    with (
        web.open("wb") as web_file,
        work.open("wb") as work_file,
        process(*command, log=work_file, **variables),
        web_process(log=web_file, **variables) as address,
    ):
        caller = Caller(address)
        _drive(caller)
        with open_socket(address) as socket:
            token = max(caller.secrets, key=len)
            socket.send(type="connection_init", payload={"authorization": f"Bearer {token}x"})
            socket.close_code()
        wait_until(lambda: not Booking.objects.filter(status="PENDING").exists())
        # A mail to nowhere has been tried by now, and has failed.
        wait_until(lambda: Delivery.objects.filter(attempts__gt=0).exists())

    assert len(caller.secrets) > 12
    for file in (web, work):
        for line in file.read_text().splitlines():
            for secret in caller.secrets:
                assert secret not in line, line

    requests = [line for line in _lines(web) if line["event"] == "request"]
    http = [line["request_id"] for line in requests if line["protocol"] == "http"]
    for request_id in caller.request_ids:
        assert http.count(request_id) == 1, request_id
    assert [line["status"] for line in requests if line["protocol"] == "websocket"] == [4403]
    tasks = [line for line in _lines(work) if line["event"] == "task"]
    assert {line["state"] for line in tasks} == {"SUCCESS"}
    ids = [line["request_id"] for line in tasks]
    assert len(ids) == len(set(ids)) > 3, "two lines for one task"
    for line in _lines(web) + _lines(work):
        assert {"event", "level", "logger", "timestamp"} <= line.keys(), line


def test_a_trace_does_not_tell_the_values_of_a_row() -> None:
    event: dict[str, Any] = {
        "exception": "psycopg.errors.UniqueViolation: duplicate key\n"
        f"DETAIL:  Key (email)=({LOCAL}@example.org) already exists.\n"
        f'ValueError: "{NAME} <{LOCAL}@example.org>" {PHONE}\n'
        "Bearer eyJhbGciOiJI.eyJzdWIiOiJ1.c2lnbmF0dXJl"
    }
    text = ours._without_what_is_personal(None, "", event)["exception"]
    assert "UniqueViolation: duplicate key" in text
    for secret in (LOCAL, PHONE, "eyJ"):
        assert secret not in text

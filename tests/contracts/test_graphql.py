"""GraphQL over HTTP: what runs, what is refused before it runs, and how either is said."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from bookings.services.bookings import create_booking
from reserve.core.clock import now
from tests.clients import GraphQLApi
from tests.factories import (
    PASSWORD,
    bearer,
    make_customer,
    make_login_user,
    make_resource,
    make_slot,
    make_venue,
    seats_on,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def api(server: str) -> GraphQLApi:
    return GraphQLApi(server)


@pytest.fixture
def http(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server) as client:
        yield client


def _code(response: httpx.Response) -> str:
    return str(response.json()["errors"][0]["extensions"]["code"])


def test_login_answers_tokens_that_work(api: GraphQLApi, http: httpx.Client) -> None:
    make_login_user(email="someone@example.com", name="Some One")
    document = (
        "mutation Login($input: LoginInput!) { login(input: $input)"
        " { accessToken refreshToken user { id email name } } }"
    )
    tokens = api.ask(document, {"input": {"email": "someone@example.com", "password": PASSWORD}})
    assert tokens.code is None, tokens.body
    assert tokens.body["user"]["name"] == "Some One"
    headers = {"Authorization": f"Bearer {tokens.body['accessToken']}"}
    me = http.post("/graphql", json={"query": "{ me { email } }"}, headers=headers)
    assert me.json() == {"data": {"me": {"email": "someone@example.com"}}}


def test_times_are_in_the_offset_of_the_venue(api: GraphQLApi) -> None:
    slot = make_slot()
    local = slot.venue.local(slot.starts_at)
    answer = api.ask(
        "query($v: ID!, $d: Date!) { availableSlots(venueId: $v, date: $d) { startTime } }",
        {"v": slot.venue.public_id, "d": local.date().isoformat()},
    )
    assert answer.body == [{"startTime": local.isoformat()}]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{nope", 400),
        (b"", 400),
        (b"[]", 400),
        (b'"query"', 400),
        (b"{}", 400),
        (b'{"query": 1}', 400),
        (b'{"query": " "}', 400),
        (b'{"query": "{ me { id } }", "variables": []}', 400),
        (b'{"query": "{ me { id } }", "operationName": 7}', 400),
        (b'{"query": "{ me { id } }", "operationName": "Other"}', 400),
        (b'{"query": "{ me "}', 400),
        (b'{"query": "{ nope }"}', 400),
        (b'{"query": "query A { me { id } } query B { me { id } }"}', 400),
        (b'{"query": "' + b"{" * 5000 + b'"}', 400),
        (b"[" * 100_000, 400),
        (b'{"query": "{ me { id } }", "variables": {"x": "\xff"}}', 400),
        (b"x" * (1 << 20) + b"x", 413),
    ],
)
def test_what_cannot_run_is_refused_with_a_code_and_a_request_id(
    http: httpx.Client, body: bytes, status: int
) -> None:
    response = http.post("/graphql", content=body, headers={"content-type": "application/json"})
    assert response.status_code == status
    assert _code(response) == ("PAYLOAD_TOO_LARGE" if status == 413 else "BAD_USER_INPUT")
    request_id = response.json()["errors"][0]["extensions"]["requestId"]
    assert request_id == response.headers["x-request-id"]


@pytest.mark.parametrize(
    "media_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_only_json_is_executed(http: httpx.Client, media_type: str) -> None:
    body = orjson.dumps({"query": "{ __typename }"})
    response = http.post("/graphql", content=body, headers={"content-type": media_type})
    assert (response.status_code, _code(response)) == (415, "BAD_USER_INPUT")


def test_a_method_that_is_not_post_is_refused(http: httpx.Client) -> None:
    assert http.put("/graphql", json={}).status_code == 405


@pytest.mark.parametrize("authorization", ["Bearer nonsense", "Basic eDp5", "nonsense"])
def test_a_token_that_is_refused_refuses_the_whole_request(
    http: httpx.Client, authorization: str
) -> None:
    response = http.post(
        "/graphql",
        json={"query": "{ venues { totalCount } }"},
        headers={"Authorization": authorization},
    )
    assert (response.status_code, _code(response)) == (401, "UNAUTHENTICATED")
    assert "data" not in response.json()


@pytest.mark.parametrize(
    "document",
    [
        '{ venues(search: "a\\u0000") { totalCount } }',
        '{ venues(search: "a\\u{0}") { totalCount } }',
        "query($s: String) { venues(search: $s) { totalCount } }",
    ],
)
def test_text_that_no_column_can_hold_is_bad_input(api: GraphQLApi, document: str) -> None:
    response = api.send(document, {"s": "a\0b"})
    assert (response.status_code, _code(response)) == (400, "BAD_USER_INPUT")


def test_a_request_id_is_taken_where_it_is_acceptable(http: httpx.Client) -> None:
    def sent(request_id: str) -> str:
        headers = {"X-Request-ID": request_id}
        body = {"query": "{ __typename }"}
        return http.post("/graphql", json=body, headers=headers).headers["x-request-id"]

    assert sent("Shop_1.a-b") == "Shop_1.a-b"
    assert sent("a b") != "a b"
    assert sent("x" * 129) != "x" * 129


def test_refusals_carry_their_details_in_camel_case(api: GraphQLApi) -> None:
    slot = make_slot(capacity=4, reserved=3)
    full = api.create_booking(make_customer(), seats_on(slot, 2))
    assert full.body["extensions"]["remainingCapacity"] == 1
    nobody = api.create_booking(make_customer(), seats_on(slot, 0))
    assert list(nobody.body["extensions"]["errors"]) == ["guestCount"]


def test_one_field_that_is_refused_does_not_take_the_others_with_it(api: GraphQLApi) -> None:
    make_venue()
    body = api.send('{ venues { totalCount } booking(id: "x") { id } }').json()
    assert body["errors"][0]["path"] == ["booking"]


def test_venues_come_in_pages(api: GraphQLApi) -> None:
    venues = sorted((make_venue() for _ in range(5)), key=lambda venue: (venue.name, venue.pk))
    document = (
        "query($after: String) { venues(first: 2, after: $after)"
        " { totalCount edges { node { id } } pageInfo { hasNextPage endCursor } } }"
    )
    seen: list[str] = []
    after: Any = None
    for _ in range(3):
        page = api.ask(document, {"after": after}).body
        assert page["totalCount"] == 5
        seen += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
    assert seen == [venue.public_id for venue in venues]
    assert page["pageInfo"]["hasNextPage"] is False
    assert api.ask(document, {"after": "nonsense"}).code == "BAD_USER_INPUT"
    assert api.ask("{ venues(first: 101) { totalCount } }").code == "BAD_USER_INPUT"


def test_a_booking_tells_everything_that_was_asked(api: GraphQLApi) -> None:
    slot, customer = make_slot(), make_customer()
    booking = create_booking(actor=customer, seats=seats_on(slot, 3, notes="By the window"))
    document = """query($id: ID!) { booking(id: $id) {
        id status confirmationCode guestCount seats notes startTime endTime createdAt
        holdExpiresAt cancelledAt
        slot { id remainingCapacity resource { name } venue { name } }
        slots { id } venue { id address resources { id bookingMode } } guest { name email }
    } }"""
    found = api.ask(document, {"id": booking.public_id}, customer).body
    assert found["slot"]["remainingCapacity"] == slot.capacity - 3
    assert found["slots"] == [{"id": slot.public_id}]
    assert found["venue"]["resources"] == [{"id": slot.resource.public_id, "bookingMode": "SHARED"}]
    assert found["confirmationCode"] == booking.confirmation_code
    assert found["notes"] == "By the window"


def test_a_slot_says_why_it_cannot_be_booked(api: GraphQLApi) -> None:
    venue = make_venue(minimum_notice_minutes=60, booking_horizon_days=3, timezone="UTC")
    room = make_resource(venue, capacity=4)
    starts = {
        "SLOT_IN_PAST": now() - timedelta(hours=1),
        "OUTSIDE_BOOKING_WINDOW": now() + timedelta(minutes=30),
        "SLOT_UNAVAILABLE": now() + timedelta(hours=26),
        "SLOT_CLOSED": now() + timedelta(hours=27),
        None: now() + timedelta(hours=28),
    }
    for code, starts_at in starts.items():
        reserved, is_closed = 4 * (code == "SLOT_UNAVAILABLE"), code == "SLOT_CLOSED"
        make_slot(room, starts_at=starts_at, reserved=reserved, is_closed=is_closed)
    document = (
        "query($v: ID!, $from: Date!, $to: Date!) { slots(venueId: $v, from: $from, to: $to)"
        " { unavailableReason } }"
    )
    days = {
        "v": venue.public_id,
        "from": (now() - timedelta(days=1)).date().isoformat(),
        "to": (now() + timedelta(days=2)).date().isoformat(),
    }
    found = api.ask(document, days).body
    assert [slot["unavailableReason"] for slot in found] == list(starts)
    assert api.ask(document, days | {"to": "2099-01-01"}).code == "BAD_USER_INPUT"
    assert api.ask(document, days | {"to": "2020-01-01"}).code == "BAD_USER_INPUT"


def test_a_hold_says_when_it_lapses(api: GraphQLApi) -> None:
    slot = make_slot()
    document = "mutation($i: CreateHoldInput!) { createHold(input: $i) { holdExpiresAt } }"
    wanted = {"slotId": slot.public_id, "venueId": slot.venue.public_id, "guestCount": 1}
    lapses = api.ask(document, {"i": wanted}, make_customer()).body["holdExpiresAt"]
    assert lapses.endswith(slot.venue.local(now()).isoformat()[-6:])
    assert bearer(make_customer()) != lapses
    assert timedelta() < slot.starts_at - now()

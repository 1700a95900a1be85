"""What can be read of venues and slots: the same by GraphQL and REST, in their own spelling."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import urlencode

import httpx
import pytest

from accounts.actors import ANONYMOUS, Actor, account
from bookings.boards import subjects_of
from reserve.core import stamps
from reserve.core.clock import now
from tests.clients import Answer, GraphQLApi, RestApi
from tests.factories import (
    bearer,
    make_consecutive_slots,
    make_customer,
    make_member,
    make_resource,
    make_slot,
    make_venue,
    tomorrow_at,
)

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)


class Reads(Protocol):
    """Arguments are those of REST; what comes back is in its spelling."""

    def venues(self, actor: Actor = ANONYMOUS, **asked: Any) -> Answer: ...
    def slots(self, venue_id: str, **days: str) -> Answer: ...
    def calendar(
        self, venue_id: str, first: str, last: str, actor: Actor = ANONYMOUS, **party: Any
    ) -> Answer: ...
    def next_slots(
        self, venue_ids: list[str], actor: Actor = ANONYMOUS, **asked: Any
    ) -> Answer: ...


class GraphQLReads:
    def __init__(self, address: str) -> None:
        self._api = GraphQLApi(address)

    def venues(self, actor: Actor = ANONYMOUS, **asked: Any) -> Answer:
        if near := asked.pop("near", None):
            latitude, longitude = map(float, near.split(","))
            asked["near"] = {"latitude": latitude, "longitude": longitude}
        if "radius_km" in asked:
            asked["near"]["radiusKm"] = asked.pop("radius_km")
        document = (
            "query($first: Int, $after: String, $search: String, $city: String, $near: NearInput) {"
            " venues(first: $first, after: $after, search: $search, city: $city, near: $near)"
            " { totalCount edges { node { id name address distanceKm } } } }"
        )
        answer = self._api.ask(document, {"first": 20} | asked, actor)
        if answer.code:
            return answer
        nodes = [edge["node"] for edge in answer.body["edges"]]
        return _snake(Answer(None, {"count": answer.body["totalCount"], "results": nodes}))

    def slots(self, venue_id: str, **days: str) -> Answer:
        document = (
            "query($v: ID!, $from: Date!, $to: Date!) { slots(venueId: $v, from: $from, to: $to)"
            " { id startTime unavailableReason } }"
        )
        return _snake(self._api.ask(document, {"v": venue_id} | days))

    def calendar(
        self, venue_id: str, first: str, last: str, actor: Actor = ANONYMOUS, **party: Any
    ) -> Answer:
        document = (
            "query($v: ID!, $from: Date!, $to: Date!, $guests: Int) {"
            " availabilityCalendar(venueId: $v, from: $from, to: $to, guestCount: $guests)"
            " { date slotCount availableSlotCount remainingCapacity } }"
        )
        variables = {"v": venue_id, "from": first, "to": last, "guests": party.get("guest_count")}
        return _snake(self._api.ask(document, variables, actor))

    def next_slots(self, venue_ids: list[str], actor: Actor = ANONYMOUS, **asked: Any) -> Answer:
        document = (
            "query($v: [ID!]!, $guests: Int, $slots: Int, $after: DateTime, $first: Int) {"
            " nextAvailableSlots(venueIds: $v, guestCount: $guests, slotCount: $slots,"
            " after: $after, first: $first) { id startTime venue { id resources { id } } } }"
        )
        names = {"guest_count": "guests", "slot_count": "slots"}
        variables = {names.get(name, name): value for name, value in asked.items()}
        defaults = {"v": venue_ids, "slots": 1, "first": 1}
        answer = _snake(self._api.ask(document, defaults | variables, actor))
        if not answer.code:
            for slot in answer.body:
                slot["venue_id"] = slot.pop("venue")["id"]
        return answer


class RestReads:
    def __init__(self, address: str) -> None:
        self._api = RestApi(address)

    def venues(self, actor: Actor = ANONYMOUS, **asked: Any) -> Answer:
        return self._get("/venues", actor, **asked)

    def slots(self, venue_id: str, **days: str) -> Answer:
        return self._get(f"/venues/{venue_id}/slots", **days)

    def calendar(
        self, venue_id: str, first: str, last: str, actor: Actor = ANONYMOUS, **party: Any
    ) -> Answer:
        asked = {"from": first, "to": last} | party
        return self._get(f"/venues/{venue_id}/calendar", actor, **asked)

    def next_slots(self, venue_ids: list[str], actor: Actor = ANONYMOUS, **asked: Any) -> Answer:
        return self._get("/slots/next", actor, venue_id=venue_ids, **asked)

    def _get(self, path: str, actor: Actor = ANONYMOUS, **asked: Any) -> Answer:
        return self._api.ask("GET", f"{path}?{urlencode(asked, doseq=True)}", actor=actor)


def _snake(answer: Answer) -> Answer:
    return answer if answer.code else Answer(None, _snake_case(answer.body))


def _snake_case(value: Any) -> Any:
    if isinstance(value, list):
        return [_snake_case(item) for item in value]
    if isinstance(value, dict):
        return {
            re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name): _snake_case(inner)
            for name, inner in value.items()
        }
    return value


@pytest.fixture(params=[GraphQLReads, RestReads], ids=["graphql", "rest"])
def reads(request: pytest.FixtureRequest, server: str) -> Reads:
    return request.param(server)


@pytest.fixture
def http(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{server}/api/v1") as client:
        yield client


def _fields(code_answer: Answer) -> list[str]:
    """The names of the fields that a refusal is about."""
    body = code_answer.body
    errors = body["errors"] if "errors" in body else body["extensions"]["errors"]
    return list(errors)


def test_the_calendar_tells_every_day(reads: Reads) -> None:
    resource = make_resource(make_venue(timezone="UTC"), capacity=4)
    free, nearly_full, _closed = make_consecutive_slots(resource, 3)
    type(free).objects.filter(pk=nearly_full.pk).update(reserved=3)
    type(free).objects.filter(pk=_closed.pk).update(is_closed=True)
    tomorrow = tomorrow_at(0).date()
    days = [(tomorrow + number * DAY).isoformat() for number in (-1, 0, 1)]
    venue_id = resource.venue.public_id

    def counts(**party: int) -> list[tuple[int, ...]]:
        answer = reads.calendar(venue_id, days[0], days[-1], **party)
        assert [day["date"] for day in answer.body] == days
        names = ("slot_count", "available_slot_count", "remaining_capacity")
        return [tuple(day[name] for name in names) for day in answer.body]

    assert counts() == [(0, 0, 0), (3, 2, 5), (0, 0, 0)]
    assert counts(guest_count=2) == [(0, 0, 0), (3, 1, 4), (0, 0, 0)]


def test_a_calendar_is_bounded(reads: Reads) -> None:
    venue_id = make_venue().public_id
    for first, last, field in (
        ("2030-01-01", "2030-04-03", "to"),
        ("2030-01-02", "2030-01-01", "to"),
        ("0001-01-01", "0001-01-02", "from"),
        ("9999-12-30", "9999-12-31", "from"),
    ):
        answer = reads.calendar(venue_id, first, last)
        assert (answer.code, _fields(answer)) == ("BAD_USER_INPUT", [field]), first


def test_the_next_slots_come_with_their_venues(reads: Reads) -> None:
    first, second = (make_resource(make_venue(timezone="UTC"), capacity=4) for _ in range(2))
    slots = make_consecutive_slots(first, 2)
    late = make_slot(second, starts_at=tomorrow_at(20))
    venues = [first.venue.public_id, second.venue.public_id]

    def ids(**asked: Any) -> list[tuple[str, str]]:
        answer = reads.next_slots(venues, **asked)
        assert answer.code is None, answer.body
        return [(slot["venue_id"], slot["id"]) for slot in answer.body]

    expected = [(slot.venue.public_id, slot.public_id) for slot in (*slots, late)]
    assert ids() == [expected[0], expected[2]]
    assert ids(first=5, guest_count=4) == expected
    assert ids(guest_count=5) == []
    assert ids(slot_count=2) == [expected[0]]
    assert ids(after=slots[1].starts_at.isoformat()) == expected[1:]


def test_a_question_for_the_next_slots_is_bounded(reads: Reads) -> None:
    venue = make_venue().public_id
    for asked in (
        {"first": 21},
        {"first": 0},
        {"guest_count": 0},
        {"slot_count": 49},
        {"after": "2030-01-01T10:00:00"},
        {"after": "yesterday"},
    ):
        assert reads.next_slots([venue], **asked).code == "BAD_USER_INPUT", asked
    assert reads.next_slots([venue] * 51).code == "BAD_USER_INPUT"
    assert reads.next_slots([]).code == "BAD_USER_INPUT"
    assert reads.next_slots(["slot_01HQ3K5W6X7Y8Z9A0B1C2D3E4F"]).code == "BAD_USER_INPUT"


def test_every_slot_says_why_it_cannot_be_booked(reads: Reads) -> None:
    room = make_resource(make_venue(timezone="UTC"), capacity=4)
    make_slot(room, starts_at=now() - timedelta(hours=1))
    make_slot(room, starts_at=tomorrow_at(1), reserved=4)
    make_slot(room, starts_at=tomorrow_at(2), is_closed=True)
    make_slot(room, starts_at=tomorrow_at(3))
    yesterday, tomorrow = now().date() - DAY, tomorrow_at(0).date()
    found = reads.slots(
        room.venue.public_id, **{"from": yesterday.isoformat(), "to": tomorrow.isoformat()}
    )
    reasons = [slot["unavailable_reason"] for slot in found.body]
    assert reasons == ["SLOT_IN_PAST", "SLOT_UNAVAILABLE", "SLOT_CLOSED", None]
    far = reads.slots(room.venue.public_id, **{"from": "2030-01-01", "to": "2031-01-01"})
    assert (far.code, _fields(far)) == ("BAD_USER_INPUT", ["to"])


def test_venues_are_searched_by_words_town_and_nearness(reads: Reads) -> None:
    zoe = make_venue(name="Café Zoë", city="København", latitude=55.676, longitude=12.568)
    tivoli = make_venue(name="Tivoli", city="København", latitude=55.673, longitude=12.568)
    make_venue(name="Zoo", city="Aarhus", latitude=56.15, longitude=10.21)

    def names(**asked: Any) -> list[str]:
        answer = reads.venues(**asked)
        assert answer.code is None, answer.body
        assert answer.body["count"] == len(answer.body["results"])
        return [venue["name"] for venue in answer.body["results"]]

    assert names() == ["Café Zoë", "Tivoli", "Zoo"]
    assert names(search="kobenhavn zoe") == [zoe.name]
    assert names(search="zo") == ["Café Zoë", "Zoo"]
    assert names(city="kobenhavn") == ["Café Zoë", "Tivoli"]
    assert names(near="55.673,12.568") == [tivoli.name, zoe.name]
    assert names(near="55.673,12.568", search="cafe", radius_km=1) == [zoe.name]
    near = reads.venues(near="55.673,12.568").body["results"]
    assert [venue["distance_km"] for venue in near] == [0, 0.334]
    assert reads.venues().body["results"][0]["distance_km"] is None


def test_a_search_that_makes_no_sense_is_refused(reads: Reads) -> None:
    for asked in (
        {"search": "x" * 10_000},
        {"search": "a\0b"},
        {"city": "x" * 201},
        {"near": "91,0"},
        {"near": "0,181"},
        {"near": "0,0", "radius_km": 0},
        {"near": "0,0", "radius_km": 501},
        {"first": 0},
        {"first": 101},
        {"after": "nonsense"},
    ):
        assert reads.venues(**asked).code == "BAD_USER_INPUT", asked


def test_no_search_is_an_error_of_ours(reads: Reads) -> None:
    for search in ("'", '"', "\\", "a & | ! <-> b:*", "%_", "🍕", "\u202e", "ﷺ" * 200):
        assert reads.venues(search=search).code is None, search


def test_a_private_venue_is_read_by_its_staff_alone(reads: Reads) -> None:
    slot = make_slot(make_resource(make_venue(is_public=False, timezone="UTC")))
    venue, day = slot.venue.public_id, slot.starts_at.date().isoformat()
    staff = account(make_member(slot.venue.organization).pk)
    for stranger in (ANONYMOUS, make_customer()):
        assert reads.calendar(venue, day, day, stranger).code == "NOT_FOUND"
        assert reads.next_slots([venue], stranger).code == "NOT_FOUND"
        assert reads.venues(stranger).body["count"] == 0
    assert reads.calendar(venue, day, day, staff).body[0]["slot_count"] == 1
    assert len(reads.next_slots([venue], staff).body) == 1
    assert reads.venues(staff).body["count"] == 1


# --- REST's own ----------------------------------------------------------------------------


def test_what_has_not_changed_is_not_sent_again(http: httpx.Client) -> None:
    slot = make_slot(make_resource(make_venue(timezone="UTC")))
    venue, day = slot.venue.public_id, slot.starts_at.date().isoformat()
    for path in (
        "/venues",
        f"/venues/{venue}",
        f"/venues/{venue}/slots?date={day}",
        f"/venues/{venue}/calendar?from={day}&to={day}",
        f"/slots/next?venue_id={venue}",
    ):
        first = http.get(path)
        assert first.status_code == 200
        assert "Authorization" in first.headers["vary"]
        assert "no-cache" in first.headers["cache-control"]
        again = http.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        slot.venue.name += "!"
        slot.venue.save()
        type(slot).objects.update(capacity=slot.capacity + 1)
        slot.capacity += 1
        # As whoever changes slots does after the commit.
        stamps.void(subjects_of([slot]))
        changed = http.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert changed.status_code == 200, path
    refused = http.get(f"/venues/{venue}/slots?date=x")
    assert refused.headers["content-type"] == "application/problem+json"


def test_the_pages_of_venues_name_those_beside_them(http: httpx.Client) -> None:
    names = [f"Café {number}" for number in range(5)]
    for name in names:
        make_venue(name=name)
    make_venue(name="Tivoli")
    page = http.get("/venues?first=2&search=café").json()
    assert (page["count"], page["previous"]) == (5, None)
    seen = [venue["name"] for venue in page["results"]]
    while page["next"]:
        here, page = page, http.get(page["next"]).json()
        seen += [venue["name"] for venue in page["results"]]
        assert http.get(page["previous"]).json()["results"] == here["results"]
    assert seen == names


def test_a_query_string_of_no_sense_is_refused(http: httpx.Client) -> None:
    venue = f"/venues/{make_venue().public_id}"
    for query in ("from=2030-01-01", "to=2030-01-01", "date=2030-01-01&from=2030-01-01"):
        refused = http.get(f"{venue}/slots?{query}")
        assert (refused.status_code, refused.json()["code"]) == (400, "BAD_USER_INPUT"), query
    for near in ("", "1", "1,2,3", "nan,0", "inf,0", "a,b", ","):
        assert http.get("/venues", params={"near": near}).status_code == 400, near


def test_staff_and_strangers_are_not_told_the_same_by_one_tag(http: httpx.Client) -> None:
    venue = make_venue(is_public=False)
    staff = {"Authorization": bearer(account(make_member(venue.organization).pk))}
    theirs = http.get("/venues", headers=staff)
    ours = http.get("/venues", headers={"If-None-Match": theirs.headers["etag"]})
    assert (ours.status_code, ours.json()["count"]) == (200, 0)

"""The feed of events: whoever reads on from the last that they saw misses none."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.actors import ANONYMOUS, Actor, account
from accounts.models import Role
from bookings.models import Slot
from bookings.services.bookings import apply_transition
from bookings.states import CANCEL
from reserve.core.ids import new_id
from reserve.outbox.models import Event
from reserve.outbox.services import record
from tests.clients import Answer, GraphQLApi, RestApi
from tests.factories import bearer, make_member, make_slot, make_venue
from tests.openapi import checked_client
from tests.webhooks.conftest import book, relay
from webhooks.models import FeedEntry
from webhooks.selectors import feed
from webhooks.services import publication

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def slot() -> Slot:
    return make_slot(capacity=50)


@pytest.fixture
def manager(slot: Slot) -> Actor:
    return account(make_member(slot.venue.organization, Role.MANAGER).pk)


def _event_like(event: Event) -> Event:
    """Another event of the same kind, of a booking of its own."""
    return Event(
        organization_id=event.organization_id,
        name=event.name,
        subject_id=new_id(),
        sequence=1,
        payload=event.payload,
    )


@contextmanager
def _open_transaction(work: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Do work in a transaction of another session, which stays open; yields what commits it."""
    is_done, may_commit = threading.Event(), threading.Event()

    def run() -> None:
        try:
            with transaction.atomic():
                work()
                is_done.set()
                may_commit.wait(20)
        finally:
            is_done.set()
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()

    def commit() -> None:
        may_commit.set()
        thread.join(20)
        assert not thread.is_alive()

    try:
        assert is_done.wait(20)
        yield commit
    finally:
        commit()


class _Reader:
    """Polls a list for what follows the last that it saw."""

    def __init__(self, read_after: Callable[[Any], list[Event]]) -> None:
        self._read_after = read_after
        self.seen: list[Event] = []

    def poll(self) -> None:
        self.seen += self._read_after(self.seen[-1].pk if self.seen else None)


def _by_id(after: Any) -> list[Event]:
    """What a feed would be that goes by the ids, which are sortable by time."""
    events = Event.objects.filter(name="booking.created").order_by("id")
    return list(events.filter(id__gt=after) if after else events)


def test_a_reader_misses_nothing_that_commits_late(slot: Slot, manager: Actor) -> None:
    def read(after: Any) -> list[Event]:
        found = feed(actor=manager, after=after).events
        return [event for event in found if event.name == "booking.created"]

    ours, naive = _Reader(read), _Reader(_by_id)
    book(slot)
    early = _event_like(Event.objects.get(name="booking.created"))
    with _open_transaction(lambda: record([early])) as commit:
        for _ in range(3):
            book(slot)
            relay()
            ours.poll()
            naive.poll()
        assert len(ours.seen) == len(naive.seen) == 4
        commit()
    book(slot)
    relay()
    ours.poll()
    naive.poll()

    assert {event.pk for event in ours.seen} == {event.pk for event in _by_id(None)}
    assert len(ours.seen) == 6
    # The control: by ids the one that committed late is never seen.
    assert early.pk not in {event.pk for event in naive.seen}
    assert len(naive.seen) == 5


@pytest.mark.parametrize("is_locked", [True, False], ids=["locked", "control"])
def test_places_become_visible_in_their_order(
    slot: Slot, manager: Actor, monkeypatch: pytest.MonkeyPatch, is_locked: bool
) -> None:
    """Two relays publish at once; without the lock, what the slower one publishes is skipped."""
    if not is_locked:
        monkeypatch.setattr(publication, "_wait_for_other_publishers", lambda: None)
    book(slot)
    slow, quick = (_event_like(Event.objects.get(name="booking.created")) for _ in range(2))
    record([slow, quick])
    reader = _Reader(lambda after: list(feed(actor=manager, after=after).events))

    def publish_quick() -> None:
        with transaction.atomic():
            publication.publish([quick])
        connection.close()

    other = threading.Thread(target=publish_quick)
    with _open_transaction(lambda: publication.publish([slow])) as commit:
        other.start()
        other.join(0.5)
        assert other.is_alive() == is_locked
        reader.poll()
        assert [event.pk for event in reader.seen] == ([] if is_locked else [quick.pk])
        commit()
    other.join(20)
    reader.poll()
    assert [event.pk for event in reader.seen] == ([slow.pk, quick.pk] if is_locked else [quick.pk])


def test_an_event_that_is_relayed_again_keeps_its_place(slot: Slot, manager: Actor) -> None:
    book(slot)
    relay()
    before = list(FeedEntry.objects.values_list("position", "event_id"))
    assert before
    Event.objects.update(delivered_at=None)
    relay()
    assert list(FeedEntry.objects.values_list("position", "event_id")) == before


# --- Through both APIs -------------------------------------------------------------------

_FEED = """query($organization: ID, $after: ID, $first: Int!) {
  eventFeed(organizationId: $organization, after: $after, first: $first) {
    hasMore events { id type timestamp organizationId booking {
      id status venueId resourceId guestCount seats startTime endTime sequence } } } }"""


class _GraphQL(GraphQLApi):
    def feed(self, actor: Actor, **asked: Any) -> Answer:
        answer = self.ask(_FEED, {"first": 100} | asked, actor)
        if answer.code:
            return answer
        events = [
            {
                "id": event["id"],
                "type": event["type"],
                "timestamp": event["timestamp"],
                "organization_id": event["organizationId"],
                "data": {"booking": {_snake(k): v for k, v in event["booking"].items()}},
            }
            for event in answer.body["events"]
        ]
        return Answer(None, (events, answer.body["hasMore"]))


class _Rest(RestApi):
    def feed(self, actor: Actor, **asked: Any) -> Answer:
        names = {"organization": "organization_id"}
        query = "&".join(f"{names.get(name, name)}={value}" for name, value in asked.items())
        answer = self.ask("GET", f"/events?{query}", None, actor)
        if answer.code:
            return answer
        return Answer(None, (answer.body["results"], answer.body["has_more"]))


def _snake(name: str) -> str:
    return "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in name)


@pytest.fixture(params=[_GraphQL, _Rest], ids=["graphql", "rest"])
def api(request: pytest.FixtureRequest, server: str) -> Any:
    return request.param(server)


def test_the_feed_tells_what_happened(api: Any, slot: Slot, manager: Actor) -> None:
    booking = book(slot, 3)
    relay()
    apply_transition(
        actor=manager, booking_id=booking.pk, transition=CANCEL, reason="Ada has a cold"
    )
    relay()
    events, has_more = api.feed(manager).body
    assert [event["type"] for event in events] == [
        *("booking.created", "booking.confirmed", "booking.cancelled"),
    ]
    assert not has_more
    told = events[2]
    recorded = Event.objects.get(name="booking.cancelled")
    assert told["id"] == recorded.public_id
    assert datetime.fromisoformat(told["timestamp"]) == recorded.recorded_at
    assert told["organization_id"] == slot.venue.organization.public_id
    assert told["data"]["booking"] == {
        "id": booking.public_id,
        "status": "CANCELLED",
        "venue_id": slot.venue.public_id,
        "resource_id": slot.resource.public_id,
        "guest_count": 3,
        "seats": 3,
        "start_time": slot.starts_at.isoformat().replace("+00:00", "Z"),
        "end_time": slot.ends_at.isoformat().replace("+00:00", "Z"),
        "sequence": 3,
    }
    # Nothing of the person, nor what opens the booking.
    text = str(events)
    for secret in ("Ada", "cold", booking.guest.name, booking.confirmation_code):
        assert secret not in text

    # Event by event, from wherever one has got to.
    first, more = api.feed(manager, first=1).body
    assert (first, more) == (events[:1], True)
    rest, more = api.feed(manager, after=first[0]["id"], first=2).body
    assert (rest, more) == (events[1:], False)
    assert api.feed(manager, after=told["id"]).body == ([], False)
    named = api.feed(manager, organization=slot.venue.organization.public_id).body
    assert named == (events, False)


def test_the_feed_is_its_managers_alone(api: Any, slot: Slot, manager: Actor) -> None:
    elsewhere = make_venue().organization
    stranger = account(make_member(elsewhere, Role.OWNER).pk)
    staff = account(make_member(slot.venue.organization).pk)
    book(slot)
    relay()
    theirs = api.feed(manager).body[0][0]["id"]
    ours = slot.venue.organization.public_id
    for actor, asked, code in (
        (stranger, {"organization": ours}, "NOT_FOUND"),
        (ANONYMOUS, {"organization": ours}, "NOT_FOUND"),
        (ANONYMOUS, {}, "UNAUTHENTICATED"),
        (staff, {"organization": ours}, "FORBIDDEN"),
        (staff, {}, "FORBIDDEN"),
        # An event of another feed is no place in one's own; nor is one that there is not.
        (stranger, {"after": theirs}, "BAD_USER_INPUT"),
        (manager, {"after": Event.format_id(new_id())}, "BAD_USER_INPUT"),
        (manager, {"after": "event_1"}, "BAD_USER_INPUT"),
        (manager, {"first": 0}, "BAD_USER_INPUT"),
        (manager, {"first": 101}, "BAD_USER_INPUT"),
    ):
        assert api.feed(actor, **asked).code == code, (actor, asked)
    assert api.feed(stranger).body == ([], False)


def test_the_address_of_what_follows_can_be_polled(server: str, slot: Slot, manager: Actor) -> None:
    http = checked_client(f"{server}/api/v1")
    headers = {"Authorization": bearer(manager)}
    page = http.get("/events?first=2", headers=headers).json()
    assert (page["results"], page["has_more"]) == ([], False)
    seen = []
    for _ in range(3):
        book(slot)
        relay()
        page = http.get(page["next"], headers=headers).json()
        seen += page["results"]
    assert [event["type"] for event in seen] == ["booking.created", "booking.confirmed"] * 3

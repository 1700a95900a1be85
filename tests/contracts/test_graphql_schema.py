"""The schema as a whole: everything is described, and no list is read row by row."""

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import Executor as Threads
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from graphql import (
    GraphQLField,
    GraphQLSchema,
    is_enum_type,
    is_input_object_type,
    is_introspection_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
    is_specified_scalar_type,
)

from reserve.core import database
from reserve.core.graphql.context import Context
from reserve.core.graphql.executor import Executor
from reserve.core.graphql.operation import Operation
from reserve.schema import schema
from tests.contracts.town import Town

SCHEMA: GraphQLSchema = schema.graphql_schema

_HOURS = "openingHours { id opensAt resourceId } specialHours { id reason }"
_RESOURCE = f"{{ id name {_HOURS} }}"
_VENUE = (
    f"{{ id name organizationId pictureUrls {_HOURS} closures {{ id resourceId }}"
    f" resources {_RESOURCE} }}"
)
_SLOT = "{ id startTime status resource { name } venue { name organizationId } }"
_BOOKING = (
    "{ id status startTime venue { name organizationId } guest { name }"
    " slot { id } slots { id resource { name } venue { name } } }"
)
_MEMBER = "{ id name email role venueIds }"
_PREVIEW = """mutation($hallVenue: ID!, $hall: ID!, $day: Date!) {
    addClosure(dryRun: true, input: {
        venueId: $hallVenue, resourceId: $hall, firstDate: $day, lastDate: $day
    }) { preview {
        removed { count first { slotId resource { name } } }
        conflicts { count first { slot { resource { name } } bookings { id } } }
    } } }"""

# For each list of the schema an operation that reads it, and the way to it in the answer.
# As many as there are: the rows below the first of their parents, or one below each of many.
LISTS: dict[str, tuple[str, str]] = {
    "Query.myLogins": ("{ myLogins { id device } }", "myLogins"),
    "Query.availableSlots": (
        "query($venue: ID!, $day: Date!) { availableSlots(venueId: $venue, date: $day)"
        + _SLOT
        + "}",
        "availableSlots",
    ),
    "WebhookConnection.edges": (
        (
            "query($organization: ID!) { webhooks(organizationId: $organization, first: 100)"
            " { totalCount edges { node { id url eventTypes } } } }"
        ),
        "webhooks.edges",
    ),
    "Webhook.eventTypes": (
        "query($webhook: ID!) { webhook(id: $webhook) { id eventTypes } }",
        "webhook.eventTypes",
    ),
    "WebhookDeliveryConnection.edges": (
        (
            "query($webhook: ID!) { webhookDeliveries(webhookId: $webhook, first: 100)"
            " { totalCount edges { node { id messageId log { status } } } } }"
        ),
        "webhookDeliveries.edges",
    ),
    "WebhookDelivery.log": (
        (
            "query($webhook: ID!) { webhookDeliveries(webhookId: $webhook, first: 100)"
            " { totalCount edges { node { id messageId log { status } } } } }"
        ),
        "webhookDeliveries.edges.node.log",
    ),
    "EventFeed.events": (
        (
            "query($organization: ID!) { eventFeed(organizationId: $organization)"
            " { hasMore events { id type booking { id venueId } } } }"
        ),
        "eventFeed.events",
    ),
    "Query.myDevices": ("{ myDevices { id token platform } }", "myDevices"),
    "Query.slots": (
        (
            "query($venue: ID!, $day: Date!)"
            f" {{ slots(venueId: $venue, from: $day, to: $day) {_SLOT} }}"
        ),
        "slots",
    ),
    "Query.availabilityCalendar": (
        (
            "query($venue: ID!, $day: Date!, $last: Date!)"
            " { availabilityCalendar(venueId: $venue, from: $day, to: $last) { date slotCount } }"
        ),
        "availabilityCalendar",
    ),
    "Query.nextAvailableSlots": (
        f"query($venues: [ID!]!) {{ nextAvailableSlots(venueIds: $venues) {_SLOT} }}",
        "nextAvailableSlots",
    ),
    "MemberConnection.edges": (
        (
            "query($organization: ID!) { members(organizationId: $organization, first: 100)"
            f" {{ totalCount edges {{ node {_MEMBER} }} }} }}"
        ),
        "members.edges",
    ),
    "Member.venueIds": (
        (
            "{ organizations(first: 50) { edges { node { members(first: 50)"
            f" {{ totalCount edges {{ node {_MEMBER} }} }} }} }} }} }}"
        ),
        "organizations.edges.node.members.edges.node.venueIds",
    ),
    "InvitationConnection.edges": (
        (
            "query($organization: ID!) { invitations(organizationId: $organization, first: 100)"
            " { totalCount edges { node { id email venueIds } } } }"
        ),
        "invitations.edges",
    ),
    "Invitation.venueIds": (
        (
            "{ organizations(first: 50) { edges { node { invitations(first: 50)"
            " { totalCount edges { node { id email venueIds } } } } } } }"
        ),
        "organizations.edges.node.invitations.edges.node.venueIds",
    ),
    "OrganizationConnection.edges": (
        "{ organizations(first: 50) { totalCount edges { node { id name } } } }",
        "organizations.edges",
    ),
    "VenueConnection.edges": (
        f"{{ venues(first: 50) {{ totalCount edges {{ node {_VENUE} }} }} }}",
        "venues.edges",
    ),
    "BookingConnection.edges": (
        f"{{ myBookings(first: 50) {{ totalCount edges {{ node {_BOOKING} }} }} }}",
        "myBookings.edges",
    ),
    "Booking.slots": (
        (
            "query($venue: ID!, $day: Date!) {"
            " venueBookings(venueId: $venue, date: $day, first: 50) {"
            f" totalCount edges {{ node {_BOOKING} }} }} }}"
        ),
        "venueBookings.edges.node.slots",
    ),
    "ScheduleConflictConnection.edges": (
        """query($hallVenue: ID!) { scheduleConflicts(venueId: $hallVenue, first: 50) {
            totalCount edges { node { slot { resource { name } } bookings { id } } } } }""",
        "scheduleConflicts.edges",
    ),
    "PreviewSlots.first": (_PREVIEW, "addClosure.preview.removed.first"),
    "PreviewConflicts.first": (_PREVIEW, "addClosure.preview.conflicts.first"),
    "PreviewConflict.bookings": (_PREVIEW, "addClosure.preview.conflicts.first.bookings"),
    "OpeningHoursPayload.openingHours": (
        (
            "mutation($venue: ID!, $openings: [OpeningInput!]!) { setOpeningHours(input:"
            " {venueId: $venue, openings: $openings}) { openingHours { id resourceId } } }"
        ),
        "setOpeningHours.openingHours",
    ),
    "AllSpecialHoursPayload.specialHours": (
        (
            "mutation($venue: ID!, $special: [SpecialOpeningInput!]!) { setSpecialHours(input:"
            " {venueId: $venue, specialHours: $special}) { specialHours { id resourceId } } }"
        ),
        "setSpecialHours.specialHours",
    ),
} | {
    f"{owner}.{name}": (f"query($venue: ID!) {{ venue(id: $venue) {_VENUE} }}", f"venue.{way}")
    for owner, name, way in (
        ("Venue", "pictureUrls", "pictureUrls"),
        ("Venue", "resources", "resources"),
        ("Venue", "openingHours", "openingHours"),
        ("Venue", "specialHours", "specialHours"),
        ("Venue", "closures", "closures"),
        ("Resource", "openingHours", "resources.openingHours"),
        ("Resource", "specialHours", "resources.specialHours"),
    )
}

# With as many items for everybody, or a handful, all of one row.
SHORT_LISTS = {"NotificationPreferences.preferences", "Venue.reminderMinutes"}


def _own_types() -> Iterator[Any]:
    for kind in SCHEMA.type_map.values():
        if not is_introspection_type(kind) and not is_specified_scalar_type(kind):
            yield kind


def _described() -> Iterator[tuple[str, Any]]:
    """Everything that has a description, with its name."""
    for kind in _own_types():
        yield str(kind), kind
        if is_enum_type(kind):
            yield from ((f"{kind}.{name}", value) for name, value in kind.values.items())
        if is_object_type(kind) or is_input_object_type(kind):
            for name, field in kind.fields.items():
                yield f"{kind}.{name}", field
                for argument, its in getattr(field, "args", {}).items():
                    yield f"{kind}.{name}({argument})", its


def test_everything_is_described() -> None:
    assert [name for name, one in _described() if not one.description] == []


def _is_list(field: GraphQLField) -> bool:
    kind: Any = field.type
    return is_list_type(kind.of_type if is_non_null_type(kind) else kind)


def test_every_list_is_counted() -> None:
    lists = {
        f"{kind}.{name}"
        for kind in _own_types()
        if is_object_type(kind)
        for name, field in kind.fields.items()
        if _is_list(field)
    }
    assert lists == LISTS.keys() | SHORT_LISTS


class _Here(Threads):
    """Runs the calls of an event loop's thread in the test's own: on the connection
    whose statements are counted, which an event loop's thread does not have."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Any] | None] = SimpleQueue()

    def submit(self, function: Any, /, *args: Any, **options: Any) -> "Future[Any]":
        # The call alone: neither in the context of the event loop, which has connections
        # of its own, nor closing connections around it, as this one is the test's.
        future: Future[Any] = Future()
        self._calls.put((future, args[-1]))
        return future

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        with ThreadPoolExecutor(1) as thread:
            result = thread.submit(asyncio.run, coroutine)
            result.add_done_callback(lambda _: self._calls.put(None))
            while call := self._calls.get(timeout=20):
                future, function = call
                try:
                    future.set_result(function())
                except Exception as error:  # noqa: BLE001 (the caller's to see)
                    future.set_exception(error)
        return result.result()


def _length(answer: Any, way: str) -> int:
    """How many items the lists have that lie on the way, all together."""
    found = [answer]
    for step in way.split("."):
        found = [
            inner[step]
            for value in found
            for inner in (value if isinstance(value, list) else [value])
        ]
    return sum(len(items) for items in found)


@pytest.mark.django_db
def test_a_list_of_fifty_takes_as_many_statements_as_one_of_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = _Here()
    monkeypatch.setattr(database, "_threads", here)
    executor = Executor(SCHEMA)

    def statements(town: Town, name: str) -> tuple[int, int]:
        document, way = LISTS[name]
        used = [each for each in town.variables if f"${each}:" in document]
        operation = Operation(document, {each: town.variables[each] for each in used})
        prepared = executor.prepare(operation)
        with CaptureQueriesContext(connection) as asked:
            answer = here.run(executor.execute(prepared, operation, Context(town.actor)))
        # As it goes over the wire: parts of it may be rendered already.
        answer = orjson.loads(orjson.dumps(answer))
        assert "errors" not in answer, (name, answer["errors"])
        return len(asked), _length(answer["data"], way)

    one = Town(1)
    alone = {name: statements(one, name) for name in LISTS}
    fifty = Town(50)
    together = {name: statements(fifty, name) for name in LISTS}
    assert {name: number for name, (number, _) in alone.items()} == {
        name: number for name, (number, _) in together.items()
    }
    for name in LISTS:
        # Pictures are ten at most, bookings of one conflict twenty.
        assert together[name][1] >= alone[name][1] + 9, name

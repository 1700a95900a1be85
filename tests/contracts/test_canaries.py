"""Canaries are planted in all words of one tenant; whatever others ask, none comes back.

Nor does an id of anything of its own that was not asked for by this id.
"""

import json
import string
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import models
from graphql import (
    GraphQLObjectType,
    get_named_type,
    is_composite_type,
    is_required_argument,
)
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from reserve.outbox.models import Event
from tests.contracts import roles
from tests.contracts.questions import Question, ask, fields_of, rest_questions
from tests.contracts.worlds import Callers, World, make_world
from venues.models import Venue
from webhooks.models import FeedEntry

pytestmark = pytest.mark.django_db(transaction=True)

CANARY = "zqxjkwvy"
_DEPTH = 4
# A code's last letter tells codes apart; a zone that nobody else is in; a country that is none.
_ZONE = "Antarctica/Vostok"
_TELLTALES = (CANARY[:7], _ZONE.lower(), '"zq"')
# Whose form means something: recognisable all the same.
_FORMED = {
    "locale": f"en-{CANARY}",
    "language": f"en-{CANARY}",
    "timezone": _ZONE,
    "country": "ZQ",
    "phone": f"+99 {CANARY}",
    "website": f"https://{CANARY}.example",
    "url": f"https://{CANARY}.example/hooks",
    "picture_urls": [f"https://{CANARY}.example/1"],
    "facts": {"reason": CANARY},
    "log": [
        {
            "at": "2030-01-01T00:00:00Z",
            "status": 200,
            "milliseconds": 1,
            "error": CANARY,
            "response": CANARY,
        }
    ],
}
# Words of a list of ours, or numbers.
_WORDLESS = {
    *("venues.Venue.reminder_minutes", "webhooks.Webhook.event_types"),
    *("accounts.Membership.venue_ids", "accounts.Invitation.venue_ids"),
    # Whoever changes it ends every login.
    "accounts.User.password",
}
# These rows are made with the canary in them: the log refuses to change.
_FINAL = {"outbox.Event.name", "outbox.Event.payload", "outbox.Event.request_id"}
_WORDS = (models.CharField, models.TextField, models.JSONField, ArrayField)


def _rows_of(world: World) -> Iterator[Any]:
    """Everything of a tenant, and of its people."""
    organization = world.tenant.organization
    people = [world.tenant.owner, world.tenant.manager, world.tenant.staff, world.customer]
    yield from (organization, *people)
    for model in apps.get_models():
        names = {field.attname for field in model._meta.fields}
        rows: Any = model._default_manager
        if "organization_id" in names:
            yield from rows.filter(organization_id=organization.pk)
        elif "user_id" in names:
            yield from rows.filter(user_id__in=[each.pk for each in people])


def _plant(world: World) -> set[str]:
    """Write canaries into all words and JSON of a tenant; returns the columns."""
    planted = set()
    for number, row in enumerate(_rows_of(world)):
        columns = {
            field.name: _canary(field, number)
            for field in row._meta.fields
            if isinstance(field, _WORDS)
            and not field.choices
            and f"{row._meta.label}.{field.name}" not in _WORDLESS | _FINAL
        }
        if columns:
            type(row)._default_manager.filter(pk=row.pk).update(**columns)
        planted |= {f"{row._meta.label}.{name}" for name in columns}
    return planted


def _canary(field: Any, number: int) -> Any:
    """What is recognised wherever it is told, in the form that the column has."""
    if field.name == "confirmation_code":
        return CANARY[:7].upper() + string.ascii_uppercase[number % 26]
    if isinstance(field, models.EmailField):
        return f"{CANARY}{number}@example.com"
    if field.name in _FORMED:
        return _FORMED[field.name]
    is_one_of_its_kind = field.name in {"slug", "occasion", "token"}
    return f"{CANARY}-{number}" if is_one_of_its_kind else CANARY


def _selection(kind: GraphQLObjectType, depth: int) -> str:
    """Everything that can be asked of a type without arguments, some levels deep."""
    parts = []
    for name, field in kind.fields.items():
        if any(is_required_argument(argument) for argument in field.args.values()):
            continue
        answer = get_named_type(field.type)
        if not is_composite_type(answer):
            parts.append(name)
        elif isinstance(answer, GraphQLObjectType) and depth > 1:
            inner = _selection(answer, depth - 1)
            parts += [f"{name} {{ {inner} }}"] if inner else []
    return " ".join(parts)


def _graphql_questions(kind: str, rows: dict[str, roles.Row]) -> Iterator[Question]:
    for name, row in rows.items():
        answer = get_named_type(fields_of(kind)[name].type)
        arguments = f"({row.input})" if row.input else ""
        for depth in range(_DEPTH, 0, -1):
            inner = _selection(answer, depth) if isinstance(answer, GraphQLObjectType) else ""
            selection = f" {{ {inner or '__typename'} }}" if is_composite_type(answer) else ""
            yield Question(
                f"{name}, {depth} deep", row, f"{kind} {{ {name}{arguments}{selection} }}"
            )


def _questions() -> Iterator[Question]:
    yield from _graphql_questions("query", roles.QUERIES)
    yield from rest_questions()
    yield from _graphql_questions("mutation", roles.MUTATIONS)


@pytest.fixture
def hidden(db: None) -> World:
    """Another tenant, which shows nothing to anybody outside, with canaries in all words."""
    world = make_world(CANARY, is_public=False)
    organization = world.tenant.organization
    Venue.objects.filter(organization=organization).update(is_public=False)
    world.value("device")
    for event in Event.objects.filter(subject_id=world.tenant.booking.pk):
        FeedEntry.objects.create(organization_id=organization.pk, event=event)
    planted = _plant(world)
    assert planted >= {
        *("accounts.User.email", "accounts.Organization.slug", "venues.Venue.picture_urls"),
        *("bookings.Booking.confirmation_code", "bookings.Guest.locale", "webhooks.Webhook.url"),
        *("webhooks.WebhookDelivery.log", "notifications.Delivery.facts"),
        *("notifications.Device.token", "notifications.Wording.language"),
    }
    return world


def _ids_of(world: World) -> set[str]:
    return {row.public_id.lower() for row in _rows_of(world) if hasattr(row, "public_id")}


def _recognised(answer: str, asked: str, ids: set[str]) -> list[str]:
    """The canaries and ids in an answer that the question did not have: those it knew."""
    answer, asked = answer.lower(), asked.lower()
    return [word for word in (*_TELLTALES, *ids) if word in answer and word not in asked]


def test_no_answer_to_outsiders_has_anything_of_another_tenant(
    http: httpx.Client, world: World, hidden: World, callers: Callers
) -> None:
    ids, told = _ids_of(hidden), []
    for question in _questions():
        if question.row.ends_logins:
            continue
        values = question.values(world) | hidden.ids
        values |= {name: hidden.value(name) for name in question.ids}
        for caller in ("anonymous", "other", "foreign", "manager"):
            asked = question.filled(values)
            answer = ask(http, question, asked, callers.headers(caller))
            if words := _recognised(answer.text, asked, ids):
                told.append(f"{question.name} as {caller}: {words} in {answer.text[:300]}")
    assert not told, "\n".join(told)


def test_the_tenant_itself_is_told(http: httpx.Client, hidden: World, callers: Callers) -> None:
    """The control: those who may read it all are answered with the canaries."""
    callers.people |= {"owner": hidden.tenant.owner, "guest": hidden.customer}
    ids = _ids_of(hidden)
    found: set[str] = set()
    words: set[str] = set()
    reads = (
        *_graphql_questions("query", roles.QUERIES),
        *(question for question in rest_questions() if question.name.startswith("GET ")),
    )
    for question in reads:
        for caller in ("owner", "guest"):
            text = question.filled(question.values(hidden))
            seen = _recognised(ask(http, question, text, callers.headers(caller)).text, text, ids)
            if _TELLTALES[0] in seen:
                found.add(question.name.partition(",")[0])
            words.update(seen)
    assert {"venue", "GET /venues/{private_venue}", "organization", "webhooks", "me"} <= found
    assert len(found) > 20, sorted(found)
    assert set(_TELLTALES) <= words
    assert words & ids


@pytest.mark.parametrize("caller", ["anonymous", "other", "foreign", "manager"])
def test_no_socket_tells_outsiders(
    server: str, hidden: World, callers: Callers, caller: str
) -> None:
    address = server.replace("http", "ws", 1)
    heard: list[str] = []
    board = f"{address}/ws/venues/{hidden.tenant.venue.public_id}/"
    headers = dict(callers.headers(caller))
    with connect(board, additional_headers=headers) as socket:
        _say(socket, {"type": "watch", "date": None})
        _hear(socket, heard)
    with connect(f"{address}/graphql", subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        payload = {"authorization": headers.get("Authorization", "")}
        _say(socket, {"type": "connection_init", "payload": payload})
        venue, booking = hidden.tenant.venue.public_id, hidden.tenant.booking.public_id
        documents = (
            f'subscription {{ slotAvailabilityChanged(venueId: "{venue}") {{ slotId }} }}',
            f'subscription {{ bookingStatusChanged(bookingId: "{booking}") {{ id notes }} }}',
        )
        for number, document in enumerate(documents):
            _say(socket, {"id": str(number), "type": "subscribe", "payload": {"query": document}})
        _hear(socket, heard)
    assert heard
    assert not [text for text in heard if CANARY in text]


def _say(socket: Any, message: Any) -> None:
    # It may have been closed by now: what was heard says so.
    with suppress(ConnectionClosed):
        socket.send(json.dumps(message))


def _hear(socket: Any, heard: list[str]) -> None:
    try:
        while True:
            heard.append(str(socket.recv(1)))
    except TimeoutError:
        return
    except ConnectionClosed as closed:
        heard.append(str(closed.rcvd))

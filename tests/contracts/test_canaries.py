"""Secrets are planted in every text of one tenant; whatever others ask, none comes back."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.apps import apps
from django.db import models
from graphql import (
    GraphQLObjectType,
    get_named_type,
    is_composite_type,
    is_required_argument,
)
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from accounts.models import Organization
from bookings.models import Booking
from tests.contracts import roles
from tests.contracts.questions import Question, ask, fields_of, rest_questions
from tests.contracts.worlds import Callers, World, make_world
from venues.models import Venue

pytestmark = pytest.mark.django_db(transaction=True)

CANARY = "zqxjkwvy"
_DEPTH = 4
# Whose form means something: another text there would be another fault.
_FORMED = {
    *("locale", "language", "timezone", "country", "slug", "password", "endpoint", "recipient"),
    *("confirmation_code", "occasion", "name_of_event"),
}


def _plant(organization: Organization) -> int:
    """Write the canary into every text column of an organization's rows; returns how many."""
    planted = 0
    for model in apps.get_models():
        names = {field.name for field in model._meta.fields}
        if model is Organization:
            rows: Any = Organization.objects.filter(pk=organization.pk)
        elif "organization" in names:
            rows = model._default_manager.filter(organization=organization)
        else:
            continue
        for field in model._meta.fields:
            is_text = isinstance(field, models.CharField | models.TextField)
            if not is_text or field.choices or field.name in _FORMED or field.primary_key:
                continue
            if field.unique or (field.max_length or 200) < len(CANARY) + 20:
                continue
            text = f"{CANARY}@example.com" if isinstance(field, models.EmailField) else CANARY
            if isinstance(field, models.URLField):
                text = f"https://{CANARY}.example"
            planted += rows.update(**{field.name: text}) and 1
    return planted


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
    """Another tenant, which shows nothing to anybody outside, with the canary in every text."""
    world = make_world("hidden", is_public=False)
    Venue.objects.filter(organization=world.tenant.organization).update(is_public=False)
    assert _plant(world.tenant.organization) > 20
    Booking.objects.filter(pk=world.tenant.booking.pk).update(notes=CANARY)
    return world


def test_no_answer_to_outsiders_has_a_secret_of_another_tenant(
    http: httpx.Client, world: World, hidden: World, callers: Callers
) -> None:
    told = []
    for question in _questions():
        if question.row.ends_logins:
            continue
        values = question.values(world) | hidden.ids
        values |= {name: hidden.value(name) for name in question.ids}
        for caller in ("anonymous", "other", "foreign", "manager"):
            answer = ask(http, question, question.filled(values), callers.headers(caller))
            if CANARY in answer.text:
                told.append(f"{question.name} as {caller}: {answer.text[:300]}")
    assert not told, "\n".join(told)


def test_the_tenant_itself_is_told(http: httpx.Client, hidden: World, callers: Callers) -> None:
    """The control: the same questions of those who may ask them bring the canary back."""
    callers.people["owner"] = hidden.tenant.owner
    found = set()
    for question in _questions():
        if question.row.ends_logins:
            continue
        text = question.filled(question.values(hidden))
        if CANARY in ask(http, question, text, callers.headers("owner")).text:
            found.add(question.name.partition(",")[0])
    assert {"venue", "GET /venues/{private_venue}", "organization"} <= found
    assert len(found) > 20, sorted(found)


@pytest.mark.parametrize("caller", ["anonymous", "other", "foreign", "manager"])
def test_no_socket_tells_outsiders(
    server: str, hidden: World, callers: Callers, caller: str
) -> None:
    address = server.replace("http", "ws", 1)
    heard: list[str] = []
    board = f"{address}/ws/venues/{hidden.tenant.venue.public_id}/"
    headers = dict(callers.headers(caller))
    with connect(board, additional_headers=headers) as socket:
        socket.send(json.dumps({"type": "watch", "date": None}))
        _hear(socket, heard)
    with connect(f"{address}/graphql", subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        payload = {"authorization": headers.get("Authorization", "")}
        socket.send(json.dumps({"type": "connection_init", "payload": payload}))
        venue, booking = hidden.tenant.venue.public_id, hidden.tenant.booking.public_id
        documents = (
            f'subscription {{ slotAvailabilityChanged(venueId: "{venue}") {{ slotId }} }}',
            f'subscription {{ bookingStatusChanged(bookingId: "{booking}") {{ id notes }} }}',
        )
        for number, document in enumerate(documents):
            message = {"id": str(number), "type": "subscribe", "payload": {"query": document}}
            socket.send(json.dumps(message))
        _hear(socket, heard)
    assert heard
    assert not [text for text in heard if CANARY in text]


def _hear(socket: Any, heard: list[str]) -> None:
    try:
        while True:
            heard.append(str(socket.recv(1)))
    except TimeoutError:
        return
    except ConnectionClosed as closed:
        heard.append(str(closed.rcvd))

"""The tables `roles` and `admin_roles` hold: nothing is missing from them, each row is true."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import httpx
import pytest
from channels.routing import ProtocolTypeRouter
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from accounts.actors import SYSTEM
from accounts.models import User
from accounts.services.suspension import suspend_user
from notifications.models import Wording
from reserve.asgi import application
from tests.contracts import admin_roles, roles
from tests.contracts.questions import QUESTIONS, ask, code_of, fields_of, graphql_questions
from tests.contracts.roles import CALLERS, Row
from tests.contracts.worlds import Callers, World, make_world
from venues.models import Venue

pytestmark = pytest.mark.django_db(transaction=True)

# --- The tables name everything, and nothing else --------------------------------------


def _compare(found: set[str], named: set[str], what: str, table: str = "roles.py") -> None:
    missing, unknown = sorted(found - named), sorted(named - found)
    row_missing = f"has no row in tests/contracts/{table}: say there who may do it."
    assert not missing, f"{what} {', '.join(missing)} {row_missing}"
    assert not unknown, f"tests/contracts/{table} names {what} that do not exist: {unknown}"


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("query", roles.QUERIES),
        ("mutation", roles.MUTATIONS),
        ("subscription", roles.SUBSCRIPTIONS),
    ],
)
def test_every_field_of_graphql_is_in_the_table(kind: str, rows: dict[str, Row]) -> None:
    _compare(set(fields_of(kind)), set(rows), f"The {kind}")


def test_every_route_of_rest_is_in_the_table() -> None:
    found = set()
    for path, view in _routes(get_resolver().url_patterns, ""):
        if not path.startswith("api/v1/"):
            continue
        for method in ("get", "post", "put", "patch", "delete"):
            if hasattr(view.cls, method):
                found.add(f"{method.upper()} {_shape(path.removeprefix('api/v1'))}")
    named = {_shape(name.partition("?")[0]) for name in roles.REST}
    _compare(found, named, "The route")


def _routes(patterns: list[Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        elif hasattr(pattern.callback, "cls"):
            yield route, pattern.callback


def _shape(path: str) -> str:
    """A path without the names of its ids."""
    return re.sub(r"<[^>]*>|{[^}]*}", "{}", path)


def test_every_socket_is_in_the_table() -> None:
    router: Any = application
    while not isinstance(router, ProtocolTypeRouter):
        router = next(
            value
            for value in vars(router).values()
            if callable(value) and not isinstance(value, type)
        )
    routes = router.application_mapping["websocket"].routes
    _compare({route.pattern.regex.pattern for route in routes}, set(roles.SOCKETS), "The socket")


def test_every_page_of_the_admin_is_in_the_table() -> None:
    models = {_label(model): model for model in admin.site._registry}
    _compare(set(models), set(admin_roles.ADMIN_MODELS), "The admin of", "admin_roles.py")
    of_models = {
        f"{label.replace('.', '_')}_{page}"
        for label, model in admin_roles.ADMIN_MODELS.items()
        for page in model.pages()
    }
    found = {name for name in _admin_names(admin.site.get_urls()) if name not in of_models}
    _compare(found, set(admin_roles.ADMIN_PAGES), "The admin's page", "admin_roles.py")


def _label(model: Any) -> str:
    return str(model._meta.label_lower)


def _admin_names(patterns: list[Any]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _admin_names(pattern.url_patterns)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield pattern.name


# --- Each row is true ---------------------------------------------------------------------


@pytest.mark.parametrize("transport", QUESTIONS)
def test_everybody_is_answered_as_the_table_says(
    transport: str, http: httpx.Client, world: World, callers: Callers
) -> None:
    wrong = []
    for question in QUESTIONS[transport]():
        for caller in CALLERS:
            headers = callers.headers(caller)
            text = question.filled(question.values(world))
            response = ask(http, question, text, headers)
            code, expected = code_of(response), question.row.rule[caller]
            if code != expected:
                wrong.append(
                    f"{question.name} as {caller}: {code or 'done'}, not {expected or 'done'}"
                    f" ({response.text[:200]})"
                )
        if question.row.ends_logins:
            callers.log_in_again()
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("transport", QUESTIONS)
def test_what_is_anothers_and_what_is_absent_look_alike(
    transport: str, http: httpx.Client, world: World, callers: Callers
) -> None:
    """Byte for byte: to a stranger, and to a manager who names one thing of a stranger's."""
    hidden, wrong = make_world("hidden", is_public=False), []
    for question in QUESTIONS[transport]():
        theirs = question.values(hidden)
        for caller in ("anonymous", "other", "manager"):
            headers = callers.headers(caller)
            groups = [question.ids] if caller != "manager" else [[name] for name in question.ids]
            for group in groups:
                values = theirs if len(group) == len(question.ids) else question.values(world)
                foreign = values | {name: theirs[name] for name in group}
                absent = values | {name: world.absent(name) for name in group}
                answers = [
                    ask(http, question, question.filled(each), headers)
                    for each in (foreign, absent)
                ]
                if not group:
                    continue
                if answers[0].content != answers[1].content:
                    wrong.append(f"{question.name} as {caller}, {group}: {answers[0].text[:300]}")
                    wrong.append(f"    absent: {answers[1].text[:300]}")
    assert not wrong, "\n".join(wrong)


def test_subscribers_are_answered_as_the_table_says(
    server: str, world: World, callers: Callers
) -> None:
    wrong = []
    for question in graphql_questions("subscription", roles.SUBSCRIPTIONS):
        for caller in CALLERS:
            text = question.filled(question.values(world))
            expected = question.row.rule[caller]
            headers = callers.headers(caller)
            code = _subscribe(server, text, headers, refused_as=expected)
            if code != expected:
                wrong.append(f"{question.name} as {caller}: {code or 'done'}")
    assert not wrong, "\n".join(wrong)


_CLOSED = {4403: "UNAUTHENTICATED", 4404: "NOT_FOUND"}


def _first_message(
    socket: ClientConnection, closed_for: Mapping[int, str] = MappingProxyType(_CLOSED)
) -> tuple[Any, str | None]:
    """The next message; or, where the socket is closed, the code that this stands for."""
    try:
        return json.loads(socket.recv(5)), None
    except ConnectionClosed as closed:
        return None, closed_for[closed.rcvd.code if closed.rcvd else 1006]


@contextmanager
def _graphql_socket(
    server: str, headers: Mapping[str, str]
) -> Iterator[tuple[ClientConnection, str | None]]:
    address = server.replace("http", "ws", 1) + "/graphql"
    payload = {"authorization": headers.get("Authorization", "")}
    with connect(address, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        socket.send(json.dumps({"type": "connection_init", "payload": payload}))
        yield socket, _first_message(socket)[1]


def _subscribe(
    server: str, document: str, headers: Mapping[str, str], *, refused_as: str | None
) -> str | None:
    with _graphql_socket(server, headers) as (socket, refused):
        if refused:
            return refused
        _send(socket, "watch", document)
        # A subscription that is let in says nothing: answers to later questions do, for
        # which as long is waited as refusals take. One that is refused is waited for.
        for number in range(3):
            if refused_as is None:
                _send(socket, f"later{number}", "{ me { id } }")
            while True:
                answer = json.loads(socket.recv(5))
                if answer["id"] == "watch":
                    payload = answer.get("payload", {})
                    # Before it runs by a message of its own, and afterwards as its result.
                    errors = payload if answer["type"] == "error" else payload.get("errors")
                    if errors:
                        return str(errors[0]["extensions"]["code"])
                    # Told of what had just happened, and so let in.
                    continue
                if answer["type"] in {"complete", "error"}:
                    break
        return None


def _send(socket: ClientConnection, name: str, document: str) -> None:
    payload = {"query": document}
    socket.send(json.dumps({"id": name, "type": "subscribe", "payload": payload}))


def _open_graphql(server: str, headers: Mapping[str, str]) -> str | None:
    with _graphql_socket(server, headers) as (_, refused):
        return refused


def _open_nowhere(server: str, headers: Mapping[str, str]) -> str | None:
    address = server.replace("http", "ws", 1) + "/nowhere"
    try:
        with connect(address, additional_headers=dict(headers)) as socket:
            return _first_message(socket)[1]
    except InvalidStatus as refused:
        return {403: "NOT_FOUND"}.get(refused.response.status_code)


def _open_board(server: str, headers: Mapping[str, str]) -> str | None:
    venue = Venue.objects.get(name__startswith="Venue ours")
    address = f"{server.replace('http', 'ws', 1)}/ws/venues/{venue.public_id}/"
    with connect(address, additional_headers=dict(headers)) as socket:
        if not headers:
            # Whoever says nothing of themselves has ten seconds to.
            socket.send(json.dumps({"type": "watch", "date": None}))
        message, code = _first_message(socket, {4401: "UNAUTHENTICATED", 4403: "FORBIDDEN"})
        assert code or message["type"] == "snapshot"
        return code


# How the sockets of the table are tried, by their patterns.
OPENERS: dict[str, Callable[[str, Mapping[str, str]], str | None]] = {
    "^graphql$": _open_graphql,
    "^ws/venues/(?P<venue_id>[^/]+)/$": _open_board,
    "": _open_nowhere,
}


def test_sockets_answer_as_the_table_says(server: str, callers: Callers) -> None:
    assert OPENERS.keys() == roles.SOCKETS.keys(), "Say in OPENERS how the socket is tried."
    wrong = []
    for pattern, rule in roles.SOCKETS.items():
        for caller in CALLERS:
            code = OPENERS[pattern](server, callers.headers(caller))
            if code != rule[caller]:
                wrong.append(f"{pattern} as {caller}: {code or 'done'}")
    assert not wrong, "\n".join(wrong)


# --- The admin -------------------------------------------------------------------------------


@pytest.fixture
def browsers(people: dict[str, User | None]) -> dict[str, Client]:
    found = {}
    for caller, person in people.items():
        found[caller] = Client()
        if person is not None:
            found[caller].force_login(person)
    suspend_user(actor=SYSTEM, user_id=people["suspended"].pk)  # type: ignore[union-attr]
    return found


def _told(page: str, expected: Mapping[str, int], browsers: dict[str, Client]) -> list[str]:
    wrong = []
    for caller, browser in browsers.items():
        status = browser.get(page).status_code
        if status != expected[caller]:
            wrong.append(f"{page} as {caller}: {status}, not {expected[caller]}")
    return wrong


def test_the_admin_answers_as_the_table_says(world: World, browsers: dict[str, Client]) -> None:
    wrong = []
    for model in admin.site._registry:
        label = _label(model)
        row = world.tenant.staff if model is User else world.tenant.row_of(model)
        for page, expected in admin_roles.ADMIN_MODELS[label].pages().items():
            arguments = () if page in {"changelist", "add"} else (row.pk,)
            address = reverse(f"admin:{label.replace('.', '_')}_{page}", args=arguments)
            wrong += _told(address, expected, browsers)
    person = world.tenant.staff
    for name, expected in admin_roles.ADMIN_PAGES.items():
        arguments = {
            "app_list": ("bookings",),
            "bookings_booking_export": ("csv",),
            "bookings_booking_move": (world.tenant.booking.pk,),
            "bookings_booking_party": (world.tenant.booking.pk,),
            "view_on_site": (1, 1),
            "notifications_wording_preview": (world.tenant.row_of(Wording).pk,),
            "venues_venue_calendar": (world.tenant.venue.pk,),
            "venues_venue_conflicts": (world.tenant.venue.pk,),
            "accounts_user_second_factor": (person.pk,),
            "auth_user_password_change": (person.pk,),
        }.get(name, ())
        wrong += _told(reverse(f"admin:{name}", args=arguments), expected, browsers)
    assert not wrong, "\n".join(wrong)

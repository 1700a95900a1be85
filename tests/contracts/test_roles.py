"""The table of `tests.contracts.roles` holds: nothing is missing from it, and each row is true."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from string import Template
from types import MappingProxyType
from typing import Any

import httpx
import pytest
from channels.routing import ProtocolTypeRouter
from django.contrib import admin
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from graphql import get_named_type, is_composite_type
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from accounts.actors import SYSTEM, account
from accounts.models import Invitation, Login, Membership, Organization, Role, User
from accounts.services.logins import open_login
from accounts.services.suspension import suspend_user
from bookings.models import Booking, Slot
from bookings.services.bookings import create_booking, create_hold
from bookings.states import BookingStatus
from notifications.kinds import Platform
from notifications.models import Device, Wording
from reserve.asgi import application
from reserve.core.clock import now
from reserve.core.ids import UlidModel, new_id
from reserve.schema import schema
from tests.admin.tenants import Tenant, make_tenant
from tests.contracts import roles
from tests.contracts.roles import CALLERS, Row
from tests.factories import (
    PASSWORD,
    make_consecutive_slots,
    make_member,
    make_resource,
    make_slot,
    make_user,
    make_venue,
    seats_on,
    somebody,
    tomorrow_at,
)
from venues.models import Closure, Resource, SpecialHours, Venue

pytestmark = pytest.mark.django_db(transaction=True)

_numbers = count(1)
_ROW_MISSING = "has no row in tests/contracts/roles.py: say there who may do it."
_REQUEST_ID = {"X-Request-ID": "roles"}


# --- The world ------------------------------------------------------------------------


@dataclass
class World:
    """An organization with things of every kind, by the names of the placeholders."""

    tenant: Tenant
    customer: User
    private: Slot
    next_slot: Slot
    made: dict[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """What a placeholder stands for: the same thing each time, or a new one."""
        if make := getattr(self, f"_new_{name}", None):
            return str(make())
        return self.ids[name]

    @property
    def ids(self) -> dict[str, str]:
        tenant = self.tenant
        return {
            "organization": tenant.organization.public_id,
            "venue": tenant.venue.public_id,
            "resource": tenant.resource.public_id,
            "slot": tenant.slot.public_id,
            "next_slot": self.next_slot.public_id,
            "private_venue": self.private.venue.public_id,
            "private_resource": self.private.resource.public_id,
            "private_slot": self.private.public_id,
            "email": self.customer.email,
        }

    def _booking(self, status: BookingStatus) -> str:
        take = create_hold if status == BookingStatus.HELD else create_booking
        seats = seats_on(self.tenant.slot, 2)
        if self.tenant.venue.is_public:
            booking = take(actor=account(self.customer.pk), seats=seats)
        else:
            staff = account(self.tenant.staff.pk)
            booking = take(actor=staff, seats=seats_on(self.tenant.slot, 2, guest=somebody()))
        if status not in {BookingStatus.HELD, BookingStatus.PENDING}:
            Booking.objects.filter(pk=booking.pk).update(status=status)
        return booking.public_id

    def _new_booking(self) -> str:
        return self._booking(BookingStatus.PENDING)

    def _new_hold(self) -> str:
        return self._booking(BookingStatus.HELD)

    def _new_confirmed(self) -> str:
        return self._booking(BookingStatus.CONFIRMED)

    def _new_arrived(self) -> str:
        return self._booking(BookingStatus.CHECKED_IN)

    def _new_login(self) -> str:
        open_login(self.customer)
        return Login.objects.filter(user=self.customer).latest("pk").public_id

    def _new_device(self) -> str:
        return Device.objects.create(
            user=self.customer, platform=Platform.IOS, token=self._new_unique()
        ).public_id

    def _new_member(self) -> str:
        person = make_member(self.tenant.organization)
        return Membership.objects.get(user=person).public_id

    def _new_invitation(self) -> str:
        return Invitation.objects.create(
            organization=self.tenant.organization,
            email=f"invited{next(_numbers)}@example.com",
            role=Role.STAFF,
            expires_at=now() + timedelta(days=1),
        ).public_id

    def _new_closure(self) -> str:
        day = self._new_day()
        return self._rule(Closure, first_date=day, last_date=day)

    def _new_special_hours(self) -> str:
        day = self._new_day()
        hours = {"opens_at": "09:00", "closes_at": "12:00"}
        return self._rule(SpecialHours, first_date=day, last_date=day, **hours)

    def _rule(self, kind: Any, **fields: Any) -> str:
        venue = self.tenant.venue
        row: UlidModel = kind.objects.create(organization=venue.organization, venue=venue, **fields)
        return row.public_id

    def _new_unique(self) -> str:
        return f"new-{next(_numbers)}"

    def _new_day(self) -> date:
        return date(2028, 1, 1) + timedelta(days=next(_numbers))

    def _new_start(self) -> str:
        return (tomorrow_at(0) + timedelta(days=2, minutes=3 * next(_numbers))).isoformat()

    def _new_end(self) -> str:
        # Whoever asks for a start asks for an end next: these numbers follow each other.
        return (tomorrow_at(0) + timedelta(days=2, minutes=3 * next(_numbers) - 1)).isoformat()

    def absent(self, name: str) -> str:
        """An id of the same kind as a placeholder's, which nothing has."""
        return UlidModel_of[name].format_id(new_id())


UlidModel_of: dict[str, type[UlidModel]] = {
    "organization": Organization,
    "venue": Venue,
    "private_venue": Venue,
    "resource": Resource,
    "private_resource": Resource,
    "slot": Slot,
    "next_slot": Slot,
    "private_slot": Slot,
    "booking": Booking,
    "hold": Booking,
    "confirmed": Booking,
    "arrived": Booking,
    "login": Login,
    "device": Device,
    "member": Membership,
    "invitation": Invitation,
    "closure": Closure,
    "special_hours": SpecialHours,
}


def _make_world(word: str, *, is_public: bool = True) -> World:
    tenant = make_tenant(word)
    Slot.objects.filter(pk=tenant.slot.pk).update(capacity=5000)
    Resource.objects.filter(pk=tenant.resource.pk).update(capacity=5000)
    Venue.objects.filter(pk=tenant.venue.pk).update(is_public=is_public)
    tenant.venue.refresh_from_db()
    hidden = make_venue(organization=tenant.organization, is_public=False)
    next_slot = make_slot(tenant.resource, starts_at=tenant.slot.ends_at, capacity=5000)
    return World(
        tenant,
        User.objects.get(pk=tenant.booking.customer_id),
        private=make_consecutive_slots(make_resource(hidden), 1)[0],
        next_slot=next_slot,
    )


@pytest.fixture
def world(db: None) -> World:
    return _make_world("ours")


@pytest.fixture
def people(world: World) -> dict[str, User | None]:
    organization = world.tenant.organization
    elsewhere = make_venue(organization=organization)
    foreign = make_tenant("foreign").owner
    people = {
        "anonymous": None,
        "customer": world.customer,
        "other": make_user(),
        "staff": world.tenant.staff,
        "elsewhere": make_member(organization, venues=[elsewhere]),
        "foreign": foreign,
        "manager": world.tenant.manager,
        "suspended": make_user(),
        "administrator": make_user(is_staff=True, is_superuser=True),
    }
    # Of one round, which the server checks in no time.
    password = PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=1)
    for person in people.values():
        if person is not None:
            person.password = password
            person.save(update_fields=["password"])
    return people


@dataclass
class Callers:
    people: dict[str, User | None]
    _tokens: dict[str, str] = field(default_factory=dict)

    def headers(self, caller: str) -> dict[str, str]:
        person = self.people[caller]
        if person is None:
            return {}
        if caller not in self._tokens:
            self._tokens[caller] = open_login(person).access_token
            if caller == "suspended":
                suspend_user(actor=SYSTEM, user_id=person.pk)
        return {"Authorization": f"Bearer {self._tokens[caller]}"}

    def log_in_again(self) -> None:
        kept = self._tokens.get("suspended")
        self._tokens = {"suspended": kept} if kept else {}


@pytest.fixture
def callers(people: dict[str, User | None]) -> Callers:
    return Callers(people)


# --- Asking -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """One row of one transport, ready to be filled in."""

    name: str
    row: Row
    text: str
    """With placeholders: a document, or path and body."""

    @property
    def placeholders(self) -> list[str]:
        return re.findall(r"\$([a-z_]+)", self.text)

    @property
    def ids(self) -> list[str]:
        return [name for name in dict.fromkeys(self.placeholders) if name in UlidModel_of]

    def filled(self, values: Mapping[str, str]) -> str:
        return Template(self.text).substitute(values)

    def values(self, world: World) -> dict[str, str]:
        return {name: world.value(name) for name in dict.fromkeys(self.placeholders)}


def _fields(kind: str) -> dict[str, Any]:
    found = getattr(schema.graphql_schema, f"{kind}_type")
    return dict(found.fields) if found else {}


def _graphql_questions(kind: str, rows: Mapping[str, Row]) -> Iterator[Question]:
    for name, row in rows.items():
        answer = get_named_type(_fields(kind)[name].type)
        arguments = f"({row.input})" if row.input else ""
        selection = " { __typename }" if is_composite_type(answer) else ""
        yield Question(name, row, f"{kind} {{ {name}{arguments}{selection} }}")


def _rest_questions() -> Iterator[Question]:
    for name, row in roles.REST.items():
        path = re.sub(r"{(\w+)}", r"$\1", name)
        yield Question(name, row, f"{path}\n{json.dumps(row.input)}")


def _ask(http: httpx.Client, question: Question, text: str, headers: Any) -> httpx.Response:
    headers = headers | _REQUEST_ID
    if question.name in roles.REST:
        line, _, body = text.partition("\n")
        method, _, path = line.partition(" ")
        return http.request(method, f"/api/v1{path}", json=json.loads(body), headers=headers)
    return http.post("/graphql", json={"query": text}, headers=headers)


def _code(response: httpx.Response) -> str | None:
    body = response.json() if response.content else {}
    if isinstance(body, dict) and isinstance(body.get("errors"), list):
        return str(body["errors"][0]["extensions"]["code"])
    return str(body["code"]) if response.is_error else None


QUESTIONS = {
    "queries": lambda: _graphql_questions("query", roles.QUERIES),
    "mutations": lambda: _graphql_questions("mutation", roles.MUTATIONS),
    "rest": _rest_questions,
}


@pytest.fixture
def http(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, timeout=20) as client:
        yield client


# --- The table names everything, and nothing else ---------------------------------------


def _compare(found: set[str], named: set[str], what: str) -> None:
    missing, unknown = sorted(found - named), sorted(named - found)
    assert not missing, f"{what} {', '.join(missing)} {_ROW_MISSING}"
    assert not unknown, f"tests/contracts/roles.py names {what} that do not exist: {unknown}"


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("query", roles.QUERIES),
        ("mutation", roles.MUTATIONS),
        ("subscription", roles.SUBSCRIPTIONS),
    ],
)
def test_every_field_of_graphql_is_in_the_table(kind: str, rows: dict[str, Row]) -> None:
    _compare(set(_fields(kind)), set(rows), f"The {kind}")


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
    _compare(set(models), set(roles.ADMIN_MODELS), "The admin of")
    of_models = {
        f"{label.replace('.', '_')}_{page}"
        for label, model in roles.ADMIN_MODELS.items()
        for page in model.pages()
    }
    found = {name for name in _admin_names(admin.site.get_urls()) if name not in of_models}
    _compare(found, set(roles.ADMIN_PAGES), "The admin's page")


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
            response = _ask(http, question, text, headers)
            code, expected = _code(response), question.row.rule[caller]
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
    hidden, wrong = _make_world("hidden", is_public=False), []
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
                    _ask(http, question, question.filled(each), headers)
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
    for question in _graphql_questions("subscription", roles.SUBSCRIPTIONS):
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
                    return str(answer["payload"][0]["extensions"]["code"])
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
        for page, expected in roles.ADMIN_MODELS[label].pages().items():
            arguments = () if page in {"changelist", "add"} else (row.pk,)
            address = reverse(f"admin:{label.replace('.', '_')}_{page}", args=arguments)
            wrong += _told(address, expected, browsers)
    person = world.tenant.staff
    for name, expected in roles.ADMIN_PAGES.items():
        arguments = {
            "app_list": ("bookings",),
            "view_on_site": (1, 1),
            "notifications_wording_preview": (world.tenant.row_of(Wording).pk,),
            "venues_venue_conflicts": (world.tenant.venue.pk,),
            "accounts_user_second_factor": (person.pk,),
            "auth_user_password_change": (person.pk,),
        }.get(name, ())
        wrong += _told(reverse(f"admin:{name}", args=arguments), expected, browsers)
    assert not wrong, "\n".join(wrong)

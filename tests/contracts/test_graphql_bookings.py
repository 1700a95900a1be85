"""Bookings by GraphQL: lists, look-up by code, and what is told of a change."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from accounts.actors import ANONYMOUS, Actor, account
from accounts.models import Membership
from bookings.models import Booking, Slot
from bookings.services.bookings import (
    apply_transition,
    create_booking,
    create_hold,
    release_lapsed_holds,
    update_booking,
)
from bookings.states import APPROVE, CANCEL, CHECK_IN
from reserve.core.clock import now
from tests.clients import GraphQLApi
from tests.factories import (
    bearer,
    make_consecutive_slots,
    make_customer,
    make_member,
    make_resource,
    make_slot,
    seats_on,
    somebody,
)

pytestmark = pytest.mark.django_db(transaction=True)

MINE = """query($status: BookingStatus, $first: Int, $after: String) {
    myBookings(status: $status, first: $first, after: $after) {
        totalCount pageInfo { hasNextPage endCursor }
        edges { node { id status startTime slots { id } venue { name } guest { name } } } } }"""
VENUES = """query($v: ID!, $date: Date, $status: BookingStatus, $search: String) {
    venueBookings(venueId: $v, date: $date, status: $status, search: $search) {
        totalCount edges { node { id confirmationCode guest { email phone } } } } }"""
BY_CODE = """query($code: String!, $email: String!) {
    bookingByCode(confirmationCode: $code, email: $email) { id status manageToken } }"""
WATCH = """subscription($id: ID!, $token: String) {
    bookingStatusChanged(bookingId: $id, manageToken: $token) {
        id status seats cancelledAt slots { id } venue { name } guest { name } } }"""


@pytest.fixture
def api(server: str) -> GraphQLApi:
    return GraphQLApi(server)


def _nodes(connection: Any) -> list[Any]:
    return [edge["node"] for edge in connection["edges"]]


def test_my_bookings_come_in_pages_newest_first(api: GraphQLApi) -> None:
    customer, slot = make_customer(), make_slot(capacity=50)
    made = [create_booking(actor=customer, seats=seats_on(slot)).public_id for _ in range(3)]
    create_booking(actor=make_customer(), seats=seats_on(slot))
    apply_transition(actor=customer, booking_id=Booking.parse_id(made[0]), transition=CANCEL)
    first = api.ask(MINE, {"first": 2}, customer).body
    assert [node["id"] for node in _nodes(first)] == [made[2], made[1]]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (3, True)
    rest = api.ask(MINE, {"after": first["pageInfo"]["endCursor"]}, customer).body
    assert [node["id"] for node in _nodes(rest)] == [made[0]]
    cancelled = api.ask(MINE, {"status": "CANCELLED"}, customer).body
    assert [node["id"] for node in _nodes(cancelled)] == [made[0]]
    assert cancelled["totalCount"] == 1
    assert _nodes(first)[0]["slots"] == [{"id": slot.public_id}]
    for wrong in ({"first": 0}, {"first": 101}, {"after": "x"}, {"status": "LOST"}):
        assert api.ask(MINE, wrong, customer).code == "BAD_USER_INPUT"
    assert api.ask(MINE).code == "UNAUTHENTICATED"


def test_a_venues_bookings_are_for_those_who_work_there(api: GraphQLApi) -> None:
    slot = make_slot()
    venue = slot.venue
    staff = account(make_member(venue.organization).pk)
    booking = create_booking(actor=staff, seats=seats_on(slot, guest=somebody()))
    asked = {"v": venue.public_id, "date": venue.local(slot.starts_at).date().isoformat()}
    found = api.ask(VENUES, asked | {"status": "PENDING", "search": "ada"}, staff).body
    assert found == {
        "totalCount": 1,
        "edges": [
            {
                "node": {
                    "id": booking.public_id,
                    "confirmationCode": booking.confirmation_code,
                    "guest": {"email": "ada@example.org", "phone": ""},
                }
            }
        ],
    }
    assert api.ask(VENUES, asked | {"date": "2020-01-01"}, staff).body["totalCount"] == 0
    assert api.ask(VENUES, asked | {"search": "eve"}, staff).body["totalCount"] == 0
    assert api.ask(VENUES, {"v": venue.public_id}, staff).body["totalCount"] == 1
    assert api.ask(VENUES, asked).code == "UNAUTHENTICATED"
    assert api.ask(VENUES, asked, make_customer()).code == "FORBIDDEN"
    assert api.ask(VENUES, asked | {"v": booking.public_id}, staff).code == "BAD_USER_INPUT"
    assert api.ask(VENUES, asked | {"search": "x" * 201}, staff).code == "BAD_USER_INPUT"


def test_a_code_and_an_address_open_a_booking(api: GraphQLApi) -> None:
    booking = create_booking(actor=ANONYMOUS, seats=seats_on(make_slot(), guest=somebody()))
    asked = {"code": booking.confirmation_code.lower(), "email": "Ada@Example.org"}
    assert api.ask(BY_CODE, asked).body == {
        "id": booking.public_id,
        "status": "PENDING",
        "manageToken": None,
    }
    assert api.ask(BY_CODE, asked | {"email": "eve@example.org"}).code == "NOT_FOUND"
    assert api.ask(BY_CODE, asked | {"code": "AAAAAAAA"}).code == "NOT_FOUND"
    assert api.ask(BY_CODE, asked | {"code": "A"}).code == "BAD_USER_INPUT"
    assert api.ask(BY_CODE, asked | {"email": "ada"}).code == "BAD_USER_INPUT"


# --- What is told of a change ----------------------------------------------------------


class Watcher:
    """A socket that watches one booking."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    def send(self, **message: Any) -> None:
        self._connection.send(json.dumps(message))

    def receive(self, timeout: float = 5) -> Any:
        return json.loads(self._connection.recv(timeout))

    def change(self) -> Any:
        """The next change of the booking."""
        answer = self.receive()
        assert answer["type"] == "next", answer
        return answer["payload"]["data"]["bookingStatusChanged"]

    def hears_nothing(self) -> bool:
        try:
            self.receive(0.4)
        except TimeoutError:
            return True
        return False


@contextmanager
def _watching(server: str, actor: Actor, booking: Booking) -> Iterator[Watcher]:
    address = server.replace("http", "ws", 1) + "/graphql"
    with connect(address, subprotocols=["graphql-transport-ws"]) as connection:  # type: ignore[list-item]
        socket = Watcher(connection)
        payload = {"authorization": bearer(actor)} if actor.user_id else {}
        socket.send(type="connection_init", payload=payload)
        assert socket.receive()["type"] == "connection_ack"
        variables = {"id": booking.public_id, "token": actor.manage_token}
        socket.send(id="watch", type="subscribe", payload={"query": WATCH, "variables": variables})
        yield socket


def _settled(socket: Watcher) -> None:
    """Wait until the server listens: what is asked and answered three times took longer."""
    for number in range(3):
        socket.send(id=f"after{number}", type="subscribe", payload={"query": "{ me { id } }"})
        assert socket.receive()["type"] in {"next", "error"}
        assert socket.receive()["type"] == "complete"


def test_owner_and_staff_hear_of_every_change_of_a_bookings_status(server: str) -> None:
    slot, customer = make_slot(capacity=10), make_customer()
    booking = create_booking(actor=customer, seats=seats_on(slot))
    other = create_booking(actor=customer, seats=seats_on(slot))
    staff = account(make_member(slot.venue.organization).pk)
    with (
        _watching(server, customer, booking) as owner,
        _watching(server, staff, booking) as colleague,
    ):
        for socket in (owner, colleague):
            _settled(socket)
        apply_transition(actor=customer, booking_id=other.pk, transition=CANCEL)
        update_booking(actor=customer, booking_id=booking.pk, guest_count=2)
        apply_transition(actor=staff, booking_id=booking.pk, transition=APPROVE)
        expected = {
            "id": booking.public_id,
            "status": "CONFIRMED",
            "seats": 2,
            "cancelledAt": None,
            "slots": [{"id": slot.public_id}],
            "venue": {"name": slot.venue.name},
        }
        for socket in (owner, colleague):
            change = socket.change()
            assert change.pop("guest")["name"]
            assert change == expected
        apply_transition(actor=staff, booking_id=booking.pk, transition=CHECK_IN)
        for socket in (owner, colleague):
            assert socket.change()["status"] == "CHECKED_IN"
            assert socket.hears_nothing()


def test_whoever_booked_without_an_account_watches_with_their_token(server: str) -> None:
    booking = create_hold(actor=ANONYMOUS, seats=seats_on(make_slot(), guest=somebody()))
    guest = ANONYMOUS.with_manage_token(booking.manage_token)
    with _watching(server, guest, booking) as socket:
        _settled(socket)
        moment = now() - timedelta(seconds=1)
        Booking.objects.filter(pk=booking.pk).update(hold_expires_at=moment)
        Slot.objects.filter(bookings=booking).update(next_lapse_at=moment)
        release_lapsed_holds()
        assert socket.change()["status"] == "EXPIRED"


def test_a_booking_out_of_reach_cannot_be_watched(server: str) -> None:
    booking = create_booking(actor=make_customer(), seats=seats_on(make_slot()))
    elsewhere = account(make_member(make_slot().venue.organization).pk)
    limited = make_member(booking.venue.organization)
    Membership.objects.filter(user=limited).update(venue_ids=[booking.pk])
    stranger = ANONYMOUS.with_manage_token("nonsense")
    for actor in (ANONYMOUS, stranger, make_customer(), elsewhere, account(limited.pk)):
        with _watching(server, actor, booking) as socket:
            answer = socket.receive()
            errors = answer["payload"]["errors"] if answer["type"] == "next" else answer["payload"]
            assert errors[0]["extensions"]["code"] == "NOT_FOUND"
    gone = Booking(confirmation_code="x")
    with _watching(server, make_customer(), gone) as socket:
        assert "NOT_FOUND" in json.dumps(socket.receive())


def test_who_does_not_work_there_any_more_hears_nothing_more(server: str) -> None:
    slot, customer = make_slot(), make_customer()
    booking = create_booking(actor=customer, seats=seats_on(slot))
    member = make_member(slot.venue.organization)
    with _watching(server, account(member.pk), booking) as socket:
        _settled(socket)
        Membership.objects.filter(user=member).delete()
        apply_transition(actor=customer, booking_id=booking.pk, transition=CANCEL)
        answer = socket.receive()
        assert answer["type"] == "error"
        assert answer["payload"][0]["extensions"]["code"] == "NOT_FOUND"


def test_a_booking_of_several_slots_tells_all_of_them(server: str, api: GraphQLApi) -> None:
    room = make_resource()
    slots = make_consecutive_slots(room, 3)
    customer = make_customer()
    booking = create_booking(actor=customer, seats=seats_on(slots[0], slot_count=3))
    staff = account(make_member(room.venue.organization).pk)
    with _watching(server, customer, booking) as socket:
        _settled(socket)
        apply_transition(actor=staff, booking_id=booking.pk, transition=APPROVE)
        assert [slot["id"] for slot in socket.change()["slots"]] == [
            slot.public_id for slot in slots
        ]
    found = api.ask(MINE, {}, customer).body
    assert [len(node["slots"]) for node in _nodes(found)] == [3]

"""GraphQL over WebSocket, by the graphql-transport-ws protocol, against a real server."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from redis import Redis
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from bookings import batches
from bookings.models import Booking, Slot
from bookings.services.bookings import apply_transition, create_booking
from bookings.states import CANCEL
from tests.clients import GraphQLApi
from tests.factories import make_customer, make_slot, make_venue, seats_on
from tests.processes import web_process
from tests.sockets import WATCH, Socket
from tests.sockets import initialise as _initialise
from tests.sockets import open_socket as _socket
from venues.models import Venue

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def socket(server: str) -> Iterator[Socket]:
    with _socket(server) as found:
        yield found


def test_a_booking_on_one_connection_is_seen_on_another(socket: Socket, server: str) -> None:
    slot, customer = make_slot(capacity=10), make_customer()
    _initialise(socket).watch(slot.venue.public_id)

    booked = GraphQLApi(server).create_booking(customer, seats_on(slot, 4))
    seen = socket.receive(1)
    assert seen["type"] == "next"
    assert seen["payload"]["data"]["slotAvailabilityChanged"] == {
        "slotId": slot.public_id,
        "status": "AVAILABLE",
        "remainingCapacity": 6,
        "capacity": 10,
        "version": 1,
        "startTime": slot.venue.local(slot.starts_at).isoformat(),
        "venueId": slot.venue.public_id,
    }

    GraphQLApi(server).change(customer, booked.body["id"], "cancel")
    assert socket.receive(1)["payload"]["data"]["slotAvailabilityChanged"]["version"] == 2


def test_a_change_made_by_another_process_is_seen_too(socket: Socket) -> None:
    slot = make_slot(capacity=2)
    _initialise(socket).watch(slot.venue.public_id)
    booking = create_booking(actor=make_customer(), seats=seats_on(slot, 2))
    seen = socket.receive(2)["payload"]["data"]["slotAvailabilityChanged"]
    assert (seen["status"], seen["remainingCapacity"]) == ("FULL", 0)
    assert Booking.objects.get(pk=booking.pk).status == "PENDING"


def test_a_change_elsewhere_is_not_heard(socket: Socket) -> None:
    watched, elsewhere = make_slot(), make_slot()
    _initialise(socket).watch(watched.venue.public_id)
    create_booking(actor=make_customer(), seats=seats_on(elsewhere))
    create_booking(actor=make_customer(), seats=seats_on(watched))
    seen = socket.receive(2)["payload"]["data"]["slotAvailabilityChanged"]
    assert seen["slotId"] == watched.public_id


def test_after_complete_nothing_more_is_sent(socket: Socket) -> None:
    slot = make_slot()
    _initialise(socket).watch(slot.venue.public_id)
    socket.send(id="watch", type="complete")
    socket.send(type="ping")
    assert socket.receive() == {"type": "pong"}
    create_booking(actor=make_customer(), seats=seats_on(slot))
    with pytest.raises(TimeoutError):
        socket.receive(0.5)
    socket.watch(slot.venue.public_id)


def test_queries_and_mutations_run_over_the_socket(socket: Socket) -> None:
    slot, customer = make_slot(), make_customer()
    _initialise(socket, customer)
    document = "mutation($i: CreateBookingInput!) { createBooking(input: $i) { status } }"
    wanted = {"slotId": slot.public_id, "venueId": slot.venue.public_id, "guestCount": 1}
    socket.subscribe(document, i=wanted)
    assert socket.receive()["payload"] == {"data": {"createBooking": {"status": "PENDING"}}}
    assert socket.receive() == {"id": "1", "type": "complete"}


@pytest.mark.parametrize(
    "venue", [lambda: make_venue(is_public=False), lambda: Venue(name="never saved")]
)
def test_a_venue_out_of_reach_cannot_be_watched(socket: Socket, venue) -> None:
    _initialise(socket).subscribe(WATCH, v=venue().public_id)
    answer = socket.receive()
    errors = answer["payload"]["errors"] if answer["type"] == "next" else answer["payload"]
    assert errors[0]["extensions"]["code"] == "NOT_FOUND"


def test_an_invalid_document_is_an_error_of_its_operation(socket: Socket) -> None:
    _initialise(socket).subscribe("subscription { nope }", "7")
    answer = socket.receive()
    assert (answer["id"], answer["type"]) == ("7", "error")
    assert answer["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"


def test_the_protocol_is_kept(server: str) -> None:
    def closes(*messages: Any, subprotocol: str = "graphql-transport-ws") -> int:
        with _socket(server, subprotocol) as socket:
            for message in messages:
                text = message if isinstance(message, str | bytes) else json.dumps(message)
                socket.connection.send(text)
            return socket.close_code()

    init = {"type": "connection_init"}
    watch = {"id": "1", "type": "subscribe", "payload": {"query": "subscription { x }"}}
    assert closes("nonsense") == 4400
    assert closes("[]") == 4400
    assert closes({"type": "nonsense"}) == 4400
    assert closes(init, {"type": "subscribe", "id": "1"}) == 4400
    assert closes(init, {"type": "subscribe", "payload": {"query": "{ me }"}}) == 4400
    assert closes(watch) == 4401
    assert closes({**init, "payload": {"authorization": "Bearer nonsense"}}) == 4403
    assert closes(init, init) == 4429
    assert closes(subprotocol="graphql-ws") == 4406


def test_an_operation_id_is_used_once_at_a_time(socket: Socket) -> None:
    venue = make_venue()
    _initialise(socket).watch(venue.public_id)
    socket.subscribe(WATCH, "watch", v=venue.public_id)
    assert socket.close_code() == 4409


def test_of_a_burst_on_one_slot_the_last_is_heard_and_none_out_of_order(socket: Socket) -> None:
    slot = make_slot(capacity=100)
    _initialise(socket).watch(slot.venue.public_id)
    customer = make_customer()
    for _ in range(5):
        booking = create_booking(actor=customer, seats=seats_on(slot))
        apply_transition(actor=customer, booking_id=booking.pk, transition=CANCEL)
    versions = [0]
    while versions[-1] < 10:
        change = socket.receive()["payload"]["data"]["slotAvailabilityChanged"]
        assert change["version"] > versions[-1]
        versions.append(change["version"])
    assert change["remainingCapacity"] == 100
    assert Slot.objects.get(pk=slot.pk).version == 10


def test_a_page_of_another_site_opens_no_socket(server: str) -> None:
    address = server.replace("http", "ws", 1) + "/graphql"
    protocols: Any = ["graphql-transport-ws"]
    with pytest.raises(InvalidStatus) as refused:
        connect(address, subprotocols=protocols, origin="https://elsewhere.example")  # type: ignore[arg-type]
    assert refused.value.response.status_code == 403
    with connect(address, subprotocols=protocols, origin=server) as ours:  # type: ignore[arg-type]
        assert _initialise(Socket(ours))


def test_one_caller_has_so_many_sockets_and_sends_so_many_messages(
    django_db_setup: None, tmp_path: Path
) -> None:
    log = tmp_path / "web.log"
    with (
        log.open("wb") as file,
        web_process(SOCKETS_PER_CALLER="2", log=file) as address,
        _socket(address) as first,
    ):
        with _socket(address) as second:
            _initialise(second)
            with _socket(address) as third:
                assert third.close_code() == 4429
        # The account's own count stands beside its address's.
        _initialise(first, make_customer())
        # The last of them may find nobody any more.
        with suppress(ConnectionClosed):
            for _ in range(1_000):
                first.send(type="ping")
        assert first.close_code() == 4429
    assert "Exception" not in log.read_text()


def test_an_id_may_be_used_again_at_once(socket: Socket) -> None:
    _initialise(socket)
    venue = make_venue()
    for _ in range(5):
        socket.subscribe(WATCH, "same", v=venue.public_id)
        socket.send(id="same", type="complete")
    socket.subscribe("{ __typename }", "same")
    assert socket.receive()["type"] == "next"
    assert socket.receive() == {"id": "same", "type": "complete"}


def test_what_moved_while_redis_heard_nobody_is_told_when_it_does(
    socket: Socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot, still = make_slot(), make_slot()
    _initialise(socket).watch(Venue.format_id(slot.venue_id))
    with Redis.from_url(settings.REDIS_URL) as redis:
        # Told to nobody, as while the connection is down.
        monkeypatch.setattr(batches, "about_slots", lambda _slots: [])
        create_booking(actor=make_customer(), seats=seats_on(slot, 4))
        assert redis.client_kill_filter(_type="pubsub") >= 1
    told = socket.receive(15)["payload"]["data"]["slotAvailabilityChanged"]
    assert (told["slotId"], told["remainingCapacity"]) == (slot.public_id, 6)
    assert still.version == 0
    with pytest.raises(TimeoutError):
        socket.receive(0.5)

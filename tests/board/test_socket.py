"""The socket of a venue's board, against a real server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from redis import Redis
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from accounts.actors import account
from accounts.models import Membership, Role, User
from accounts.services.logins import log_out_everywhere
from bookings import batches
from bookings.models import Slot
from bookings.services.bookings import apply_transition, create_booking
from bookings.states import CANCEL
from tests.factories import bearer, make_customer, make_member, make_resource, make_slot, make_venue
from tests.factories import seats_on as seats

pytestmark = pytest.mark.django_db(transaction=True)


class Board:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, **message: Any) -> None:
        self.connection.send(json.dumps(message))

    def hear(self, seconds: float = 5) -> Any:
        return json.loads(self.connection.recv(seconds))

    def hear_of(self, kind: str, number: int = 1) -> list[Any]:
        heard: list[Any] = []
        while len(heard) < number:
            message = self.hear()
            if message["type"] == kind:
                heard.append(message[kind])
        return heard

    def close_code(self) -> int:
        try:
            while True:
                self.connection.recv(10)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006


@contextmanager
def opened(
    server: str, venue_id: str, headers: dict[str, str] | None = None, **options: Any
) -> Iterator[Board]:
    address = f"{server.replace('http', 'ws', 1)}/ws/venues/{venue_id}/"
    with connect(address, additional_headers=headers, **options) as connection:
        yield Board(connection)


def _token(user: User) -> dict[str, str]:
    return {"Authorization": bearer(account(user.pk))}


def _cookies(user: User) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    return {"Cookie": f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"}


def _watch(board: Board, slot: Slot) -> Any:
    """Choose the slot's day, and give its snapshot."""
    assert board.hear()["type"] == "snapshot"
    board.send(type="watch", date=slot.venue.local(slot.starts_at).date().isoformat())
    return board.hear()


@pytest.mark.parametrize("credentials", [_token, _cookies, None])
def test_a_snapshot_and_then_what_changes(
    server: str, slot: Slot, staff: User, credentials: Any
) -> None:
    before = create_booking(actor=make_customer(), seats=seats(slot, 2))
    headers = credentials(staff) if credentials else None
    with opened(server, slot.venue.public_id, headers) as board:
        if headers is None:
            board.send(type="auth", token=bearer(account(staff.pk)).removeprefix("Bearer "))
        snapshot = _watch(board, slot)
        assert snapshot["type"] == "snapshot"
        assert snapshot["venue"]["timezone"] == "Europe/Copenhagen"
        (told,) = snapshot["slots"]
        assert (told["id"], told["remaining_capacity"], told["version"]) == (slot.public_id, 8, 1)
        (booked,) = snapshot["bookings"]
        assert (booked["id"], booked["slot_ids"]) == (before.public_id, [slot.public_id])

        booking = create_booking(actor=make_customer(), seats=seats(slot, 3))
        of_slot, of_booking = board.hear(), board.hear()
        if of_slot["type"] == "booking":
            of_slot, of_booking = of_booking, of_slot
        assert (of_slot["slot"]["remaining_capacity"], of_slot["slot"]["version"]) == (5, 2)
        assert of_booking["booking"]["id"] == booking.public_id
        assert of_booking["booking"]["status"] == "PENDING"
        assert of_booking["booking"]["guest_count"] == 3
        apply_transition(actor=account(staff.pk), booking_id=booking.pk, transition=CANCEL)
        (cancelled,) = board.hear_of("booking")
        assert (cancelled["status"], cancelled["version"]) == ("CANCELLED", 2)


def test_what_happens_on_another_day_or_venue_is_not_told(
    server: str, slot: Slot, staff: User
) -> None:
    later = make_slot(slot.resource, starts_at=slot.starts_at + timedelta(days=3))
    with opened(server, slot.venue.public_id, _token(staff)) as board:
        _watch(board, slot)
        create_booking(actor=make_customer(), seats=seats(make_slot()))
        create_booking(actor=make_customer(), seats=seats(later))
        last = create_booking(actor=make_customer(), seats=seats(slot))
        heard: list[Any] = []
        while not heard or heard[-1].get("booking", {}).get("id") != last.public_id:
            heard.append(board.hear())
        slots = {one["slot"]["id"] for one in heard if one["type"] == "slot"}
        assert slots <= {slot.public_id}
        assert len([one for one in heard if one["type"] == "booking"]) == 2


def test_who_is_let_in(server: str, slot: Slot, staff: User) -> None:
    venue = slot.venue.public_id
    limited = make_member(slot.venue.organization, Role.STAFF)
    Membership.objects.filter(user=limited).update(venue_ids=[make_venue().pk])
    stranger = make_member(make_venue().organization, Role.OWNER)
    customer = make_customer()
    private = make_venue(is_public=False)
    for headers, venue_id, code in (
        (_token(limited), venue, 4403),
        (_token(stranger), venue, 4403),
        (_cookies(stranger), venue, 4403),
        ({"Authorization": bearer(customer)}, venue, 4403),
        ({"Authorization": "Bearer nonsense"}, venue, 4403),
        (_token(staff), f"venue_{'0' * 26}", 4404),
        (_token(staff), private.public_id, 4404),
        (_token(staff), "slot_1", 4404),
    ):
        with opened(server, venue_id, headers) as board:
            assert board.close_code() == code, (headers, venue_id)
    with opened(server, venue) as board:
        board.send(type="watch", date=None)
        assert board.close_code() == 4401
    with (
        pytest.raises(InvalidStatus) as refused,
        opened(server, venue, _cookies(staff), origin="https://elsewhere.example"),
    ):
        pass
    assert refused.value.response.status_code == 403


def test_nonsense_is_told_or_ends_the_socket(server: str, slot: Slot, staff: User) -> None:
    with opened(server, slot.venue.public_id, _token(staff)) as board:
        assert board.hear()["type"] == "snapshot"
        for day in ("tomorrow", 7, True, ["2026-01-01"], "2026-02-30", "0001-01-01"):
            board.send(type="watch", date=day)
            error = board.hear()
            assert (error["type"], error["code"]) == ("error", "BAD_USER_INPUT"), day
        board.send(type="ping")
        assert board.hear() == {"type": "pong"}
    for nonsense in ("[]", "nonsense", '{"type": 7}', '{"type": "auth", "token": "x"}', "\0"):
        with opened(server, slot.venue.public_id, _token(staff)) as board:
            board.connection.send(nonsense)
            assert board.close_code() == 4400, nonsense


def test_whoever_may_no_longer_see_the_board_loses_it(server: str, slot: Slot, staff: User) -> None:
    other = make_member(slot.venue.organization, Role.STAFF)
    client = Client()
    client.force_login(other)
    cookie = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"}
    with (
        opened(server, slot.venue.public_id, _token(staff)) as by_token,
        opened(server, slot.venue.public_id, cookie) as by_cookie,
        opened(server, slot.venue.public_id, _cookies(staff)) as as_member,
    ):
        for board in (by_token, by_cookie, as_member):
            assert board.hear()["type"] == "snapshot"
        log_out_everywhere(actor=account(staff.pk))
        client.logout()
        assert by_token.close_code() == 4403
        assert by_cookie.close_code() == 4403
        Membership.objects.filter(user=staff).delete()
        assert as_member.close_code() == 4403


def test_what_moved_while_redis_heard_nobody_is_told_when_it_does(
    server: str, slot: Slot, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One that is new counts as one that has moved.
    make_slot(make_resource(slot.venue), starts_at=slot.starts_at)
    with (
        opened(server, slot.venue.public_id, _token(staff)) as board,
        Redis.from_url(settings.REDIS_URL) as redis,
    ):
        _watch(board, slot)
        # Told to nobody, as while the connection is down.
        for name in ("about_slots", "about_bookings"):
            monkeypatch.setattr(batches, name, lambda _changed: [])
        booking = create_booking(actor=make_customer(), seats=seats(slot, 4))
        redis.client_kill_filter(_type="pubsub")
        heard = [board.hear(15) for _ in range(3)]
        changed = {one["slot"]["id"]: one["slot"] for one in heard if one["type"] == "slot"}
        assert changed[slot.public_id]["remaining_capacity"] == 6
        (of_booking,) = [one["booking"]["id"] for one in heard if one["type"] == "booking"]
        assert of_booking == booking.public_id

"""Lists of bookings by REST: who sees which, filtered, in order, by pages."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.actors import ANONYMOUS, Actor, account
from bookings.models import Booking
from bookings.services.bookings import create_booking, create_hold
from bookings.states import BookingStatus
from reserve.core.clock import now
from tests.factories import (
    bearer,
    make_consecutive_slots,
    make_customer,
    make_member,
    make_resource,
    make_slot,
    make_venue,
    seats_on,
)
from tests.openapi import checked_client
from venues.models import Closure, Venue

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def http(server: str) -> Iterator[httpx.Client]:
    with checked_client(f"{server}/api/v1") as client:
        yield client


def _read(http: httpx.Client, path: str, actor: Actor, **asked: Any) -> httpx.Response:
    headers = {"Authorization": bearer(actor)} if actor.user_id else {}
    return http.get(path, params=asked, headers=headers)


def _ids(http: httpx.Client, path: str, actor: Actor, **asked: Any) -> list[str]:
    page = _read(http, path, actor, **asked)
    assert page.status_code == 200, page.text
    assert page.json()["count"] >= len(page.json()["results"])
    return [booking["id"] for booking in page.json()["results"]]


def test_customers_read_their_own_bookings(http: httpx.Client) -> None:
    customer, other = make_customer(), make_customer()
    slots = make_consecutive_slots(make_resource(make_venue(timezone="UTC")), 3)
    made = [create_booking(actor=customer, seats=seats_on(slot)) for slot in (slots[1], slots[0])]
    made.append(create_hold(actor=customer, seats=seats_on(slots[2])))
    create_booking(actor=other, seats=seats_on(slots[0]))
    second, first, held = (booking.public_id for booking in made)

    assert _ids(http, "/bookings", customer) == [held, first, second]
    assert _ids(http, "/bookings", customer, ordering="created_at") == [second, first, held]
    assert _ids(http, "/bookings", customer, ordering="start_time") == [first, second, held]
    assert _ids(http, "/bookings", customer, ordering="-start_time") == [held, second, first]
    assert _ids(http, "/bookings", customer, status="HELD") == [held]
    assert _ids(http, "/bookings", customer, status="EXPIRED") == []
    since = slots[1].starts_at.isoformat()
    assert _ids(http, "/bookings", customer, **{"from": since}) == [held, second]
    assert _ids(http, "/bookings", customer, to=since) == [first]
    Booking.objects.filter(pk=made[2].pk).update(hold_expires_at=now() - timedelta(seconds=1))
    assert _ids(http, "/bookings", customer, status="EXPIRED") == [held]

    refused = _read(http, "/bookings", ANONYMOUS)
    assert (refused.status_code, refused.json()["code"]) == (401, "UNAUTHENTICATED")


def test_a_list_says_the_same_of_a_booking_as_its_own_address(http: httpx.Client) -> None:
    customer, slot = make_customer(), make_slot()
    booking = create_booking(actor=customer, seats=seats_on(slot))
    listed = _read(http, "/bookings", customer).json()["results"][0]
    assert listed == _read(http, f"/bookings/{booking.public_id}", customer).json()
    assert listed["slot"] == listed["slots"][0]
    assert listed["slot"]["id"] == slot.public_id


def test_staff_read_the_bookings_of_their_venue(http: httpx.Client) -> None:
    room = make_resource(make_venue(timezone="UTC"))
    slots = make_consecutive_slots(room, 2)
    far = make_slot(room, starts_at=slots[0].starts_at + timedelta(days=1))
    staff = account(make_member(room.organization).pk)
    made = [
        create_booking(actor=make_customer(), seats=seats_on(slot)).public_id
        for slot in (slots[0], slots[1], far)
    ]
    path = f"/venues/{room.venue.public_id}/bookings"
    day = slots[0].starts_at.date().isoformat()

    assert _ids(http, path, staff) == made[::-1]
    assert _ids(http, path, staff, date=day) == made[:2]
    assert _ids(http, path, staff, date=day, ordering="-start_time") == made[1::-1]
    assert _ids(http, path, staff, ordering="start_time", status="PENDING") == made
    assert _ids(http, path, staff, status="CANCELLED") == []
    code = Booking.objects.get(pk=Booking.parse_id(made[2])).confirmation_code
    assert _ids(http, path, staff, search=code) == [made[2]]

    page = _read(http, path, staff, first=2, ordering="start_time", fields="id").json()
    following = http.get(page["next"], headers={"Authorization": bearer(staff)}).json()
    assert [row["id"] for row in page["results"] + following["results"]] == made
    assert (page["count"], following["next"]) == (3, None)
    assert list(page["results"][0]) == ["id"]


def test_nobody_else_reads_the_bookings_of_a_venue(http: httpx.Client) -> None:
    slot = make_slot()
    hidden = make_slot(make_resource(make_venue(is_public=False)))
    customer = make_customer()
    create_booking(actor=customer, seats=seats_on(slot))
    elsewhere = account(make_member(make_venue().organization).pk)
    for actor, status in ((ANONYMOUS, 401), (customer, 403), (elsewhere, 403)):
        answer = _read(http, f"/venues/{slot.venue.public_id}/bookings", actor)
        assert answer.status_code == status
    path = f"/venues/{hidden.venue.public_id}/bookings"
    assert _read(http, path, elsewhere).status_code == 404


def test_a_list_that_makes_no_sense_is_refused(http: httpx.Client) -> None:
    venue = make_venue()
    staff = account(make_member(venue.organization).pk)
    theirs = f"/venues/{venue.public_id}/bookings"
    for path, name, value in (
        ("/bookings", "status", "LOST"),
        ("/bookings", "from", "2030-01-01"),
        ("/bookings", "to", "soon"),
        ("/bookings", "ordering", "notes"),
        ("/bookings", "ordering", "--start_time"),
        ("/bookings", "first", "101"),
        ("/bookings", "first", "0"),
        ("/bookings", "after", "nonsense"),
        ("/bookings", "page", "2"),
        (theirs, "date", "2030-02-30"),
        (theirs, "search", "x" * 201),
        (theirs, "ordering", "created_at"),
        (theirs, "from", "2030-01-01T00:00:00Z"),
        ("/venues", "ordering", "distance_km"),
    ):
        refused = _read(http, path, staff, **{name: value})
        assert refused.status_code == 400, (path, name, value)
        assert list(refused.json()["errors"]) == [name]


def test_venues_and_closures_are_read_backwards_too(http: httpx.Client) -> None:
    names = ["Aa", "Bb", "Cc"]
    venues: list[Venue] = [make_venue(name=name) for name in names]
    found = http.get("/venues?ordering=-name&first=2").json()
    following = http.get(found["next"]).json()
    assert [venue["name"] for venue in found["results"] + following["results"]] == names[::-1]
    for day in (1, 2):
        Closure.objects.create(
            organization=venues[0].organization,
            venue=venues[0],
            first_date=f"2030-01-0{day}",
            last_date=f"2030-01-0{day}",
        )
    closures = http.get(f"/venues/{venues[0].public_id}/closures?ordering=-first_date").json()
    days = [closure["first_date"] for closure in closures["results"]]
    assert days == ["2030-01-02", "2030-01-01"]


def test_a_page_costs_the_same_however_many_bookings_it_has() -> None:
    customer = make_customer()
    room = make_resource(make_venue())
    client = APIClient(headers={"Authorization": bearer(customer)})
    statements = []
    for slot in make_consecutive_slots(room, 12):
        create_booking(actor=customer, seats=seats_on(slot))
        with CaptureQueriesContext(
            connection,
        ) as captured:
            page = client.get("/api/v1/bookings").json()
        statements.append(len(captured))
    assert page["count"] == 12
    assert page["results"][0]["status"] == BookingStatus.PENDING
    assert len(set(statements[1:])) == 1

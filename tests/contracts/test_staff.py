"""Staff and their venues: who may, what is refused, what a dry run says; REST and GraphQL alike."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.actors import SYSTEM
from bookings.models import Booking, Slot
from bookings.services.bookings import create_booking
from bookings.services.publication import republish
from bookings.services.slots import change_slot
from tests.contracts.bad_input import asked_of
from tests.factories import (
    make_customer,
    seats_on,
    tomorrow_at,
)
from tests.staff import (
    MOVING,
    GraphQLStaff,
    Place,
    RestStaff,
    StaffApi,
    closure,
    make_place,
    opening,
    special,
)
from venues.models import Resource
from venues.services import venues

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=[GraphQLStaff, RestStaff], ids=["graphql", "rest"])
def api(request: pytest.FixtureRequest, server: str) -> StaffApi:
    return request.param(server)


@pytest.fixture
def place() -> Place:
    return make_place()


# What each operation is asked that can be done.
def good(place: Place) -> dict[str, dict[str, Any]]:
    starts = tomorrow_at(18)
    return {
        "create_venue": {
            "organization_id": place.venue.organization.public_id,
            "name": "The New Room",
            "slug": "the-new-room",
            "timezone": "Europe/Copenhagen",
            "picture_urls": ["https://pictures.example/room.jpg"],
            "resource": {"name": "Hall", "capacity": 30, "booking_mode": "EXCLUSIVE"},
        },
        "update_venue": {"city": "Aarhus", "booking_horizon_days": 20},
        "add_resource": {"name": "Bar", "capacity": 6},
        "update_resource": {"capacity": 12, "booking_mode": "EXCLUSIVE"},
        "set_opening_hours": {"openings": [opening(), opening(weekday=4, closes_at="02:00")]},
        "set_special_hours": {"special_hours": [special(reason="Fair")]},
        "add_special_hours": special(resource_id=place.resource.public_id),
        "remove_special_hours": {},
        "add_closure": closure(reason="Snow", resource_id=place.resource.public_id),
        "update_closure": {"last_date": "2032-01-05"},
        "remove_closure": {},
        "add_slot": {
            "resource_id": place.resource.public_id,
            "start_time": starts.isoformat(),
            "end_time": (starts + timedelta(minutes=45)).isoformat(),
        },
        "update_slot": {"capacity": 7, "is_closed": True, "reason": "Burst pipe"},
    }


OPERATIONS = (*MOVING, "create_venue", "add_slot", "update_slot")
OF_SLOTS = {"add_slot", "update_slot"}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_only_those_who_may_change_a_place(api: StaffApi, operation: str) -> None:
    public, hidden = make_place(), make_place(is_public=False)
    for place in (public, hidden):
        asked = good(place)[operation]
        before = place.rows()
        refused = ["customer", "stranger", "anonymous"]
        refused += [] if operation in OF_SLOTS else ["staff"]
        for who in refused:
            said = api.do(operation, place.people[who], place.ids, asked)
            sees = place is public or who == "staff" or operation == "create_venue"
            assert said.code == ("FORBIDDEN" if sees else "NOT_FOUND"), who
            if operation in MOVING:
                said = api.do(operation, place.people[who], place.ids, asked, dry_run=True)
                assert said.code == ("FORBIDDEN" if sees else "NOT_FOUND"), who
        assert place.rows() == before
        may = "staff" if operation in OF_SLOTS else "manager"
        assert api.do(operation, place.people[may], place.ids, asked).code is None
        assert place.rows() != before


@pytest.mark.parametrize("operation", OPERATIONS)
def test_owners_get_what_they_have_changed(api: StaffApi, place: Place, operation: str) -> None:
    asked, owner = good(place)[operation], place.people["owner"]
    said = api.do(operation, owner, place.ids, asked)
    assert said.code is None, said
    content = said.content
    if operation.startswith("remove"):
        assert api.do(operation, owner, place.ids, asked).code == "NOT_FOUND"
        return
    if operation in {"set_opening_hours", "set_special_hours"}:
        (name,) = asked
        content, asked = content[name][0], asked[name][0]
    if operation == "update_slot":
        assert (content["capacity"], content["status"]) == (7, "CLOSED")
        assert content["unavailable_reason"] == "SLOT_CLOSED"
        return
    for name, value in asked.items():
        if name in content and not name.endswith(("_at", "_time")):
            assert content[name] == value, name
    if operation == "create_venue":
        assert Resource.objects.get(venue__slug="the-new-room").is_exclusive
    if operation == "add_slot":
        assert Slot.objects.get(is_added_by_hand=True).capacity == place.resource.capacity


def test_a_dry_run_changes_nothing(api: StaffApi, place: Place) -> None:
    before, owner = place.rows(), place.people["owner"]
    for operation in MOVING:
        said = api.do(operation, owner, place.ids, good(place)[operation], dry_run=True)
        assert said.code is None, said
        assert said.content["conflicts"]["count"] == 0
        assert place.rows() == before


def test_a_dry_run_tells_what_becomes_of_slots_and_bookings(api: StaffApi, place: Place) -> None:
    Slot.objects.all().delete()
    owner, week = place.people["owner"], {"openings": [opening(weekday=day) for day in range(7)]}
    said = api.do("set_opening_hours", owner, place.ids, week, dry_run=True)
    added = said.content["added"]
    assert added["count"] > len(added["first"]) == 50
    assert said.content["removed"] == {"count": 0, "first": []}
    assert api.do("set_opening_hours", owner, place.ids, week).code is None
    republish(venue_id=place.venue.pk)
    slots = Slot.objects.filter(starts_at__gte=tomorrow_at(0))
    used, touched = slots.get(starts_at=tomorrow_at(16)), slots.get(starts_at=tomorrow_at(16, 30))
    customer = make_customer()
    booking = create_booking(actor=customer, seats=seats_on(used, 3))
    change_slot(actor=SYSTEM, slot_id=touched.pk, is_closed=True)
    change_slot(actor=SYSTEM, slot_id=touched.pk, is_closed=False)

    shorter = {"openings": [opening(weekday=day, closes_at="16:00") for day in range(7)]}
    before = place.rows()
    said = api.do("set_opening_hours", owner, place.ids, shorter, dry_run=True)
    assert place.rows() == before
    assert said.content["withdrawn"]["count"] == 2
    assert said.content["removed"]["count"] > 10
    assert said.content["booking_count"] == 1
    (conflict,) = said.content["conflicts"]["first"]
    assert conflict["kind"] == "NOT_PLANNED"
    assert conflict["slot"]["slot_id"] == used.public_id
    (told,) = conflict["bookings"]
    assert (told["id"], told["confirmation_code"], told["guest_count"]) == (
        booking.public_id,
        booking.confirmation_code,
        3,
    )
    assert told["start_time"] == place.venue.local(used.starts_at).isoformat()

    assert api.do("set_opening_hours", owner, place.ids, shorter).code is None
    republish(venue_id=place.venue.pk)
    used.refresh_from_db()
    assert (used.is_withdrawn, used.reserved) == (True, 3)
    assert Booking.objects.get().status == "PENDING"


def test_a_venue_begins_with_one_resource_in_either_case(api: StaffApi, place: Place) -> None:
    for number, resource in enumerate((None, {"name": "Hall", "capacity": 3})):
        given = {"slug": f"new-{number}"} | ({"resource": resource} if resource else {})
        fields = asked_of("create_venue", given, place)
        said = api.do("create_venue", place.people["owner"], place.ids, fields)
        (first,) = Resource.objects.filter(venue__slug=f"new-{number}")
        assert said.content["id"] == first.venue.public_id
        named = (resource["name"], 3) if resource else ("The New Room", venues.FIRST_CAPACITY)
        assert (first.name, first.capacity) == named

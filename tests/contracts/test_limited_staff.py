"""Staff who are limited to venues, through both APIs: at the others they are like anybody else."""

from dataclasses import dataclass
from typing import Any

import pytest

from accounts.actors import Actor, account
from accounts.models import Membership
from bookings.models import Booking, Slot
from bookings.services.bookings import create_booking
from tests.clients import BookingApi, GraphQLApi
from tests.factories import (
    make_consecutive_slots,
    make_customer,
    make_member,
    make_organization,
    make_resource,
    make_venue,
    seats_on,
    somebody,
    tomorrow_at,
)
from tests.staff import GraphQLStaff, RestStaff, StaffApi
from venues.models import Resource

pytestmark = pytest.mark.django_db(transaction=True)

DENIED = {True: "FORBIDDEN", False: "NOT_FOUND"}


@dataclass
class There:
    """A venue of the organization, with a booking that waits for an answer."""

    resource: Resource
    slots: list[Slot]
    booking: Booking

    @property
    def ids(self) -> dict[str, str]:
        return {
            "venue": self.resource.venue.public_id,
            "resource": self.resource.public_id,
            "slot": self.slots[0].public_id,
        }


def _there(organization: Any, *, is_public: bool) -> There:
    venue = make_venue(organization=organization, is_public=is_public, confirmation_mode="MANUAL")
    resource = make_resource(venue)
    slots = make_consecutive_slots(resource, 3)
    # Staff of everywhere made it, as a private venue takes no other.
    booked_by = account(make_member(organization).pk)
    booking = create_booking(actor=booked_by, seats=seats_on(slots[0], 2, guest=somebody()))
    return There(resource, slots, booking)


@pytest.fixture
def organization() -> Any:
    return make_organization()


@pytest.fixture
def limited(organization: Any) -> Actor:
    """Staff of another venue than those that a test makes."""
    return account(make_member(organization, venues=[make_venue(organization=organization)]).pk)


def _staff_of(api: BookingApi) -> StaffApi:
    kind, address = (
        (GraphQLStaff, api._http.base_url)
        if isinstance(api, GraphQLApi)
        else (RestStaff, str(api._http.base_url).removesuffix("/api/v1/"))
    )
    return kind(str(address).rstrip("/"))


def _state(there: There) -> Any:
    there.booking.refresh_from_db()
    slots = Slot.objects.filter(resource=there.resource).order_by("starts_at")
    return (
        there.booking.status,
        there.booking.guest_count,
        list(slots.values_list("pk", "capacity", "is_closed", "reserved", "version")),
        Booking.objects.filter(venue=there.resource.venue).count(),
    )


@pytest.mark.parametrize("is_public", [True, False], ids=["public", "private"])
def test_elsewhere_they_are_like_anybody_else(
    api: BookingApi, organization: Any, limited: Actor, is_public: bool
) -> None:
    there, staff = _there(organization, is_public=is_public), _staff_of(api)
    before, denied = _state(there), DENIED[is_public]
    booking_id = there.booking.public_id
    for verb in ("approve", "decline", "check-in", "no-show", "complete", "cancel", "confirm"):
        assert api.change(limited, booking_id, verb).code == "NOT_FOUND", verb
    assert api.booking(limited, booking_id).code == "NOT_FOUND"
    assert api.update(limited, booking_id, 3).code == "NOT_FOUND"
    assert api.reschedule(limited, booking_id, there.slots[1]).code == "NOT_FOUND"
    for_somebody = seats_on(there.slots[1], guest=somebody())
    assert api.create_booking(limited, for_somebody).code == denied
    assert api.create_hold(limited, for_somebody).code == denied
    change = {"capacity": 5}
    assert staff.do("update_slot", limited, there.ids, change).code == denied
    assert staff.do("add_slot", limited, there.ids, _new_slot(there)).code == denied
    assert staff.do("update_venue", limited, there.ids, {"name": "Ours"}).code == denied
    day = there.slots[0].starts_at.date().isoformat()
    slots = api.available_slots(limited, there.ids["venue"], day)
    assert slots.code == (None if is_public else "NOT_FOUND")
    assert _state(there) == before


def _new_slot(there: There) -> dict[str, Any]:
    start, end = tomorrow_at(18), tomorrow_at(19)
    times = {"start_time": start.isoformat(), "end_time": end.isoformat()}
    return {"resource_id": there.ids["resource"]} | times


@pytest.mark.parametrize("is_public", [True, False], ids=["public", "private"])
def test_where_they_work_they_are_staff(
    api: BookingApi, organization: Any, limited: Actor, is_public: bool
) -> None:
    there, staff = _there(organization, is_public=is_public), _staff_of(api)
    Membership.objects.filter(user_id=limited.user_id).update(venue_ids=[there.resource.venue_id])
    booking_id = there.booking.public_id
    assert api.booking(limited, booking_id).code is None
    assert api.change(limited, booking_id, "approve").body["status"] == "CONFIRMED"
    assert api.update(limited, booking_id, 3).code is None
    assert api.reschedule(limited, booking_id, there.slots[1]).code is None
    assert api.create_booking(limited, seats_on(there.slots[2], guest=somebody())).code is None
    assert staff.do("update_slot", limited, there.ids, {"capacity": 5}).code is None
    assert staff.do("add_slot", limited, there.ids, _new_slot(there)).code is None
    # What managers do remains theirs.
    assert staff.do("update_venue", limited, there.ids, {"name": "Ours"}).code == "FORBIDDEN"


def test_slots_of_a_private_venue_and_absent_ones_are_refused_in_the_same_words(
    api: BookingApi, organization: Any, limited: Actor
) -> None:
    there = _there(organization, is_public=False)
    absent = Slot(venue=there.resource.venue, resource=there.resource, id=Slot().pk)
    answers = set()
    for actor in (limited, make_customer()):
        for slot in (there.slots[0], absent):
            answer = api.create_booking(actor, seats_on(slot, slot_count=40))
            answers.add((answer.code, answer.body.get("message") or answer.body.get("detail")))
    assert len(answers) == 1
    assert next(iter(answers))[0] == "NOT_FOUND"

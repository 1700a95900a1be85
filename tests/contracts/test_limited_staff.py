"""Staff who are limited to venues, through both APIs: at the others they are like anybody else."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from accounts.actors import ANONYMOUS, Actor, account
from accounts.models import Membership, Role, User
from accounts.services.memberships import change_member, remove_member
from bookings.models import Booking, Slot
from bookings.services.bookings import create_booking
from bookings.services.slots import change_slot
from reserve.core.clock import now
from tests.clients import BookingApi, GraphQLApi
from tests.factories import (
    make_consecutive_slots,
    make_customer,
    make_member,
    make_organization,
    make_resource,
    make_slot,
    make_venue,
    seats_on,
    somebody,
    tomorrow_at,
)
from tests.sockets import initialise, open_socket
from tests.staff import GraphQLStaff, RestStaff, StaffApi
from venues.models import Resource
from venues.services.venues import update_venue

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


def staff_api_of(api: BookingApi) -> StaffApi:
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
    there, staff = _there(organization, is_public=is_public), staff_api_of(api)
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
    there, staff = _there(organization, is_public=is_public), staff_api_of(api)
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


def test_who_may_no_longer_see_a_private_venue_hears_no_more(
    server: str, organization: Any
) -> None:
    """However it came about: the subscription ends, with the code of an absent venue."""
    venue, hidden_later = (
        make_venue(organization=organization, is_public=is_public) for is_public in (False, True)
    )
    owner = account(make_member(organization, Role.OWNER).pk)
    roles = (Role.STAFF, Role.STAFF, Role.MANAGER, Role.STAFF)
    people = [account(make_member(organization, role).pk) for role in roles]
    gone, elsewhere, demoted, stays = people
    watched = [(person, venue) for person in people] + [(make_customer(), hidden_later)]
    with ExitStack() as stack:
        sockets = [stack.enter_context(open_socket(server)) for _ in watched]
        for socket, (person, place) in zip(sockets, watched, strict=True):
            initialise(socket, person).watch(place.public_id)
        began = time.monotonic()
        remove_member(actor=owner, membership_id=_membership_of(gone))
        other = {"role": Role.STAFF, "venue_ids": [hidden_later.pk]}
        change_member(actor=owner, membership_id=_membership_of(elsewhere), **other)
        change_member(actor=owner, membership_id=_membership_of(demoted), **other)
        update_venue(actor=owner, venue_id=hidden_later.pk, changes={"is_public": False})
        for socket in (sockets[0], sockets[1], sockets[2], sockets[4]):
            ended = socket.receive(6)
            assert (ended["id"], ended["type"]) == ("watch", "error")
            assert ended["payload"][0]["extensions"]["code"] == "NOT_FOUND"
        assert time.monotonic() - began < 5
        # Whoever still works there goes on, and hears of the next change.
        slot = make_slot(make_resource(venue))
        change_slot(actor=stays, slot_id=slot.pk, capacity=3)
        assert sockets[3].receive(6)["type"] == "next"


def _membership_of(actor: Actor) -> UUID:
    return Membership.objects.get(user_id=actor.user_id).pk


def test_venues_may_take_verified_accounts_only(api: BookingApi, organization: Any) -> None:
    venue = make_venue(organization=organization)
    slot = make_slot(make_resource(venue))
    unverified, verified = make_customer(), make_customer()
    User.objects.filter(pk=verified.user_id).update(email_verified_at=now())
    staff = account(make_member(organization).pk)
    manager = account(make_member(organization, Role.MANAGER).pk)
    assert api.create_booking(unverified, seats_on(slot)).code is None
    changed = staff_api_of(api).do(
        "update_venue", manager, {"venue": venue.public_id}, {"accepts_unverified": False}
    )
    assert changed.code is None
    for take in (api.create_booking, api.create_hold):
        refused = take(unverified, seats_on(slot))
        assert refused.code == "FORBIDDEN"
        assert "verified" in (refused.body.get("message") or refused.body["detail"])
        assert take(verified, seats_on(slot)).code is None
        # Whoever works there needs no mail to be known; a guest without account is another rule.
        assert take(staff, seats_on(slot)).code is None
        assert take(ANONYMOUS, seats_on(slot, guest=somebody())).code is None
    assert Booking.objects.filter(customer_id=unverified.user_id).count() == 1
    User.objects.filter(pk=unverified.user_id).update(email_verified_at=now())
    assert api.create_booking(unverified, seats_on(slot)).code is None


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

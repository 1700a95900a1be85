"""Setting up places, and who may."""

from datetime import date, time

import pytest

from accounts.actors import ANONYMOUS, SYSTEM, account
from accounts.models import Role
from reserve.core.errors import Forbidden, Invalid, NotFound
from reserve.core.ids import new_id
from tests.factories import (
    make_customer,
    make_hours,
    make_member,
    make_organization,
    make_resource,
    make_user,
    make_venue,
)
from venues.models import BookingMode, Closure, OpeningHours, Resource, Venue
from venues.services.venues import (
    Opening,
    VenueDetails,
    add_closure,
    add_resource,
    create_venue,
    set_opening_hours,
)

pytestmark = pytest.mark.django_db

DETAILS = VenueDetails(name="Kro", slug="kro", timezone="Europe/Copenhagen")
FIRST, LAST = date(2026, 12, 24), date(2026, 12, 26)
EVENING = Opening(4, time(18), time(2), slot_minutes=60, capacity=8)


def member(venue_or_organization, role):
    organization = getattr(venue_or_organization, "organization", venue_or_organization)
    return account(make_member(organization, role).pk)


@pytest.mark.parametrize("role", [Role.OWNER, Role.MANAGER])
def test_managers_set_up_a_place(role):
    organization = make_organization()
    actor = member(organization, role)
    venue = create_venue(actor=actor, organization_id=organization.pk, details=DETAILS)
    resource = add_resource(
        actor=actor,
        venue_id=venue.pk,
        name="Court",
        capacity=4,
        booking_mode=BookingMode.EXCLUSIVE,
    )
    (hours,) = set_opening_hours(actor=actor, resource_id=resource.pk, openings=[EVENING])
    closure = add_closure(
        actor=actor,
        venue_id=venue.pk,
        resource_id=resource.pk,
        first_date=FIRST,
        last_date=LAST,
        reason="Christmas",
    )
    venue.refresh_from_db()
    assert (venue.organization, venue.name, venue.timezone) == (
        organization,
        "Kro",
        "Europe/Copenhagen",
    )
    assert (resource.organization_id, resource.is_exclusive) == (organization.pk, True)
    assert list(resource.opening_hours.all()) == [hours]
    assert (hours.opens_at, hours.closes_at, hours.capacity) == (time(18), time(2), 8)
    assert list(venue.closures.all()) == [closure]


def test_administrators_manage_every_organization():
    administrator = account(make_user(is_superuser=True).pk)
    add_resource(actor=administrator, venue_id=make_venue().pk, name="Room", capacity=4)
    assert Resource.objects.exists()


@pytest.mark.parametrize("who", ["staff", "stranger", "customer", "anonymous"])
def test_others_may_not(who):
    resource = make_resource()
    venue = resource.venue
    make_hours(resource)
    actor = {
        "staff": lambda: member(venue, Role.STAFF),
        "stranger": lambda: member(make_organization(), Role.OWNER),
        "customer": make_customer,
        "anonymous": lambda: ANONYMOUS,
    }[who]()
    before = list(resource.opening_hours.all())
    with pytest.raises(Forbidden):
        create_venue(actor=actor, organization_id=venue.organization_id, details=DETAILS)
    with pytest.raises(Forbidden):
        add_resource(actor=actor, venue_id=venue.pk, name="Room", capacity=4)
    with pytest.raises(Forbidden):
        set_opening_hours(actor=actor, resource_id=resource.pk, openings=[])
    with pytest.raises(Forbidden):
        add_closure(actor=actor, venue_id=venue.pk, first_date=FIRST, last_date=LAST)
    assert (Venue.objects.count(), Resource.objects.count(), Closure.objects.count()) == (1, 1, 0)
    assert list(resource.opening_hours.all()) == before


def test_private_venue_looks_absent_to_strangers():
    resource = make_resource(make_venue(is_public=False))
    stranger = member(make_organization(), Role.OWNER)
    with pytest.raises(NotFound):
        add_resource(actor=stranger, venue_id=resource.venue_id, name="Room", capacity=4)
    with pytest.raises(NotFound):
        set_opening_hours(actor=stranger, resource_id=resource.pk, openings=[])


def test_what_is_absent_is_not_found():
    with pytest.raises(NotFound):
        add_resource(actor=SYSTEM, venue_id=new_id(), name="Room", capacity=4)
    with pytest.raises(NotFound):
        set_opening_hours(actor=SYSTEM, resource_id=new_id(), openings=[])
    elsewhere = make_resource()
    with pytest.raises(NotFound):
        add_closure(
            actor=SYSTEM,
            venue_id=make_venue().pk,
            resource_id=elsewhere.pk,
            first_date=FIRST,
            last_date=LAST,
        )


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (Opening(9, time(8), time(9)), "weekday"),
        (Opening(1, time(8), time(9), slot_minutes=0), "slot_minutes"),
        (Opening(1, time(8), time(9), capacity=-1), "capacity"),
    ],
)
def test_hours_are_replaced_whole_or_not_at_all(wrong, field):
    resource = make_resource()
    old = make_hours(resource)
    with pytest.raises(Invalid) as refused:
        set_opening_hours(actor=SYSTEM, resource_id=resource.pk, openings=[EVENING, wrong])
    assert list(refused.value.details["errors"]) == [field]
    assert list(resource.opening_hours.all()) == [old]
    set_opening_hours(actor=SYSTEM, resource_id=resource.pk, openings=[EVENING])
    assert [hours.weekday for hours in OpeningHours.objects.all()] == [4]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"name": ""}, "name"),
        ({"slug": "not a slug"}, "slug"),
        ({"confirmation_mode": "SOMETIMES"}, "confirmation_mode"),
        ({"maximum_party_size": -1}, "maximum_party_size"),
    ],
)
def test_venue_that_makes_no_sense_is_refused(changes, field):
    details = {"name": "Kro", "slug": "kro", "timezone": "Europe/Copenhagen"} | changes
    with pytest.raises(Invalid) as refused:
        create_venue(
            actor=SYSTEM, organization_id=make_organization().pk, details=VenueDetails(**details)
        )
    assert list(refused.value.details["errors"]) == [field]
    assert not Venue.objects.exists()


def test_slug_is_taken_once_in_an_organization():
    organization = make_organization()
    create_venue(actor=SYSTEM, organization_id=organization.pk, details=DETAILS)
    with pytest.raises(Invalid, match="already exists"):
        create_venue(actor=SYSTEM, organization_id=organization.pk, details=DETAILS)
    create_venue(actor=SYSTEM, organization_id=make_organization().pk, details=DETAILS)


def test_impossible_resources_and_closures_are_refused():
    venue = make_venue()
    with pytest.raises(Invalid) as refused:
        add_resource(actor=SYSTEM, venue_id=venue.pk, name="Room", capacity=0)
    assert "capacity" in refused.value.details["errors"]
    with pytest.raises(Invalid) as refused:
        add_closure(actor=SYSTEM, venue_id=venue.pk, first_date=LAST, last_date=FIRST)
    assert "last_date" in refused.value.details["errors"]
    assert (Resource.objects.count(), Closure.objects.count()) == (0, 0)

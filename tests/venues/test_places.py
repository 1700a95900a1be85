"""Setting up venues and resources: who may, what is refused, what is recorded."""

import unicodedata
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.actors import ANONYMOUS, SYSTEM, account
from accounts.models import Role
from reserve.core.errors import Forbidden, NotFound
from reserve.core.ids import new_id
from reserve.outbox.models import Event
from tests.factories import (
    make_customer,
    make_member,
    make_organization,
    make_resource,
    make_user,
    make_venue,
)
from venues.models import BookingMode, Resource, Venue
from venues.services.resources import ResourceDetails, add_resource, update_resource
from venues.services.venues import VenueDetails, create_venue, update_venue
from venues.validators import validate_line, validate_timezone

pytestmark = pytest.mark.django_db

DETAILS = VenueDetails(name="Kro", slug="kro", timezone="Europe/Copenhagen")
ROOM = ResourceDetails(name="Room", capacity=4)
PICTURE = "https://pictures.example/kro.jpg"


def member(organization, role):
    return account(make_member(organization, role).pk)


def events_of(venue) -> list[dict[str, Any]]:
    events = Event.objects.filter(subject_id=venue.pk).order_by("sequence")
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert {event.name for event in events} <= {"venue.schedule_changed"}
    return [event.payload for event in events]


# --- Who may -----------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.OWNER, Role.MANAGER])
def test_managers_set_up_a_place(role):
    organization = make_organization()
    actor = member(organization, role)
    details = VenueDetails(
        name="Kro",
        slug="kro",
        timezone="Europe/Copenhagen",
        region="Capital Region",
        latitude=55.67,
        longitude=12.57,
        contact_email="hello@kro.example",
        contact_phone="+45 33 00 00 00",
        website="https://kro.example",
        picture_urls=[PICTURE],
        description="Two lines\nand a\ttab.",
    )
    court = ResourceDetails(name="Court", capacity=4, booking_mode=BookingMode.EXCLUSIVE)
    venue = create_venue(
        actor=actor, organization_id=organization.pk, details=details, resource=court
    )
    venue.refresh_from_db()
    assert venue.organization == organization
    for name in ("latitude", "contact_email", "picture_urls", "description"):
        assert getattr(venue, name) == getattr(details, name)
    (resource,) = venue.resources.all()
    assert (resource.organization, resource.name) == (organization, "Court")
    assert (resource.is_exclusive, resource.capacity) == (True, 4)
    added = add_resource(actor=actor, venue_id=venue.pk, details=ROOM)
    assert update_venue(actor=actor, venue_id=venue.pk, changes={"city": "Ribe"}).city == "Ribe"
    update_resource(actor=actor, resource_id=added.pk, changes={"name": "Hall"})
    assert list(venue.resources.values_list("name", flat=True)) == ["Court", "Hall"]


def test_every_venue_starts_with_a_resource():
    venue = create_venue(actor=SYSTEM, organization_id=make_organization().pk, details=DETAILS)
    (resource,) = venue.resources.all()
    assert (resource.name, resource.capacity, resource.booking_mode) == ("Kro", 10, "SHARED")


def test_administrators_manage_every_organization():
    administrator = account(make_user(is_superuser=True).pk)
    add_resource(actor=administrator, venue_id=make_venue().pk, details=ROOM)
    assert Resource.objects.exists()


@pytest.mark.parametrize("who", ["staff", "stranger", "customer", "anonymous"])
def test_others_may_not(who):
    resource = make_resource()
    venue = resource.venue
    actor = {
        "staff": lambda: member(venue.organization, Role.STAFF),
        "stranger": lambda: member(make_organization(), Role.OWNER),
        "customer": make_customer,
        "anonymous": lambda: ANONYMOUS,
    }[who]()
    for service, arguments in (
        (create_venue, {"organization_id": venue.organization_id, "details": DETAILS}),
        (update_venue, {"venue_id": venue.pk, "changes": {"name": "Mine"}}),
        (add_resource, {"venue_id": venue.pk, "details": ROOM}),
        (update_resource, {"resource_id": resource.pk, "changes": {"capacity": 1}}),
    ):
        with pytest.raises(Forbidden):
            service(actor=actor, **arguments)
        venue.is_public = False
        venue.save()
        if service is not create_venue:
            with pytest.raises(Forbidden if who == "staff" else NotFound):
                service(actor=actor, **arguments)
        venue.is_public = True
        venue.save()
    assert (Venue.objects.get(), Resource.objects.get().capacity) == (venue, 10)
    assert not Event.objects.exists()


def test_what_is_absent_is_not_found():
    with pytest.raises(NotFound):
        update_venue(actor=SYSTEM, venue_id=new_id(), changes={})
    with pytest.raises(NotFound):
        add_resource(actor=SYSTEM, venue_id=new_id(), details=ROOM)
    with pytest.raises(NotFound):
        update_resource(actor=SYSTEM, resource_id=new_id(), changes={})


# --- What is refused ----------------------------------------------------------------


BAD_VENUES: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"name": "  "}, "name"),
    ({"name": "Kro\n"}, "name"),
    ({"name": "Kr\x00o"}, "name"),
    ({"name": "Kr\ud800o"}, "name"),
    ({"name": "x" * 201}, "name"),
    ({"name": None}, "name"),
    ({"name": 5}, "name"),
    ({"slug": "not a slug"}, "slug"),
    ({"slug": "kro\n"}, "slug"),
    ({"description": "\x07"}, "description"),
    ({"description": "a" * 10_001}, "description"),
    ({"city": "Ri\rbe"}, "city"),
    ({"region": "x" * 101}, "region"),
    ({"timezone": "Mars/Olympus"}, "timezone"),
    ({"timezone": "../etc/passwd"}, "timezone"),
    ({"timezone": ""}, "timezone"),
    ({"timezone": None}, "timezone"),
    ({"latitude": 55.6}, "longitude"),
    ({"longitude": 12.5}, "latitude"),
    ({"latitude": 90.1, "longitude": 0}, "latitude"),
    ({"latitude": 0, "longitude": -180.5}, "longitude"),
    ({"latitude": float("nan"), "longitude": 0}, "latitude"),
    ({"latitude": 0, "longitude": float("inf")}, "longitude"),
    ({"latitude": True, "longitude": 0}, "latitude"),
    ({"latitude": "55", "longitude": 0}, "latitude"),
    ({"contact_email": "nobody"}, "contact_email"),
    ({"contact_phone": "1" * 33}, "contact_phone"),
    ({"website": "javascript:alert(1)"}, "website"),
    ({"website": "kro.example"}, "website"),
    ({"picture_urls": ["http://pictures.example/kro.jpg"]}, "picture_urls"),
    ({"picture_urls": [PICTURE, "kro.jpg"]}, "picture_urls"),
    ({"picture_urls": [PICTURE, 5]}, "picture_urls"),
    ({"picture_urls": [PICTURE, None]}, "picture_urls"),
    ({"picture_urls": [PICTURE] * 21}, "picture_urls"),
    ({"picture_urls": [f"https://pictures.example/{'x' * 500}"]}, "picture_urls"),
    ({"picture_urls": PICTURE}, "picture_urls"),
    ({"is_public": 1}, "is_public"),
    ({"confirmation_mode": "SOMETIMES"}, "confirmation_mode"),
    ({"booking_horizon_days": 731}, "booking_horizon_days"),
    ({"booking_horizon_days": 36_525}, "booking_horizon_days"),
    ({"booking_horizon_days": -1}, "booking_horizon_days"),
    ({"booking_horizon_days": True}, "booking_horizon_days"),
    ({"booking_horizon_days": "90"}, "booking_horizon_days"),
    ({"booking_horizon_days": 90.0}, "booking_horizon_days"),
    ({"minimum_notice_minutes": 2**31}, "minimum_notice_minutes"),
    ({"minimum_notice_minutes": None}, "minimum_notice_minutes"),
    ({"hold_seconds": 0}, "hold_seconds"),
    ({"hold_seconds": 86_401}, "hold_seconds"),
    ({"minimum_party_size": 0}, "minimum_party_size"),
    ({"maximum_party_size": -1}, "maximum_party_size"),
    ({"maximum_party_size": 2**31}, "maximum_party_size"),
    ({"minimum_party_size": 4, "maximum_party_size": 3}, "maximum_party_size"),
    ({"cancellation_cutoff_minutes": 10**30}, "cancellation_cutoff_minutes"),
    ({"open_bookings_per_customer": 0}, "open_bookings_per_customer"),
]


@pytest.mark.parametrize(("changes", "field"), BAD_VENUES)
def test_a_venue_that_makes_no_sense_is_refused(changes, field, refused):
    details = {"name": "Kro", "slug": "kro", "timezone": "Europe/Copenhagen"} | changes
    organization = make_organization()
    errors = refused(
        create_venue,
        actor=SYSTEM,
        organization_id=organization.pk,
        details=VenueDetails(**details),
        resource=ROOM,
    )
    assert list(errors) == [field]
    assert len(errors[field]) == 1 or field == "picture_urls"

    venue = create_venue(actor=SYSTEM, organization_id=organization.pk, details=DETAILS)
    errors = refused(update_venue, actor=SYSTEM, venue_id=venue.pk, changes=changes)
    assert list(errors) == [field]


BAD_RESOURCES: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"name": "Room\t"}, "name"),
    ({"capacity": 0}, "capacity"),
    ({"capacity": -1}, "capacity"),
    ({"capacity": 1_000_000_001}, "capacity"),
    ({"capacity": 2**31}, "capacity"),
    ({"capacity": True}, "capacity"),
    ({"capacity": "4"}, "capacity"),
    ({"capacity": None}, "capacity"),
    ({"booking_mode": "PRIVATE"}, "booking_mode"),
    ({"position": -1}, "position"),
]


@pytest.mark.parametrize(("changes", "field"), BAD_RESOURCES)
def test_a_resource_that_makes_no_sense_is_refused(changes, field, refused):
    venue = make_venue()
    details = ResourceDetails(**({"name": "Room", "capacity": 4} | changes))
    errors = refused(add_resource, actor=SYSTEM, venue_id=venue.pk, details=details)
    assert list(errors) == [field]
    errors = refused(
        update_resource, actor=SYSTEM, resource_id=make_resource(venue).pk, changes=changes
    )
    assert list(errors) == [field]
    errors = refused(
        create_venue,
        actor=SYSTEM,
        organization_id=venue.organization_id,
        details=DETAILS,
        resource=details,
    )
    assert list(errors) == [f"resource.{field}"]


@pytest.mark.parametrize("name", ["organization_id", "schedule_version", "id", "weather"])
def test_a_field_that_is_not_there_to_change_is_refused(name, refused):
    resource = make_resource()
    changes = {name: 1}
    errors = refused(update_venue, actor=SYSTEM, venue_id=resource.venue_id, changes=changes)
    assert list(errors) == [name]
    errors = refused(update_resource, actor=SYSTEM, resource_id=resource.pk, changes=changes)
    assert list(errors) == [name]


def test_a_slug_is_taken_once_in_an_organization(refused):
    organization = make_organization()
    create_venue(actor=SYSTEM, organization_id=organization.pk, details=DETAILS)
    create_venue(actor=SYSTEM, organization_id=make_organization().pk, details=DETAILS)
    arguments = {"actor": SYSTEM, "organization_id": organization.pk, "details": DETAILS}
    assert list(refused(create_venue, **arguments)) == ["slug"]
    other = make_venue(organization=organization)
    taken = {"slug": "kro"}
    assert list(refused(update_venue, actor=SYSTEM, venue_id=other.pk, changes=taken)) == ["slug"]


@pytest.mark.parametrize(
    "fields",
    [
        {"latitude": 5},
        {"latitude": float("nan"), "longitude": 5},
        {"minimum_party_size": 2, "maximum_party_size": 1},
        {"booking_horizon_days": 731},
        {"hold_seconds": 0},
        {"picture_urls": [PICTURE] * 21},
    ],
)
def test_the_database_refuses_it_too(fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        make_venue(**fields)


# --- What is recorded ---------------------------------------------------------------


def test_what_may_move_slots_is_recorded_once_and_the_rest_is_not():
    organization = make_organization()
    manager = member(organization, Role.MANAGER)
    venue = create_venue(actor=manager, organization_id=organization.pk, details=DETAILS)
    first = venue.resources.get()
    changes = {"timezone": "Asia/Tokyo", "booking_horizon_days": 30, "name": "Izakaya"}
    update_venue(actor=manager, venue_id=venue.pk, changes=changes)
    # The same again, and what slots do not depend on.
    update_venue(actor=manager, venue_id=venue.pk, changes=changes)
    update_venue(actor=manager, venue_id=venue.pk, changes={"city": "Tokyo", "is_public": False})
    room = add_resource(actor=manager, venue_id=venue.pk, details=ROOM)
    update_resource(actor=manager, resource_id=room.pk, changes={"capacity": 5})
    update_resource(actor=manager, resource_id=room.pk, changes={"name": "Hall", "capacity": 5})
    venue.refresh_from_db()
    assert venue.schedule_version == 4
    payloads = events_of(venue)
    assert [(payload["changed"], payload["resource"]) for payload in payloads] == [
        (["resources"], first.public_id),
        (["booking_horizon_days", "timezone"], None),
        (["resources"], room.public_id),
        (["capacity"], room.public_id),
    ]
    assert {payload["venue"] for payload in payloads} == {venue.public_id}
    assert {payload["actor"] for payload in payloads} == {manager.public_name}


# --- Zones and names ---------------------------------------------------------------


def test_a_zone_names_a_place_or_universal_time():
    for name in ("Europe/Copenhagen", "Etc/GMT+5", "UTC", "America/Argentina/Buenos_Aires"):
        validate_timezone(name)
    for name in ("localtime", "Factory", "posixrules", "Europe", "utc ", "../etc/passwd", ""):
        with pytest.raises(ValidationError):
            validate_timezone(name)


def test_names_in_any_script_but_nothing_that_reorders_them():
    # With a joiner, which Persian and some emoji need, and a mark, which Hebrew does.
    for name in ("מסעדת הים\u200f", "رستوران می\u200cخواهم", "👩\u200d🍳 Köket"):
        validate_line(name)
    reordering = [chr(code) for code in range(0x110000) if _reorders(chr(code))]
    assert len(reordering) == 9
    for character in (*reordering, "\x07", "\u2028", "\x85"):
        with pytest.raises(ValidationError):
            validate_line(f"Kro{character}")


def _reorders(character: str) -> bool:
    return unicodedata.bidirectional(character) in (
        *("LRE", "RLE", "LRO", "RLO", "PDF"),
        *("LRI", "RLI", "FSI", "PDI"),
    )

"""Staff and their venues: who may, what is refused, what a dry run says; REST and GraphQL alike."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actors import ANONYMOUS, SYSTEM, Actor, account
from accounts.models import Membership, Role
from bookings.models import Booking, Slot
from bookings.services.bookings import create_booking
from bookings.services.publication import republish
from bookings.services.slots import add_slot, change_slot
from reserve.core import sentences
from reserve.core.errors import DomainError
from reserve.core.graphql.context import Context
from reserve.core.graphql.executor import Executor, Operation
from reserve.schema import schema
from tests.admin.conftest import Person
from tests.admin.tenants import page_of
from tests.admin.test_forms import HOURS_ROW, RESOURCE_ROW, VENUE, formset
from tests.admin.test_schedules import SPECIAL_ROW
from tests.clients import GraphQLApi, RestApi
from tests.factories import (
    make_customer,
    make_member,
    make_organization,
    make_resource,
    make_slot,
    make_venue,
    seats_on,
    tomorrow_at,
)
from tests.staff import MOVING, GraphQLStaff, RestStaff, Said, StaffApi
from tests.venues.conftest import everything
from venues.models import Closure, Resource, SpecialHours, Venue
from venues.services import resources, schedule, venues

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=[GraphQLStaff, RestStaff], ids=["graphql", "rest"])
def api(request: pytest.FixtureRequest, server: str) -> StaffApi:
    return request.param(server)


def opening(**fields: Any) -> dict[str, Any]:
    return {"weekday": 0, "opens_at": "09:00", "closes_at": "17:00"} | fields


def special(**fields: Any) -> dict[str, Any]:
    days = {"first_date": "2031-05-01", "last_date": "2031-05-02"}
    return days | {"opens_at": "10:00", "closes_at": "18:00"} | fields


def closure(**fields: Any) -> dict[str, Any]:
    return {"first_date": "2031-05-01", "last_date": "2031-05-02"} | fields


@dataclass
class Place:
    """A venue with one of everything, and the people who work there."""

    resource: Resource
    special: SpecialHours
    closure: Closure
    slot: Slot
    people: dict[str, Actor]

    @property
    def venue(self) -> Venue:
        return self.resource.venue

    @property
    def ids(self) -> dict[str, str]:
        rows = ("venue", "resource", "special", "closure", "slot")
        return {name: getattr(self, name).public_id for name in rows}

    def rows(self) -> Any:
        return everything(), list(Slot.objects.order_by("pk").values())


@pytest.fixture
def place() -> Place:
    return make_place()


def make_place(**fields: Any) -> Place:
    resource = make_resource(make_venue(timezone="UTC", booking_horizon_days=14, **fields))
    organization, venue = resource.organization, resource.venue
    people = {role.value.lower(): account(make_member(organization, role).pk) for role in Role} | {
        "stranger": account(make_member(make_organization(), Role.OWNER).pk),
        "customer": make_customer(),
        "anonymous": ANONYMOUS,
    }
    owner = {"actor": SYSTEM, "venue_id": venue.pk, "resource_id": None}
    days = {"first_date": date(2032, 1, 1), "last_date": date(2032, 1, 2)}
    hours = schedule.SpecialOpening(**days, opens_at=time(9), closes_at=time(12))
    return Place(
        resource,
        schedule.add_special_hours(**owner, opening=hours),
        schedule.add_closure(**owner, **days),
        make_slot(resource, version=1),
        people,
    )


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


# --- What makes no sense -------------------------------------------------------------

_AT_LEAST_1 = "This must be at least 1."
_AT_MOST = "This must be at most 1000000000."
_TOO_LONG = "A slot with its buffers is longer than the opening."
_ORDER = "This must not be before the first date."
_FIVE_YEARS = "This must be within five years of the first date."
_SAME = "This must differ from opening, but for 00:00 to 00:00, the whole day."
# Which GraphQL's integers cannot say.
_BEYOND = "This must be from -2147483648 to 2147483647."
BEYOND_32_BITS = 2**31


def _rules(**fields: Any) -> Any:
    return {"openings": [opening(weekday=3), opening(**fields)]}


BAD: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "update_venue",
        {"timezone": "Mars/Olympus"},
        "timezone",
        "Mars/Olympus is not an IANA time zone.",
    ),
    ("update_venue", {"name": "Two\x07rooms"}, "name", "This must not contain control characters."),
    (
        "update_venue",
        {"latitude": 91, "longitude": 1},
        "latitude",
        "This must be from -90 to 90 degrees.",
    ),
    ("update_venue", {"latitude": 9}, "longitude", "Latitude and longitude go together."),
    ("update_venue", {"maximum_party_size": 0}, "maximum_party_size", _AT_LEAST_1),
    ("update_venue", {"maximum_party_size": BEYOND_32_BITS}, "maximum_party_size", _AT_MOST),
    (
        "update_venue",
        {"booking_horizon_days": 36_525},
        "booking_horizon_days",
        "This must be at most 730.",
    ),
    ("update_venue", {"hold_seconds": 0}, "hold_seconds", _AT_LEAST_1),
    (
        "update_venue",
        {"website": "javascript:alert(1)"},
        "website",
        "This must be an address with https:// or http://.",
    ),
    (
        "update_venue",
        {"picture_urls": ["http://a.example"]},
        "picture_urls",
        "Number 1 is no address with https://.",
    ),
    (
        "update_venue",
        {"minimum_party_size": 4, "maximum_party_size": 3},
        "maximum_party_size",
        "This must not be below the smallest party.",
    ),
    ("add_resource", {"name": "Bar", "capacity": 0}, "capacity", _AT_LEAST_1),
    ("add_resource", {"name": "Bar", "capacity": -1}, "capacity", _AT_LEAST_1),
    ("add_resource", {"name": "Bar", "capacity": BEYOND_32_BITS}, "capacity", _AT_MOST),
    ("add_resource", {"name": "Bar", "capacity": 2**31 - 1}, "capacity", _AT_MOST),
    ("set_opening_hours", _rules(closes_at="09:00"), "openings.1.closes_at", _SAME),
    ("set_opening_hours", _rules(slot_minutes=0), "openings.1.slot_minutes", _AT_LEAST_1),
    ("set_opening_hours", _rules(slot_minutes=-30), "openings.1.slot_minutes", _AT_LEAST_1),
    ("set_opening_hours", _rules(slot_minutes=600), "openings.1.slot_minutes", _TOO_LONG),
    (
        "set_opening_hours",
        _rules(interval_minutes=20),
        "openings.1.interval_minutes",
        "This is shorter than a slot with its buffers.",
    ),
    ("set_opening_hours", _rules(capacity=0), "openings.1.capacity", _AT_LEAST_1),
    ("set_opening_hours", _rules(capacity=BEYOND_32_BITS), "openings.1.capacity", _AT_MOST),
    (
        "set_opening_hours",
        _rules(opens_at="09:00:30"),
        "openings.1.opens_at",
        "This must be a whole minute of the venue's clock.",
    ),
    (
        "set_opening_hours",
        _rules(valid_from="2031-05-02", valid_until="2031-05-01"),
        "openings.1.valid_until",
        _ORDER,
    ),
    (
        "set_opening_hours",
        _rules(valid_from="2031-05-02", valid_until="2131-05-02"),
        "openings.1.valid_until",
        _FIVE_YEARS,
    ),
    (
        "set_opening_hours",
        _rules(weekday=3, opens_at="16:30", closes_at="20:00"),
        "openings.1.opens_at",
        "This overlaps another: Thursday 09:00 to 17:00.",
    ),
    (
        "set_special_hours",
        {"special_hours": [special(last_date="2031-04-30")]},
        "special_hours.0.last_date",
        _ORDER,
    ),
    (
        "set_special_hours",
        {"special_hours": [special(last_date="2131-05-01")]},
        "special_hours.0.last_date",
        _FIVE_YEARS,
    ),
    ("add_closure", closure(last_date="2031-04-30"), "last_date", _ORDER),
    ("add_closure", closure(last_date="2131-05-01"), "last_date", _FIVE_YEARS),
    ("add_closure", closure(first_date="0001-01-01"), "last_date", _FIVE_YEARS),
    ("add_closure", closure(last_date="9999-12-31"), "last_date", _FIVE_YEARS),
    (
        "add_closure",
        closure(reason="Snow\x07"),
        "reason",
        "This must not contain control characters.",
    ),
    ("add_slot", {"capacity": 0}, "capacity", "This must be from 1 to 1000000000."),
    ("add_slot", {"capacity": BEYOND_32_BITS}, "capacity", "This must be from 1 to 1000000000."),
    ("add_slot", {"day": "2020-01-01"}, "start_time", "This must not be in the past."),
    ("add_slot", {"day": "2126-01-01"}, "start_time", "This is further ahead than can be booked."),
    ("add_slot", {"day": "9999-12-30"}, "start_time", "This is further ahead than can be booked."),
]


def _slot_times(fields: dict[str, Any]) -> dict[str, Any]:
    day = fields.get("day", (datetime.now(UTC) + timedelta(days=1)).date().isoformat())
    times = {"start_time": f"{day}T18:00:00+00:00", "end_time": f"{day}T19:00:00+00:00"}
    return times | {name: value for name, value in fields.items() if name != "day"}


def _asked(operation: str, fields: dict[str, Any], place: Place) -> dict[str, Any]:
    if operation == "add_slot":
        return _slot_times(fields) | {"resource_id": place.resource.public_id}
    return fields


def test_apis_say_what_makes_no_sense(api: StaffApi, place: Place) -> None:
    before, owner = place.rows(), place.people["owner"]
    for operation, fields, field, sentence in BAD:
        asked = _asked(operation, fields, place)
        said = api.do(operation, owner, place.ids, asked)
        beyond = isinstance(api, GraphQLStaff) and str(BEYOND_32_BITS) in str(fields)
        refused = Said("BAD_USER_INPUT", {field: [_BEYOND if beyond else sentence]})
        assert said == refused, (operation, fields)
        if operation in MOVING:
            assert api.do(operation, owner, place.ids, asked, dry_run=True) == refused
    assert place.rows() == before


WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    ("update_venue", {"name": 7}, "name", sentences.TEXT),
    ("update_venue", {"name": None}, "name", sentences.TEXT),
    ("update_venue", {"is_public": "yes"}, "is_public", sentences.TRUE_OR_FALSE),
    ("update_venue", {"is_public": 1}, "is_public", sentences.TRUE_OR_FALSE),
    ("update_venue", {"is_public": None}, "is_public", sentences.TRUE_OR_FALSE),
    ("update_venue", {"hold_seconds": True}, "hold_seconds", sentences.WHOLE_NUMBER),
    ("update_venue", {"hold_seconds": "60"}, "hold_seconds", sentences.WHOLE_NUMBER),
    ("update_venue", {"latitude": "5"}, "latitude", sentences.NUMBER),
    ("update_venue", {"owner": 1}, "owner", sentences.UNKNOWN),
    (
        "update_venue",
        {"confirmation_mode": "SOMETIMES"},
        "confirmation_mode",
        "Value 'SOMETIMES' is not a valid choice.",
    ),
    ("add_resource", {"name": "Bar"}, "capacity", sentences.REQUIRED),
    ("add_resource", {"name": "Bar", "capacity": None}, "capacity", sentences.WHOLE_NUMBER),
    ("set_opening_hours", {"openings": None}, "openings", sentences.LIST),
    ("set_opening_hours", {"openings": [7]}, "openings.0", sentences.OBJECT),
    ("set_opening_hours", _rules(weekday=True), "openings.1.weekday", sentences.WHOLE_NUMBER),
    ("set_opening_hours", _rules(weekday=None), "openings.1.weekday", sentences.WHOLE_NUMBER),
    ("set_opening_hours", _rules(opens_at=9), "openings.1.opens_at", sentences.TIME_OF_DAY),
    ("set_opening_hours", _rules(opens_at="25:00"), "openings.1.opens_at", sentences.TIME_OF_DAY),
    ("set_opening_hours", _rules(valid_from="2026-02-30"), "openings.1.valid_from", sentences.DATE),
    ("add_closure", closure(first_date="2026-02-30"), "first_date", sentences.DATE),
    ("add_closure", closure(first_date=20260230), "first_date", sentences.DATE),
    ("add_closure", {"first_date": "2026-02-28"}, "last_date", sentences.REQUIRED),
    ("add_slot", {"start_time": "soon"}, "start_time", sentences.INSTANT),
    ("add_slot", {"start_time": 7}, "start_time", sentences.INSTANT),
    ("add_slot", {"start_time": "2031-01-01T10:00:00"}, "start_time", sentences.INSTANT),
    ("update_slot", {"is_closed": "no"}, "is_closed", sentences.TRUE_OR_FALSE),
    ("update_slot", {"capacity": True}, "capacity", sentences.WHOLE_NUMBER),
    (
        "update_slot",
        {"is_closed": True, "reason": "x" * 501},
        "reason",
        "This must not be longer than 500 characters.",
    ),
]


def test_json_of_the_wrong_kind_is_refused_alike(api: StaffApi, place: Place) -> None:
    before, owner = place.rows(), place.people["owner"]
    for operation, fields, field, sentence in WRONG:
        said = api.do(operation, owner, place.ids, _asked(operation, fields, place))
        assert said == Said("BAD_USER_INPUT", {field: [sentence]}), (operation, fields)
    assert place.rows() == before


def test_the_ends_of_the_calendar_are_no_fault_of_ours(api: StaffApi, place: Place) -> None:
    owner = place.people["owner"]
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        fields = _asked("add_slot", {"start_time": moment, "end_time": moment}, place)
        assert api.do("add_slot", owner, place.ids, fields).code == "BAD_USER_INPUT"
    for day in ("0001-01-01", "9999-12-31"):
        asked = closure(first_date=day, last_date=day)
        assert api.do("add_closure", owner, place.ids, asked).code is None
        assert api.do("add_closure", owner, place.ids, asked, dry_run=True).code is None


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2026-02-30", "tomorrow", ""])
def test_dates_of_readings_are_never_a_fault(server: str, day: str) -> None:
    venue = make_resource().venue
    rest, graphql = RestApi(server), GraphQLApi(server)
    for query in (
        f"slots?date={day}",
        f"slots?from={day}&to={day}",
        f"calendar?from={day}&to={day}",
    ):
        assert rest.ask("GET", f"/venues/{venue.public_id}/{query}").code == "BAD_USER_INPUT"
    for name, arguments in {
        "availableSlots": "date: $d",
        "slots": "from: $d, to: $d",
        "availabilityCalendar": "from: $d, to: $d",
    }.items():
        document = (
            f"query($v: ID!, $d: Date!) {{ {name}(venueId: $v, {arguments}) {{ __typename }} }}"
        )
        answer = graphql.ask(document, {"v": venue.public_id, "d": day})
        assert answer.code == "BAD_USER_INPUT"


_CLOCK = {"opens_at", "closes_at"}
_DATES = {"valid_from", "valid_until", "first_date", "last_date"}


def _python(row: dict[str, Any]) -> dict[str, Any]:
    """Values as the services take them."""
    return {
        name: time.fromisoformat(value)
        if name in _CLOCK
        else date.fromisoformat(value)
        if name in _DATES
        else value
        for name, value in row.items()
    }


def _by_service(operation: str, fields: dict[str, Any], place: Place) -> object:
    actor, venue_id = place.people["owner"], place.venue.pk
    owner = {"actor": actor, "venue_id": venue_id, "resource_id": None}
    match operation:
        case "update_venue":
            return venues.update_venue(actor=actor, venue_id=venue_id, changes=fields)
        case "add_resource":
            details = resources.ResourceDetails(**fields)
            return resources.add_resource(actor=actor, venue_id=venue_id, details=details)
        case "set_opening_hours":
            week = [schedule.Opening(**_python(row)) for row in fields["openings"]]
            return schedule.set_opening_hours(**owner, openings=week)
        case "set_special_hours":
            days = [schedule.SpecialOpening(**_python(row)) for row in fields["special_hours"]]
            return schedule.set_special_hours(**owner, special_hours=days)
        case "add_closure":
            return schedule.add_closure(**owner, **_python(fields))
    times = _slot_times(fields)
    return add_slot(
        actor=actor,
        resource_id=place.resource.pk,
        starts_at=datetime.fromisoformat(times["start_time"]),
        ends_at=datetime.fromisoformat(times["end_time"]),
        capacity=fields.get("capacity"),
    )


def test_services_say_the_same(place: Place) -> None:
    before = place.rows()
    for operation, fields, field, sentence in BAD:
        with pytest.raises(DomainError) as refused:
            _by_service(operation, fields, place)
        assert refused.value.details["errors"] == {field: [sentence]}, (operation, fields)
    assert place.rows() == before


def _by_admin(operation: str, fields: dict[str, Any], place: Place, person: Person) -> Any:
    venue = page_of(Venue, "change", place.venue)
    none = formset("resources") | formset("special_hours") | formset("opening_hours")
    match operation:
        case "update_venue":
            if "picture_urls" in fields:
                fields = {"picture_urls": "\n".join(fields["picture_urls"])}
            return person.post(venue, VENUE | none | fields)
        case "add_resource":
            row = RESOURCE_ROW | fields | {"venue": place.venue.pk}
            return person.post(page_of(Resource, "add"), none | row)
        case "set_opening_hours":
            rows = formset("opening_hours", *({**HOURS_ROW, **row} for row in fields["openings"]))
            return person.post(venue, VENUE | none | rows)
        case "set_special_hours":
            rows = ({**SPECIAL_ROW, **row} for row in fields["special_hours"])
            return person.post(venue, VENUE | none | formset("special_hours", *rows))
        case "add_closure":
            row = {"reason": "", "resource": "", "venue": place.venue.pk} | fields
            return person.post(page_of(Closure, "add"), row)
    times = _slot_times(fields)
    row = {"day": times["start_time"][:10], "start_time": "18:00", "end_time": "19:00"}
    row |= {"resource": place.resource.pk, "capacity": fields.get("capacity", "")}
    return person.post(page_of(Slot, "add"), row)


def test_the_admin_says_the_same(place: Place) -> None:
    person, before = Person(), place.rows()
    person.force_login(Membership.objects.get(user_id=place.people["owner"].user_id).user)
    for operation, fields, field, sentence in BAD:
        response = _by_admin(operation, fields, place, person)
        assert response.status_code == 200
        prefix, _, number = field.rpartition(".")[0].partition(".")
        if number:
            prefix = {"openings": "opening_hours"}.get(prefix, prefix)
            inlines = [inline.formset for inline in response.context["inline_admin_formsets"]]
            (found,) = [inline for inline in inlines if inline.prefix == prefix]
            errors = found.errors[int(number)]
        else:
            errors = response.context["adminform"].form.errors
        assert errors == {field.rpartition(".")[2]: [sentence]}, (operation, fields)
    assert place.rows() == before


def test_a_venue_is_read_by_as_many_statements_as_fifty(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = """{ venues(first: 50) { totalCount edges { node {
        id organizationId address openingHours { id } specialHours { id } closures { id }
        resources { id capacity openingHours { id } specialHours { id } } } } } }"""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

    async def at_once(call: Any, *arguments: Any, **options: Any) -> Any:
        return call(*arguments, **options)

    for module in ("reserve.core.graphql.context", "venues.api.graphql.venues"):
        monkeypatch.setattr(f"{module}.in_database", at_once)
    executor = Executor(schema.graphql_schema)
    counts = []
    for number in (1, 49):
        for _ in range(number):
            make_place()
        operation = Operation(document)
        context = Context(make_customer())
        with CaptureQueriesContext(connection) as queries:
            prepared = executor.prepare(operation)
            answer = asyncio.run(executor.execute(prepared, operation, context))
        assert "errors" not in answer, answer
        assert len(answer["data"]["venues"]["edges"]) == (1 if number == 1 else 50)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 10

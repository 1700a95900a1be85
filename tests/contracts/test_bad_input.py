"""What makes no sense is refused in the same words by services, admin, REST and GraphQL."""

from datetime import date
from typing import Any

import pytest

from accounts.models import Membership
from bookings.services.slots import add_slot, change_slot
from reserve.core import sentences
from reserve.core.errors import DomainError
from tests.admin.conftest import Person
from tests.clients import GraphQLApi, RestApi
from tests.contracts.bad_input import (
    BAD,
    BEYOND,
    BEYOND_32_BITS,
    WRONG,
    WRONG_NULLS,
    asked_of,
)
from tests.contracts.by_admin import by_admin
from tests.contracts.by_service import by_service
from tests.factories import (
    make_resource,
    tomorrow_at,
)
from tests.staff import (
    MOVING,
    GraphQLStaff,
    Place,
    RestStaff,
    Said,
    StaffApi,
    closure,
    make_place,
    special,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=[GraphQLStaff, RestStaff], ids=["graphql", "rest"])
def api(request: pytest.FixtureRequest, server: str) -> StaffApi:
    return request.param(server)


@pytest.fixture
def place() -> Place:
    return make_place()


def test_apis_say_what_makes_no_sense(api: StaffApi, place: Place) -> None:
    before, owner = place.rows(), place.people["owner"]
    for operation, fields, field, sentence in BAD:
        asked = asked_of(operation, fields, place)
        said = api.do(operation, owner, place.ids, asked)
        beyond = isinstance(api, GraphQLStaff) and str(BEYOND_32_BITS) in str(fields)
        refused = Said("BAD_USER_INPUT", {field: [BEYOND if beyond else sentence]})
        assert said == refused, (operation, fields)
        if operation in MOVING:
            assert api.do(operation, owner, place.ids, asked, dry_run=True) == refused
    assert place.rows() == before


def test_json_of_the_wrong_kind_is_refused_alike(api: StaffApi, place: Place) -> None:
    before, owner = place.rows(), place.people["owner"]
    nulls = () if isinstance(api, GraphQLStaff) else WRONG_NULLS
    for operation, fields, field, sentence in (*WRONG, *nulls):
        said = api.do(operation, owner, place.ids, asked_of(operation, fields, place))
        assert said == Said("BAD_USER_INPUT", {field: [sentence]}), (operation, fields)
    assert place.rows() == before


def test_the_ends_of_the_calendar_are_no_fault_of_ours(api: StaffApi, place: Place) -> None:
    owner = place.people["owner"]
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        fields = asked_of("add_slot", {"start_time": moment, "end_time": moment}, place)
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


def test_services_say_the_same(place: Place) -> None:
    before = place.rows()
    for operation, fields, field, sentence in BAD:
        with pytest.raises(DomainError) as refused:
            by_service(operation, fields, place)
        assert refused.value.details["errors"] == {field: [sentence]}, (operation, fields)
    assert place.rows() == before


def test_services_refuse_values_of_the_wrong_kind(place: Place) -> None:
    before, actor = place.rows(), place.people["owner"]
    wrong: list[tuple[str, Any, str]] = [
        *(("capacity", value, sentences.WHOLE_NUMBER) for value in (2.5, "4", True, [4])),
        *(("reason", value, sentences.TEXT) for value in (None, 7, b"Pipe")),
        *(("is_closed", value, sentences.TRUE_OR_FALSE) for value in (1, "yes", [])),
    ]
    for name, value, sentence in wrong:
        with pytest.raises(DomainError) as refused:
            change_slot(actor=actor, slot_id=place.slot.pk, **{"is_closed": True, name: value})
        assert refused.value.details["errors"] == {name: [sentence]}, value
    added = {"starts_at": tomorrow_at(18), "ends_at": tomorrow_at(19), "capacity": 4}
    wrong = [
        *(("capacity", value, sentences.WHOLE_NUMBER) for value in (2.5, "4", True)),
        ("starts_at", "2031-01-01T10:00:00Z", sentences.INSTANT),
        ("ends_at", date(2031, 1, 1), sentences.INSTANT),
    ]
    for name, value, sentence in wrong:
        with pytest.raises(DomainError) as refused:
            add_slot(actor=actor, resource_id=place.resource.pk, **added | {name: value})
        field = {"starts_at": "start_time", "ends_at": "end_time"}.get(name, name)
        assert refused.value.details["errors"] == {field: [sentence]}, value
    assert place.rows() == before


def test_special_hours_beside_others_may_not_overlap(api: StaffApi, place: Place) -> None:
    before = place.rows()
    fields = special(first_date="2032-01-02", last_date="2032-01-03")
    said = api.do("add_special_hours", place.people["owner"], place.ids, fields)
    sentence = f"This overlaps another: {place.special}."
    assert said == Said("BAD_USER_INPUT", {"opens_at": [sentence]})
    assert place.rows() == before


def test_the_admin_says_the_same(place: Place) -> None:
    person, before = Person(), place.rows()
    person.force_login(Membership.objects.get(user_id=place.people["owner"].user_id).user)
    for operation, fields, field, sentence in BAD:
        if operation == "update_slot":
            # Not on a page, but in an action, which has a test of its own.
            continue
        response = by_admin(operation, fields, place, person)
        assert response.status_code == 200
        prefix, _, number = field.rpartition(".")[0].partition(".")
        if operation == "add_special_hours":
            prefix, number = "special_hours", "0"
        if prefix == "resource":
            prefix, number = "resources", "0"
        if number:
            prefix = {"openings": "opening_hours"}.get(prefix, prefix)
            inlines = [inline.formset for inline in response.context["inline_admin_formsets"]]
            (found,) = [inline for inline in inlines if inline.prefix == prefix]
            errors = found.errors[int(number)]
        else:
            errors = response.context["adminform"].form.errors
        assert errors == {field.rpartition(".")[2]: [sentence]}, (operation, fields)
    assert place.rows() == before

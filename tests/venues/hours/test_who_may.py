"""Who may say when a place is open."""

from dataclasses import replace
from datetime import date, time
from typing import Any

import pytest

from accounts.actors import ANONYMOUS, SYSTEM
from accounts.models import Role
from reserve.core.errors import Forbidden, NotFound
from reserve.core.ids import new_id
from tests.factories import make_customer, make_organization, make_resource, make_venue
from tests.venues.conftest import everything
from tests.venues.hours.openings import EVE, FIRST, LAST, LUNCH, member
from venues.models import Closure, OpeningHours, SpecialHours
from venues.services.schedule import (
    add_closure,
    add_special_hours,
    remove_closure,
    remove_special_hours,
    set_opening_hours,
    set_special_hours,
    update_closure,
)

pytestmark = pytest.mark.django_db


def _services(resource, special, closure) -> list[tuple[Any, dict[str, Any]]]:
    owner = {"venue_id": resource.venue_id, "resource_id": resource.pk}
    return [
        (set_opening_hours, owner | {"openings": [LUNCH]}),
        (set_special_hours, owner | {"special_hours": [EVE]}),
        (
            add_special_hours,
            owner | {"opening": replace(EVE, opens_at=time(14), closes_at=time(16))},
        ),
        (remove_special_hours, {"special_hours_id": special.pk}),
        (add_closure, owner | {"first_date": FIRST, "last_date": LAST}),
        (update_closure, {"closure_id": closure.pk, "changes": {"reason": "Snow"}}),
        (remove_closure, {"closure_id": closure.pk}),
    ]


def _place(**fields):
    resource = make_resource(make_venue(**fields))
    owner = {"venue_id": resource.venue_id, "resource_id": resource.pk}
    special = add_special_hours(
        actor=SYSTEM,
        **owner,
        opening=replace(EVE, first_date=date(2027, 1, 1), last_date=date(2027, 1, 1)),
    )
    closure = add_closure(
        actor=SYSTEM, **owner, first_date=date(2027, 2, 1), last_date=date(2027, 2, 2)
    )
    return resource, special, closure


@pytest.mark.parametrize("role", [Role.OWNER, Role.MANAGER])
def test_managers_say_when_it_is_open(role):
    resource, special, closure = _place()
    actor = member(resource.organization, role)
    for service, arguments in _services(resource, special, closure):
        if service is not remove_special_hours:
            service(actor=actor, **arguments)
    (hours,) = OpeningHours.objects.all()
    assert (hours.organization, hours.venue, hours.resource) == (
        resource.organization,
        resource.venue,
        resource,
    )
    assert SpecialHours.objects.count() == 2
    assert Closure.objects.get().first_date == FIRST


@pytest.mark.parametrize(
    ("who", "is_public", "refusal"),
    [
        ("staff", True, Forbidden),
        ("stranger", True, Forbidden),
        ("customer", True, Forbidden),
        ("anonymous", True, Forbidden),
        ("staff", False, Forbidden),
        ("stranger", False, NotFound),
        ("anonymous", False, NotFound),
    ],
)
def test_others_may_not(who, is_public, refusal):
    resource, special, closure = _place(is_public=is_public)
    actor = {
        "staff": lambda: member(resource.organization, Role.STAFF),
        "stranger": lambda: member(make_organization(), Role.OWNER),
        "customer": make_customer,
        "anonymous": lambda: ANONYMOUS,
    }[who]()
    before = everything()
    for service, arguments in _services(resource, special, closure):
        with pytest.raises(refusal):
            service(actor=actor, **arguments)
    assert everything() == before


def test_what_is_absent_or_of_another_venue_is_not_found():
    resource, special, closure = _place()
    elsewhere = make_resource()
    before = everything()
    for service, arguments in _services(resource, special, closure):
        for name in arguments.keys() & {"venue_id", "resource_id"}:
            for wrong in (new_id(), getattr(elsewhere, "venue_id" if name == "venue_id" else "pk")):
                with pytest.raises(NotFound):
                    service(actor=SYSTEM, **arguments | {name: wrong})
        for name in arguments.keys() & {"special_hours_id", "closure_id"}:
            with pytest.raises(NotFound):
                service(actor=SYSTEM, **arguments | {name: new_id()})
    with pytest.raises(NotFound):
        update_closure(actor=SYSTEM, closure_id=closure.pk, changes={"resource_id": elsewhere.pk})
    assert everything() == before

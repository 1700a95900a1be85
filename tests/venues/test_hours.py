"""Saying when a place is open: who may, what is refused, what is recorded, what comes of it."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.actors import ANONYMOUS, SYSTEM, account
from accounts.models import Role
from reserve.core.errors import Forbidden, Invalid, NotFound
from reserve.core.ids import new_id
from reserve.outbox.models import Event
from tests.factories import (
    make_customer,
    make_hours,
    make_member,
    make_organization,
    make_resource,
    make_venue,
)
from tests.venues.conftest import everything
from venues.models import Closure, OpeningHours, SpecialHours, Venue
from venues.selectors import schedules_of, schedules_of_venues
from venues.services import schedule as schedule_services
from venues.services.schedule import (
    Opening,
    SpecialOpening,
    add_closure,
    add_special_hours,
    remove_closure,
    remove_special_hours,
    set_opening_hours,
    set_special_hours,
    update_closure,
)
from venues.services.venues import update_venue

pytestmark = pytest.mark.django_db

FIRST, LAST = date(2026, 12, 24), date(2026, 12, 26)
LUNCH = Opening(0, time(11), time(14))
EVENING = Opening(4, time(18), time(2), slot_minutes=60, capacity=8)
EVE = SpecialOpening(first_date=FIRST, last_date=LAST, opens_at=time(10), closes_at=time(14))


def member(organization, role):
    return account(make_member(organization, role).pk)


def set_week(venue, *openings, resource=None, actor=SYSTEM):
    return set_opening_hours(
        actor=actor,
        venue_id=venue.pk,
        resource_id=resource.pk if resource else None,
        openings=openings,
    )


# --- Who may -----------------------------------------------------------------------


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


# --- What is refused ----------------------------------------------------------------


BAD_RULES: list[tuple[dict[str, Any], str]] = [
    ({"opens_at": time(9), "closes_at": time(9)}, "closes_at"),
    ({"opens_at": None}, "opens_at"),
    ({"opens_at": "09:00"}, "opens_at"),
    ({"closes_at": time(11, 0, 30)}, "closes_at"),
    ({"opens_at": time(9, tzinfo=UTC)}, "opens_at"),
    ({"slot_minutes": 0}, "slot_minutes"),
    ({"slot_minutes": -30}, "slot_minutes"),
    ({"slot_minutes": True}, "slot_minutes"),
    ({"slot_minutes": 30.0}, "slot_minutes"),
    ({"slot_minutes": 10**15}, "slot_minutes"),
    ({"slot_minutes": 121}, "slot_minutes"),
    (
        {"slot_minutes": 100, "buffer_before_minutes": 11, "buffer_after_minutes": 10},
        "slot_minutes",
    ),
    ({"buffer_before_minutes": 91}, "slot_minutes"),
    ({"interval_minutes": 0}, "interval_minutes"),
    ({"interval_minutes": 29}, "interval_minutes"),
    ({"interval_minutes": 49, "slot_minutes": 45, "buffer_after_minutes": 5}, "interval_minutes"),
    ({"interval_minutes": 1441}, "interval_minutes"),
    ({"buffer_before_minutes": -5}, "buffer_before_minutes"),
    ({"buffer_after_minutes": False}, "buffer_after_minutes"),
    ({"buffer_after_minutes": None}, "buffer_after_minutes"),
    ({"capacity": 0}, "capacity"),
    ({"capacity": -1}, "capacity"),
    ({"capacity": 1_000_000_001}, "capacity"),
    ({"capacity": 2**31}, "capacity"),
    ({"capacity": True}, "capacity"),
]
BAD_OPENINGS: list[tuple[dict[str, Any], str]] = [
    ({"weekday": 7}, "weekday"),
    ({"weekday": -1}, "weekday"),
    ({"weekday": True}, "weekday"),
    ({"weekday": None}, "weekday"),
    ({"valid_from": LAST, "valid_until": FIRST}, "valid_until"),
    ({"valid_from": date(2026, 1, 1), "valid_until": date(2126, 1, 1)}, "valid_until"),
    ({"valid_from": datetime(2026, 1, 1)}, "valid_from"),
    ({"valid_until": "2026-01-01"}, "valid_until"),
]
BAD_DATES: list[tuple[dict[str, Any], str]] = [
    ({"first_date": LAST, "last_date": FIRST}, "last_date"),
    ({"last_date": date(2126, 1, 1)}, "last_date"),
    ({"last_date": date(2032, 1, 1)}, "last_date"),
    ({"first_date": None}, "first_date"),
    ({"last_date": datetime(2026, 12, 26)}, "last_date"),
    ({"reason": "Snow\n"}, "reason"),
    ({"reason": "x" * 201}, "reason"),
    ({"reason": None}, "reason"),
]


@pytest.mark.parametrize(("changes", "field"), BAD_RULES + BAD_OPENINGS)
def test_hours_that_make_no_sense_are_refused(changes, field, refused):
    resource = make_resource()
    make_hours(resource)
    bad = replace(Opening(2, time(9), time(11)), **changes)
    errors = refused(
        set_opening_hours,
        actor=SYSTEM,
        venue_id=resource.venue_id,
        resource_id=resource.pk,
        openings=[EVENING, bad],
    )
    assert {name: len(sentences) for name, sentences in errors.items()} == {
        f"openings.1.{field}": 1
    }


@pytest.mark.parametrize(("changes", "field"), BAD_RULES + BAD_DATES)
def test_special_hours_that_make_no_sense_are_refused(changes, field, refused):
    venue = make_venue()
    owner = {"actor": SYSTEM, "venue_id": venue.pk, "resource_id": None}
    add_special_hours(**owner, opening=replace(EVE, opens_at=time(16), closes_at=time(18)))
    bad = replace(EVE, opens_at=time(9), closes_at=time(11))
    bad = replace(bad, **changes)
    errors = refused(add_special_hours, **owner, opening=bad)
    assert {name: len(sentences) for name, sentences in errors.items()} == {field: 1}
    errors = refused(set_special_hours, **owner, special_hours=[EVE, bad])
    assert list(errors) == [f"special_hours.1.{field}"]


@pytest.mark.parametrize(("changes", "field"), BAD_DATES)
def test_closures_that_make_no_sense_are_refused(changes, field, refused):
    venue = make_venue()
    dates = {"first_date": FIRST, "last_date": LAST}
    errors = refused(add_closure, actor=SYSTEM, venue_id=venue.pk, **dates | changes)
    assert list(errors) == [field]
    closure = add_closure(actor=SYSTEM, venue_id=venue.pk, **dates)
    errors = refused(update_closure, actor=SYSTEM, closure_id=closure.pk, changes=changes)
    assert list(errors) == [field]


def test_the_whole_day_may_be_open():
    (hours,) = set_week(make_venue(), Opening(0, time(0), time(0), slot_minutes=1440))
    assert hours.wall_length == timedelta(days=1)


_MAY, _JUNE = date(2026, 5, 1), date(2026, 6, 1)
OVERLAPS = {
    "the same": (LUNCH, LUNCH),
    "an hour": (LUNCH, Opening(0, time(13), time(16))),
    "one within another": (Opening(0, time(8), time(20)), LUNCH),
    "past midnight": (EVENING, Opening(5, time(1), time(3))),
    "from the day before": (Opening(5, time(1), time(3)), EVENING),
    "from Sunday into Monday": (Opening(6, time(22), time(6)), Opening(0, time(5), time(7))),
    "for a while": (
        replace(LUNCH, valid_until=_JUNE),
        replace(LUNCH, valid_from=_JUNE, closes_at=time(12)),
    ),
    # The last Sunday night runs into a Monday that is another week's.
    "a last night": (
        Opening(6, time(22), time(6), valid_until=date(2026, 5, 31)),
        Opening(0, time(5), time(7), valid_from=_JUNE),
    ),
}
APART = {
    "one after the other": (LUNCH, Opening(0, time(14), time(16))),
    "another day": (LUNCH, replace(LUNCH, weekday=1)),
    "until the day before": (
        replace(LUNCH, valid_until=date(2026, 5, 31)),
        replace(LUNCH, valid_from=_JUNE),
    ),
    "a range without its weekday": (
        replace(LUNCH, valid_until=date(2026, 6, 2)),
        replace(LUNCH, valid_from=date(2026, 6, 2)),
    ),
    "night and morning": (EVENING, Opening(5, time(2), time(3))),
    "all day, every day": (Opening(0, time(0), time(0)), Opening(1, time(0), time(0))),
}


@pytest.mark.parametrize("openings", OVERLAPS.values(), ids=OVERLAPS)
def test_hours_that_overlap_are_refused(openings, refused):
    venue = make_venue()
    # On a Wednesday, out of the way.
    first = Opening(2, time(9), time(10))
    for pair in (openings, openings[::-1]):
        arguments = {"venue_id": venue.pk, "resource_id": None, "openings": [first, *pair]}
        errors = refused(set_opening_hours, actor=SYSTEM, **arguments)
        assert list(errors) == ["openings.2.opens_at"]
        assert "overlaps" in errors["openings.2.opens_at"][0]


@pytest.mark.parametrize("openings", APART.values(), ids=APART)
def test_hours_that_only_adjoin_are_not(openings):
    for pair in (openings, openings[::-1]):
        assert len(set_week(make_venue(), *pair)) == 2


def test_special_hours_that_overlap_are_refused(refused):
    resource = make_resource()
    owner = {"actor": SYSTEM, "venue_id": resource.venue_id, "resource_id": None}
    add_special_hours(**owner, opening=EVE)
    eve_of = date(2026, 12, 23)
    for other in (
        replace(EVE, first_date=LAST, last_date=LAST, opens_at=time(13), closes_at=time(15)),
        replace(EVE, first_date=eve_of, last_date=eve_of, opens_at=time(22), closes_at=time(11)),
    ):
        assert list(refused(add_special_hours, **owner, opening=other)) == ["opens_at"]
        errors = refused(set_special_hours, **owner, special_hours=[EVE, other])
        assert list(errors) == ["special_hours.1.opens_at"]
    add_special_hours(**owner, opening=replace(EVE, opens_at=time(14), closes_at=time(16)))
    # Another owner's are no hindrance.
    add_special_hours(**owner | {"resource_id": resource.pk}, opening=EVE)


def test_there_are_only_so_many(monkeypatch, refused):
    venue = make_venue()
    openings = [Opening(day, time(hour), time(hour + 1)) for day in range(7) for hour in range(15)]
    arguments = {"actor": SYSTEM, "venue_id": venue.pk, "resource_id": None}
    assert list(refused(set_opening_hours, **arguments, openings=openings[:101])) == ["openings"]
    assert len(set_opening_hours(**arguments, openings=openings[:100])) == 100
    monkeypatch.setattr("venues.services.schedule.MAX_SPECIAL_HOURS", 1)
    monkeypatch.setattr("venues.services.schedule.MAX_CLOSURES", 1)
    later = replace(EVE, first_date=date(2027, 1, 1), last_date=date(2027, 1, 1))
    assert list(refused(set_special_hours, **arguments, special_hours=[EVE, later]))
    add_special_hours(**arguments, opening=EVE)
    add_closure(actor=SYSTEM, venue_id=venue.pk, first_date=FIRST, last_date=LAST)
    before = everything()
    with pytest.raises(Invalid, match="at most 1 special"):
        add_special_hours(**arguments, opening=later)
    with pytest.raises(Invalid, match="at most 1 closure"):
        add_closure(actor=SYSTEM, venue_id=venue.pk, first_date=LAST, last_date=LAST)
    assert everything() == before


@pytest.mark.parametrize(
    "fields",
    [
        {"slot_minutes": 0},
        {"interval_minutes": 29, "slot_minutes": 30},
        {"interval_minutes": 30, "slot_minutes": 30, "buffer_after_minutes": 5},
        {"capacity": 0},
        {"weekday": 7},
        {"valid_from": LAST, "valid_until": FIRST},
    ],
)
def test_the_database_refuses_it_too(fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        make_hours(make_resource(), **fields)


# --- What is recorded ---------------------------------------------------------------


def test_each_change_is_recorded_once_and_in_order():
    resource = make_resource()
    venue = resource.venue
    manager = member(venue.organization, Role.MANAGER)
    owner = {"actor": manager, "venue_id": venue.pk, "resource_id": resource.pk}
    set_week(venue, LUNCH, EVENING, actor=manager)
    # The same again, in another order.
    set_week(venue, EVENING, LUNCH, actor=manager)
    set_opening_hours(**owner, openings=[LUNCH])
    special = add_special_hours(**owner, opening=EVE)
    set_special_hours(**owner, special_hours=[EVE])
    remove_special_hours(actor=manager, special_hours_id=special.pk)
    closure = add_closure(**owner, first_date=FIRST, last_date=LAST)
    update_closure(actor=manager, closure_id=closure.pk, changes={"reason": "Snow"})
    update_closure(actor=manager, closure_id=closure.pk, changes={"last_date": FIRST})
    update_closure(actor=manager, closure_id=closure.pk, changes={"resource_id": None})
    remove_closure(actor=manager, closure_id=closure.pk)
    events = Event.objects.filter(subject_id=venue.pk).order_by("sequence")
    own = resource.public_id
    assert [
        (event.sequence, *event.payload["changed"], event.payload["resource"]) for event in events
    ] == [
        (1, "opening_hours", None),
        (2, "opening_hours", own),
        (3, "special_hours", own),
        (4, "special_hours", own),
        (5, "closures", own),
        (6, "closures", own),
        (7, "closures", None),
        (8, "closures", None),
    ]
    assert {event.name for event in events} == {"venue.schedule_changed"}
    assert {event.organization_id for event in events} == {venue.organization_id}
    assert {event.payload["actor"] for event in events} == {manager.public_name}
    assert [event.payload["version"] for event in events] == list(range(1, 9))


def test_rules_that_stay_keep_their_rows():
    venue = make_venue()
    lunch, _ = set_week(venue, LUNCH, EVENING)
    evening, same = set_week(venue, replace(EVENING, capacity=9), LUNCH)
    assert same.pk == lunch.pk
    assert set(venue.opening_hours.all()) == {evening, lunch}


def test_a_change_can_be_tried_and_taken_back():
    venue = make_resource().venue
    set_week(venue, LUNCH)
    before = everything()
    monday = date(2026, 6, 15)
    with transaction.atomic():
        set_week(venue, replace(LUNCH, opens_at=time(12)))
        update_venue(actor=SYSTEM, venue_id=venue.pk, changes={"timezone": "Asia/Tokyo"})
        (tried,) = schedules_of(venue_id=venue.pk)
        # A refusal within leaves the caller's transaction usable.
        with pytest.raises(Invalid):
            set_week(venue, LUNCH, LUNCH)
        assert len(tried.slots_of(monday)) == 4
        transaction.set_rollback(True)
    assert everything() == before
    (plan,) = schedules_of(venue_id=venue.pk)
    assert len(plan.slots_of(monday)) == 6


def _at_once(venue, *openings: SpecialOpening) -> list[Invalid]:
    """Everybody adds one of these; gives the refusals."""
    together, refusals = Barrier(len(openings)), []

    def add(opening: SpecialOpening) -> None:
        together.wait(timeout=10)
        try:
            add_special_hours(actor=SYSTEM, venue_id=venue.pk, resource_id=None, opening=opening)
        except Invalid as refusal:
            refusals.append(refusal)
        finally:
            connection.close()

    threads = [Thread(target=add, args=(opening,)) for opening in openings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refusals


@pytest.mark.django_db(transaction=True)
def test_changes_at_once_are_counted_one_by_one():
    venue = make_venue()
    hours = [replace(EVE, opens_at=time(hour), closes_at=time(hour + 1)) for hour in range(8)]
    assert _at_once(venue, *hours) == []
    sequences = Event.objects.filter(subject_id=venue.pk).values_list("sequence", flat=True)
    assert sorted(sequences) == list(range(1, 9))


@pytest.mark.django_db(transaction=True)
def test_of_two_that_overlap_at_once_the_lock_lets_one_in():
    for _ in range(5):
        venue = make_venue()
        assert len(_at_once(venue, EVE, EVE)) == 1
        assert venue.special_hours.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_both_get_in(monkeypatch):
    """The control: neither sees the other's, which is not written yet."""
    both_have_read, clashing = Barrier(2), schedule_services.clashing

    def without_lock(*, actor, venue_id):
        assert actor
        return Venue.objects.get(pk=venue_id)

    def slowly_clashing(rules):
        both_have_read.wait(timeout=10)
        return clashing(rules)

    monkeypatch.setattr(schedule_services, "lock_venue", without_lock)
    monkeypatch.setattr(schedule_services, "clashing", slowly_clashing)
    venue = make_venue()
    assert _at_once(venue, EVE, EVE) == []
    assert venue.special_hours.count() == 2


# --- What comes of it ---------------------------------------------------------------


def test_schedules_inherit_from_the_venue_and_stand_in_order():
    venue = make_venue(timezone="UTC")
    bar, room = make_resource(venue, position=2), make_resource(venue, position=1, capacity=4)
    set_week(venue, LUNCH)
    set_week(venue, replace(LUNCH, opens_at=time(13), capacity=2), resource=bar)
    first, second = schedules_of(venue_id=venue.pk)
    assert [first.resource_id, second.resource_id] == [room.pk, bar.pk]
    assert (first.organization_id, first.venue_id, first.capacity) == (
        venue.organization_id,
        venue.pk,
        4,
    )
    monday = date(2026, 6, 15)
    assert [slot.capacity for slot in first.slots_of(monday)] == [4] * 6
    assert [slot.capacity for slot in second.slots_of(monday)] == [2] * 2
    add_closure(
        actor=SYSTEM, venue_id=venue.pk, first_date=monday, last_date=monday, resource_id=bar.pk
    )
    first, second = schedules_of(venue_id=venue.pk)
    assert (len(first.slots_of(monday)), second.slots_of(monday)) == (6, [])
    add_closure(actor=SYSTEM, venue_id=venue.pk, first_date=monday, last_date=monday)
    assert not any(plan.slots_of(monday) for plan in schedules_of(venue_id=venue.pk))


def test_an_interval_grows_with_the_length_of_the_installation(settings):
    venue = make_resource().venue
    set_week(venue, replace(LUNCH, interval_minutes=45))
    settings.SLOT_DURATION = timedelta(hours=1)
    (plan,) = schedules_of(venue_id=venue.pk)
    assert len(plan.slots_of(date(2026, 6, 15))) == 3


@pytest.mark.parametrize("number", [1, 20])
def test_schedules_take_the_same_queries_for_one_venue_as_for_twenty(
    number, django_assert_num_queries
):
    venues = [make_resource(make_resource().venue).venue for _ in range(number)]
    for venue in venues:
        set_week(venue, LUNCH)
        add_closure(actor=SYSTEM, venue_id=venue.pk, first_date=FIRST, last_date=LAST)
    empty = make_venue()
    with django_assert_num_queries(4):
        found = schedules_of_venues([*(venue.pk for venue in venues), empty.pk])
    assert [len(found[venue.pk]) for venue in venues] == [2] * number
    assert found[empty.pk] == []

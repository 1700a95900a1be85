"""What nobody can say of when a place is open."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.actors import SYSTEM
from reserve.core.errors import Invalid
from tests.factories import make_hours, make_resource, make_venue
from tests.venues.conftest import everything
from tests.venues.hours.openings import EVE, EVENING, FIRST, LAST, LUNCH, set_week
from venues.services.schedule import (
    Opening,
    add_closure,
    add_special_hours,
    set_opening_hours,
    set_special_hours,
    update_closure,
)

pytestmark = pytest.mark.django_db


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

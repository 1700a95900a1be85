"""Resources have the hours of their venue, where they have none of their own."""

from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from accounts.actors import SYSTEM
from tests.factories import make_resource, make_venue
from tests.venues.hours.openings import FIRST, LAST, LUNCH, set_week
from venues.selectors import schedules_of, schedules_of_venues
from venues.services.schedule import add_closure

pytestmark = pytest.mark.django_db


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

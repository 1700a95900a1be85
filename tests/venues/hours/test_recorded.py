"""What is recorded of a change of hours, and what is kept of those before."""

from dataclasses import replace
from datetime import date, time
from threading import Barrier, Thread

import pytest
from django.db import connection, transaction

from accounts.actors import SYSTEM
from accounts.models import Role
from reserve.core.errors import Invalid
from reserve.outbox.models import Event
from tests.factories import make_resource, make_venue
from tests.venues.conftest import everything
from tests.venues.hours.openings import EVE, EVENING, FIRST, LAST, LUNCH, member, set_week
from venues.models import Venue
from venues.selectors import schedules_of
from venues.services import schedule as schedule_services
from venues.services.schedule import (
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

"""Races of publication with bookings, with itself and with staff; each with a control."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import time as clock
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db.models import Sum

from accounts.actors import SYSTEM
from bookings import batches, full_slots, store
from bookings.audit import verify_ledger
from bookings.difference import Difference
from bookings.errors import CapacityInUse, SlotClosed, SlotOverlaps, SlotUnavailable
from bookings.ledger import Ledger
from bookings.models import Booking, Publication, Slot
from bookings.requests import publish as requests_module
from bookings.requests.create import TakeSeats
from bookings.requests.publish import PublishDay
from bookings.requests.slot import AddSlot, ChangeSlot
from bookings.services import run as run_module
from bookings.services.publication import republish, republish_requested, roll
from bookings.services.run import Published, Run
from bookings.states import SEATED, BookingStatus
from reserve.core.clock import now
from reserve.core.errors import Invalid, NotFound
from reserve.core.locks import Held
from tests.factories import (
    make_consecutive_slots,
    make_customer,
    make_hours,
    make_resource,
    make_slot,
    make_venue,
    seats_on,
    tomorrow_at,
)
from venues.models import OpeningHours
from venues.schedule import PlannedSlot, day_bounds
from venues.services.schedule import Opening, set_opening_hours

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("_without_guard")]

Race = Callable[[Any], list[Any]]
HOUR = timedelta(hours=1)


@pytest.fixture
def _without_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard is no defence; what holds without it is what counts."""
    monkeypatch.setattr(batches, "guards", lambda _names: nullcontext(Held()))


@pytest.fixture
def without_row_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = "FOR NO KEY UPDATE OF s"
    assert lock in store._LOCK
    monkeypatch.setattr(store, "_LOCK", store._LOCK.replace(lock, ""))


@pytest.fixture
def with_a_wait_before_the_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody has decided before anybody writes, where nothing keeps them apart."""
    write = Ledger.write

    def write_late(ledger: Ledger) -> None:
        time.sleep(0.1)
        write(ledger)

    monkeypatch.setattr(Ledger, "write", write_late)


control = pytest.mark.usefixtures("without_row_lock", "with_a_wait_before_the_write")


@pytest.fixture
def without_constraint():
    """The exclusion constraint is out, and comes back with no rows left to break it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conname = 'slots_do_not_overlap'"
        )
        (definition,) = cursor.fetchone()
        cursor.execute("ALTER TABLE bookings_slot DROP CONSTRAINT slots_do_not_overlap")
    yield
    Slot.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(
            f"ALTER TABLE bookings_slot ADD CONSTRAINT slots_do_not_overlap {definition}"
        )


def at_once(race: Race, *requests: Any) -> list[Any]:
    """Each request in a transaction of its own, as from so many processes."""
    found = race([partial(batches.commit, [one]) for one in requests])
    return [outcomes[0] if isinstance(outcomes, list) else outcomes for outcomes in found]


def _day(slot: Slot, *planned: PlannedSlot) -> PublishDay:
    noon = tomorrow_at(12)
    return PublishDay(slot.resource_id, noon - 11 * HOUR, noon + 11 * HOUR, planned)


def _as_it_is(slot: Slot, **fields: Any) -> PlannedSlot:
    return PlannedSlot(slot.starts_at, slot.ends_at, fields.get("capacity", slot.capacity))


def _take(slot: Slot, size: int = 1, **fields: Any) -> TakeSeats:
    return TakeSeats(make_customer(), seats_on(slot, size, **fields), BookingStatus.PENDING)


def _assert_seats_agree(slot: Slot) -> None:
    full_slots.forget()
    slot.refresh_from_db()
    seated = Booking.objects.filter(slots=slot, status__in=SEATED)
    assert slot.reserved == (seated.aggregate(total=Sum("seats"))["total"] or 0)
    assert verify_ledger().problem_count == 0


# --- Bookings against deletion and withdrawal -------------------------------------------


def _race_for_one_that_goes(race: Race, slot: Slot) -> None:
    """Either somebody had a seat before, and the slot stays with them, or nobody has."""
    *outcomes, done = at_once(race, *[_take(slot) for _ in range(6)], _day(slot))
    assert isinstance(done, Difference), done
    refusals = [outcome for outcome in outcomes if not isinstance(outcome, Booking)]
    assert all(isinstance(refused, NotFound | SlotClosed) for refused in refusals), refusals
    winners = len(outcomes) - len(refusals)
    if done.removed:
        assert winners == 0
        assert not Slot.objects.filter(pk=slot.pk).exists()
        assert verify_ledger().problem_count == 0
        return
    _assert_seats_agree(slot)
    assert (slot.is_withdrawn, slot.reserved) == (True, winners)
    assert winners or slot.version


def test_a_booking_and_the_deletion_of_its_slot(race: Race) -> None:
    for _ in range(5):
        _race_for_one_that_goes(race, make_slot(capacity=20))


def test_a_booking_and_the_withdrawal_of_its_slot(race: Race) -> None:
    for _ in range(5):
        slot = make_slot(capacity=20)
        batches.commit([ChangeSlot(SYSTEM, slot.pk, capacity=21)])
        _race_for_one_that_goes(race, slot)


@control
def test_control_without_the_row_lock_a_slot_goes_under_its_bookings(race: Race) -> None:
    slot = make_slot(capacity=20)
    batches.commit([ChangeSlot(SYSTEM, slot.pk, capacity=21)])
    with pytest.raises(AssertionError):
        _race_for_one_that_goes(race, slot)


def test_in_one_batch_each_request_decides_on_what_the_earlier_left() -> None:
    slot, other = make_consecutive_slots(make_resource(capacity=5), 2)
    outcomes = batches.commit([_take(slot), _day(slot), _take(slot), _take(other), _day(slot)])
    booked, done, too_late, gone, again = outcomes
    assert isinstance(booked, Booking)
    assert ([one.id for one in done.withdrawn], [one.id for one in done.removed]) == (
        [slot.pk],
        [other.pk],
    )
    assert isinstance(too_late, SlotClosed)
    assert isinstance(gone, NotFound)
    assert again.is_nothing
    _assert_seats_agree(slot)


def test_a_booking_over_several_slots_and_the_deletion_of_one(race: Race) -> None:
    for _ in range(5):
        slots = make_consecutive_slots(make_resource(capacity=2), 3)
        kept = [_as_it_is(slot) for slot in slots[:2]]
        booked, done = at_once(race, _take(slots[0], slot_count=3), _day(slots[0], *kept))
        if done.removed:
            assert isinstance(booked, NotFound)
        else:
            assert isinstance(booked, Booking)
            slots[2].refresh_from_db()
            assert slots[2].is_withdrawn
        assert verify_ledger().problem_count == 0


# --- Capacity ---------------------------------------------------------------------------


def _race_for_fewer_seats(race: Race, slot: Slot) -> None:
    fewer = _day(slot, _as_it_is(slot, capacity=3))
    *outcomes, done = at_once(race, *[_take(slot) for _ in range(8)], fewer)
    assert isinstance(done, Difference), done
    winners = sum(isinstance(outcome, Booking) for outcome in outcomes)
    losers = sum(isinstance(outcome, SlotUnavailable) for outcome in outcomes)
    assert winners + losers == len(outcomes), outcomes
    _assert_seats_agree(slot)
    assert slot.capacity == max(3, slot.reserved)
    assert slot.reserved == winners


def test_the_schedule_takes_seats_away_while_they_are_booked(race: Race) -> None:
    for _ in range(5):
        _race_for_fewer_seats(race, make_slot(capacity=6))


@control
def test_control_without_the_row_lock_the_capacity_is_wrong(race: Race) -> None:
    with pytest.raises(AssertionError):
        _race_for_fewer_seats(race, make_slot(capacity=6))


# --- Publication against itself ---------------------------------------------------------


def _open_resource() -> Any:
    resource = make_resource(make_venue(booking_horizon_days=4))
    for weekday in range(7):
        make_hours(resource, weekday, slot_minutes=60)
    return resource


def _starts(resource: Any) -> list[Any]:
    is_open = Slot.objects.filter(resource=resource, is_closed=False)
    return list(is_open.order_by("starts_at").values_list("starts_at", "ends_at"))


def test_a_venue_is_published_once_however_many_publish_it(race: Race) -> None:
    resource = _open_resource()
    outcomes = race([partial(republish, venue_id=resource.venue_id)] * 4)
    assert all(isinstance(done, Published) for done in outcomes), outcomes
    assert sum(done.added for done in outcomes) == Slot.objects.count() == 5 * 8

    # One that is in use, and many that are not, are replaced by longer ones.
    tomorrow = Slot.objects.filter(starts_at__gt=tomorrow_at(0)).order_by("starts_at").first()
    batches.commit([_take(tomorrow)])
    OpeningHours.objects.update(slot_minutes=120)
    outcomes = race([partial(republish, venue_id=resource.venue_id)] * 4)
    assert all(isinstance(done, Published) for done in outcomes), outcomes
    slots = _starts(resource)
    assert all(one[1] <= other[0] for one, other in pairwise(slots))
    assert republish(venue_id=resource.venue_id).added == 0
    assert verify_ledger().problem_count == 0


def test_control_without_the_constraint_a_day_is_published_twice(
    race: Race, without_constraint: None, with_a_wait_before_the_write: None
) -> None:
    """The days of two that publish an empty day have no row to lock."""
    slot = make_slot(is_closed=True)
    planned = PlannedSlot(tomorrow_at(15), tomorrow_at(16), 4)
    Slot.objects.all().delete()
    at_once(race, *[_day(slot, planned)] * 3)
    assert Slot.objects.count() > 1


def test_two_that_publish_an_empty_day_at_the_desk(
    race: Race, with_a_wait_before_the_write: None
) -> None:
    slot = make_slot(is_closed=True)
    planned = PlannedSlot(tomorrow_at(15), tomorrow_at(16), 4)
    Slot.objects.all().delete()
    outcomes = at_once(race, *[_day(slot, planned)] * 3)
    assert all(isinstance(done, Difference) for done in outcomes)
    assert Slot.objects.count() == 1


def _change_hours(resource: Any, minutes: int) -> None:
    week = [Opening(day, clock(10), clock(18), slot_minutes=minutes) for day in range(7)]
    set_opening_hours(
        actor=SYSTEM, venue_id=resource.venue_id, resource_id=resource.pk, openings=week
    )


def _change_between(
    monkeypatch: pytest.MonkeyPatch, publisher: Callable[[], object], change: Callable[[], object]
) -> None:
    """Publish, with a change and its republication after the schedule was read."""
    over = Run.over

    def change_and_go_on(run: Run, *dates: Any) -> Published:
        monkeypatch.setattr(Run, "over", over)
        change()
        republish(venue_id=run._venue.pk)
        return over(run, *dates)

    monkeypatch.setattr(Run, "over", change_and_go_on)
    publisher()


_NEARLY = 3  # days of five


@pytest.mark.parametrize("publisher", ["roll", "republication"])
@pytest.mark.parametrize("at", ["before it writes", "after its last look"])
def test_a_schedule_that_changes_while_it_is_carried_out_is_carried_out_at_last(
    monkeypatch: pytest.MonkeyPatch, publisher: str, at: str
) -> None:
    resource = _open_resource()
    publish_by = _publisher(publisher, resource)
    if at == "after its last look":
        # As if the change had been committed just after each look under the lock.
        for module in (run_module, requests_module):
            monkeypatch.setattr(module, "require_version", lambda *_: None)
    _change_between(monkeypatch, publish_by, lambda: _change_hours(resource, 120))
    if at == "before it writes":
        assert _lengths(resource) == {2 * HOUR}
    assert republish_requested(within=timedelta(seconds=20)) == 1
    assert _lengths(resource) == {2 * HOUR}
    assert Publication.objects.get().requested_at is None


@pytest.mark.parametrize("publisher", ["roll", "republication"])
def test_control_without_its_version_an_old_schedule_undoes_a_change(
    monkeypatch: pytest.MonkeyPatch, publisher: str
) -> None:
    resource = _open_resource()

    def change() -> None:
        OpeningHours.objects.update(slot_minutes=120)

    _change_between(monkeypatch, _publisher(publisher, resource), change)
    assert republish_requested(within=timedelta(seconds=20)) == 0
    assert HOUR in _lengths(resource)


def _publisher(name: str, resource: Any) -> Callable[[], object]:
    republish(venue_id=resource.venue_id)
    if name == "republication":
        return partial(republish, venue_id=resource.venue_id)
    # A day is missing.
    last = resource.venue.local(now()).date() + timedelta(days=_NEARLY)
    Publication.objects.update(published_until=last)
    _, end = day_bounds(last, resource.venue.zone)
    Slot.objects.filter(starts_at__gte=end).delete()
    return roll


def _lengths(resource: Any) -> set[timedelta]:
    """Of the slots from tomorrow on."""
    coming = Slot.objects.filter(resource=resource, starts_at__gte=tomorrow_at(0), is_closed=False)
    return {slot.ends_at - slot.starts_at for slot in coming}


# --- By hand ----------------------------------------------------------------------------


def _add(slot: Slot, minutes: int) -> AddSlot:
    starts_at = slot.ends_at + minutes * timedelta(minutes=1)
    return AddSlot(SYSTEM, slot.resource_id, starts_at, starts_at + HOUR, 4)


def _race_to_add(race: Race, slot: Slot) -> None:
    outcomes = at_once(race, *[_add(slot, minutes) for minutes in (0, 20, 40, 59)])
    added = [outcome for outcome in outcomes if isinstance(outcome, Slot)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, Invalid | SlotOverlaps)]
    assert (len(added), len(refused)) == (1, 3), outcomes
    assert Slot.objects.count() == 2
    assert verify_ledger().problem_count == 0


def test_of_overlapping_slots_added_at_once_there_is_one(
    race: Race, with_a_wait_before_the_write: None
) -> None:
    _race_to_add(race, make_slot())


def test_control_without_the_constraint_there_are_several(
    race: Race, without_constraint: None, with_a_wait_before_the_write: None
) -> None:
    with pytest.raises(AssertionError):
        _race_to_add(race, make_slot())


def test_a_slot_reopens_or_another_is_added_but_not_both(
    race: Race, with_a_wait_before_the_write: None
) -> None:
    for _ in range(3):
        resource = make_resource()
        slot = make_slot(resource)
        closed = make_slot(resource, starts_at=slot.ends_at, is_closed=True)
        reopened, added = at_once(
            race, ChangeSlot(SYSTEM, closed.pk, is_closed=False), _add(slot, 10)
        )
        successes = [one for one in (reopened, added) if isinstance(one, Slot)]
        assert len(successes) == 1, (reopened, added)
        assert isinstance(reopened, Slot | SlotOverlaps)
        assert isinstance(added, Slot | Invalid | SlotOverlaps)


def test_staff_give_seats_that_the_schedule_takes_away(race: Race) -> None:
    for _ in range(3):
        slot = make_slot(capacity=6)
        batches.commit([_take(slot, 5)])
        theirs, done = at_once(
            race,
            ChangeSlot(SYSTEM, slot.pk, capacity=5),
            _day(slot, _as_it_is(slot, capacity=3)),
        )
        assert isinstance(theirs, Slot | CapacityInUse)
        assert isinstance(done, Difference)
        _assert_seats_agree(slot)
        assert slot.capacity == 5


def test_the_constraint_stops_what_no_code_did() -> None:
    slot = make_slot()
    with pytest.raises(IntegrityError):
        make_slot(slot.resource, starts_at=slot.starts_at + timedelta(minutes=29))

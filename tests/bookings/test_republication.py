"""A changed schedule is published again: requests for it, claims, parts and time."""

from collections.abc import Callable
from datetime import time, timedelta
from typing import Any

import pytest

from bookings import store
from bookings.errors import SlotBusy
from bookings.handlers import republish_changed_venues
from bookings.models import Publication, Slot
from bookings.services import publication as publication_module
from bookings.services import run as run_module
from bookings.services.publication import (
    republish,
    republish_requested,
    request_republication,
    roll,
)
from bookings.services.run import Published
from reserve.core.clock import now
from reserve.outbox.models import Event
from tests.bookings.schedules import hours_of, make_open_resource, republished, slots_on
from tests.factories import make_venue

pytestmark = pytest.mark.django_db


def test_a_changed_schedule_is_published_once_however_often_it_changed() -> None:
    resource = make_open_resource()
    event = Event(
        organization_id=resource.organization_id,
        name="venue.schedule_changed",
        subject_id=resource.venue_id,
        sequence=1,
        payload={},
    )
    republish_changed_venues([event, event])
    republish_changed_venues([event])
    assert republish_requested(within=timedelta(seconds=20)) == 1
    assert Slot.objects.count() == 16
    assert republish_requested(within=timedelta(seconds=20)) == 0
    found = Publication.objects.get()
    assert (found.requested_at, found.claimed_until) == (None, None)


def test_what_was_asked_for_meanwhile_is_still_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = make_open_resource()
    request_republication(venue_ids=[resource.venue_id])
    runs = []

    def republish_and_be_asked_again(**options: Any) -> Published:
        runs.append(1)
        if len(runs) == 1:
            request_republication(venue_ids=[resource.venue_id])
        return republish(**options)

    monkeypatch.setattr(publication_module, "republish", republish_and_be_asked_again)
    assert republish_requested(within=timedelta(seconds=20)) == 2
    assert len(runs) == 2


def test_a_republication_that_fails_keeps_no_other_from_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken, sound = make_open_resource(), make_open_resource()
    request_republication(venue_ids=[broken.venue_id])
    request_republication(venue_ids=[sound.venue_id])

    def fail_for_one(*, venue_id: Any, **options: Any) -> Published:
        if venue_id == broken.venue_id:
            raise RuntimeError
        return republish(venue_id=venue_id, **options)

    monkeypatch.setattr(publication_module, "republish", fail_for_one)
    assert republish_requested(within=timedelta(seconds=20)) == 1
    assert (broken.slots.count(), sound.slots.count()) == (0, 16)
    monkeypatch.undo()
    assert republish_requested(within=timedelta(seconds=20)) == 0
    Publication.objects.update(claimed_until=now() - timedelta(seconds=1))
    assert republish_requested(within=timedelta(seconds=20)) == 1
    assert broken.slots.count() == 16


def test_a_claim_that_passed_is_taken_over() -> None:
    resource = make_open_resource()
    request_republication(venue_ids=[resource.venue_id])
    Publication.objects.update(claimed_until=now() + timedelta(seconds=30))
    assert republish_requested(within=timedelta(seconds=5)) == 0
    Publication.objects.update(claimed_until=now() - timedelta(seconds=1))
    assert republish_requested(within=timedelta(seconds=5)) == 1


def test_a_republication_that_takes_too_long_goes_on_later() -> None:
    resource = make_open_resource()
    republished(resource)
    hours_of(resource, opens_at=time(11))
    done = republish(venue_id=resource.venue_id, within=timedelta(0))
    assert not done.is_complete
    assert republish(venue_id=resource.venue_id).is_complete
    assert "10:00" not in slots_on(resource)


@pytest.fixture
def late_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Time runs out when it has been looked at so many times."""

    def set_number(number: int) -> None:
        looks = iter([False] * number)
        monkeypatch.setattr(run_module.Run, "_is_late", lambda _run: next(looks, True))

    return set_number


def test_new_days_are_committed_a_part_at_a_time_and_end_in_time(
    monkeypatch: pytest.MonkeyPatch, late_after: Callable[[int], None]
) -> None:
    venue = make_venue(booking_horizon_days=40)
    resources = [make_open_resource(venue) for _ in range(2)]
    sizes: list[int] = []
    insert = store.insert_slots

    def insert_and_count(slots: Any) -> Any:
        sizes.append(len(slots))
        return insert(slots)

    monkeypatch.setattr(store, "insert_slots", insert_and_count)
    # The first month of one resource, twice looked at, and then of the other.
    late_after(1)
    done = republish(venue_id=venue.pk)
    assert (done.is_complete, done.added) == (False, 31 * 4)
    assert resources[1].slots.count() == 0
    assert Publication.objects.get().published_until is None
    late_after(99)
    assert republish(venue_id=venue.pk).added == 2 * 41 * 4 - 31 * 4
    # However many resources and days there are, so many at once.
    assert max(sizes) == run_module.CHUNK_DAYS * 4


def test_no_time_is_no_work() -> None:
    resource = make_open_resource()
    assert not republish(venue_id=resource.venue_id, within=timedelta(0)).is_complete
    assert Slot.objects.count() == 0


def test_what_does_not_end_in_time_waits_behind_the_others(
    late_after: Callable[[int], None],
) -> None:
    large, small = make_open_resource(), make_open_resource()
    late_after(0)
    assert roll() == 0
    # What the roll could not finish is republished, in turn, and not begun by each roll anew.
    asked = Publication.objects.exclude(requested_at=None).order_by("requested_at")
    assert [one.venue_id for one in asked] == [large.venue_id, small.venue_id]
    late_after(99)
    assert roll() == 0
    late_after(0)
    claims = [publication_module._claim()]
    Publication.objects.update(claimed_until=None)
    monkey = republish_requested(within=timedelta(milliseconds=200))
    assert (claims[0].venue_id, monkey) == (large.venue_id, 0)
    late_after(99)
    assert republish_requested(within=timedelta(seconds=20)) == 2
    assert Slot.objects.count() == 32
    assert not Publication.objects.exclude(requested_at=None).exists()


def test_a_day_that_somebody_keeps_busy_is_not_taken_for_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resource = make_open_resource()
    republished(resource)
    hours_of(resource, opens_at=time(11))
    submit = run_module.desk.submit

    def refuse(_request: Any) -> Any:
        raise SlotBusy

    monkeypatch.setattr(run_module.desk, "submit", refuse)
    assert not republished(resource).is_complete
    monkeypatch.setattr(run_module.desk, "submit", submit)
    assert republished(resource).is_complete
    assert "10:00" not in slots_on(resource)

"""A venue's slots follow its schedule; what staff and guests have done stays."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from accounts.actors import SYSTEM
from bookings import batches
from bookings.errors import SlotClosed
from bookings.models import Booking, Publication, Slot
from bookings.requests.imported import ImportBooking
from bookings.services import run as run_module
from bookings.services.bookings import (
    apply_transition,
    create_booking,
    create_hold,
    import_bookings,
)
from bookings.services.publication import publish, republish, roll
from bookings.services.run import Published
from bookings.services.slots import change_slot
from bookings.states import CANCEL, BookingStatus
from reserve.core.clock import now
from reserve.core.errors import NotFound
from reserve.core.ids import new_id
from reserve.outbox.models import Event
from tests.bookings.schedules import (
    MINUTES,
    assert_books_agree,
    hours_of,
    local_day,
    make_open_resource,
    preview_of,
    republished,
    rows,
    slots_on,
)
from tests.factories import make_customer, make_slot, seats_on, somebody
from venues.models import Closure, Venue

pytestmark = pytest.mark.django_db


def test_a_venue_is_published_over_its_horizon_and_nothing_twice() -> None:
    resource = make_open_resource()
    assert republished(resource).added == 4 * 4
    before = rows()
    assert republished(resource) == Published()
    assert rows() == before
    assert list(slots_on(resource)) == ["10:00", "11:00", "12:00", "13:00"]
    found = Publication.objects.get()
    assert found.published_until == local_day(resource.venue, 3)
    assert (found.timezone, found.conflict_count) == ("Europe/Copenhagen", 0)
    assert not Event.objects.exists()


def test_days_of_the_past_can_be_published_but_not_changed() -> None:
    resource = make_open_resource()
    first, last = local_day(resource.venue, -3), local_day(resource.venue, -2)
    days = {"venue_id": resource.venue_id, "first_date": first, "last_date": last}
    assert publish(**days).added == 8
    hours_of(resource, slot_minutes=30)
    assert publish(**days) == Published()
    assert not Publication.objects.filter(published_until__isnull=False).exists()


def test_an_unknown_venue_is_not_found() -> None:
    with pytest.raises(NotFound):
        republish(venue_id=new_id())


def test_an_opening_past_midnight_is_published_once() -> None:
    resource = make_open_resource()
    hours_of(resource, opens_at=time(22), closes_at=time(3))
    republished(resource)
    assert list(slots_on(resource, 2)) == ["00:00", "01:00", "02:00", "22:00", "23:00"]
    assert republished(resource) == Published()
    # Longer slots reach over midnight, where the days before have their old ones.
    hours_of(resource, slot_minutes=150)
    republished(resource)
    assert list(slots_on(resource, 2)) == ["00:30", "22:00"]
    # One that has begun stays, and may be in the way of a longer one of today.
    assert replace(republished(resource), conflicts=0) == Published()


def test_a_later_opening_removes_its_slots_and_leaves_the_rest_alone() -> None:
    resource, other = make_open_resource(), make_open_resource()
    republished(resource), republished(other)
    before = rows()
    hours_of(resource, opens_at=time(11))
    done = republished(resource)
    after = rows()
    today = local_day(resource.venue)
    gone = [starts_at for _, starts_at in (before[pk] for pk in before.keys() - after.keys())]
    # Of today only what had not begun.
    assert len(gone) == done.removed
    assert {resource.venue.local(moment).hour for moment in gone} == {10}
    assert {resource.venue.local(m).date() for m in gone} >= {
        today + timedelta(days=days) for days in (1, 2, 3)
    }
    assert after.items() <= before.items()


def test_slots_that_have_begun_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = make_open_resource()
    republished(resource)
    begun = make_slot(
        make_open_resource(resource.venue),
        starts_at=now() - 5 * MINUTES,
        ends_at=now() + 55 * MINUTES,
    )
    Publication.objects.update(published_until=local_day(resource.venue, 3))
    republished(resource)
    begun.refresh_from_db()
    assert (begun.is_closed, begun.version) == (False, 0)


def test_a_slot_that_was_used_is_withdrawn_and_restored_with_its_id() -> None:
    resource = make_open_resource()
    republished(resource)
    slot = slots_on(resource)["10:00"]
    change_slot(actor=SYSTEM, slot_id=slot.pk, is_closed=True)
    change_slot(actor=SYSTEM, slot_id=slot.pk, is_closed=False)
    hours_of(resource, opens_at=time(11))
    done = republished(resource)
    assert done.withdrawn == 1
    slot.refresh_from_db()
    assert (slot.is_closed, slot.is_withdrawn, slot.version) == (True, True, 3)
    hours_of(resource, opens_at=time(10), capacity=7)
    assert republished(resource).restored == 1
    slot.refresh_from_db()
    assert (slot.is_closed, slot.is_withdrawn, slot.capacity) == (False, False, 7)
    told = Event.objects.filter(subject_id=slot.pk).order_by("sequence")
    assert [event.payload["is_withdrawn"] for event in told] == [False, False, True, False, False]
    assert all(event.payload["reason"] for event in told[2:])
    assert_books_agree()


def test_seats_in_use_are_kept_and_listed_and_come_free_in_the_end() -> None:
    resource = make_open_resource()
    republished(resource)
    slot = slots_on(resource)["10:00"]
    booking = create_booking(actor=make_customer(), seats=seats_on(slot, 2))
    hours_of(resource, slot_minutes=90)
    done = republished(resource)
    # Not planned any more, and in the way of 10:00 to 11:30.
    assert (done.withdrawn, done.conflicts) == (1, 2)
    assert Publication.objects.get().conflict_count == 2
    open_slots = [one for one in slots_on(resource).values() if not one.is_closed]
    assert [f"{resource.venue.local(one.starts_at):%H:%M}" for one in open_slots] == ["11:30"]
    booking.refresh_from_db()
    assert (booking.status, booking.uses_seats) == ("PENDING", True)
    with pytest.raises(SlotClosed):
        create_booking(actor=make_customer(), seats=seats_on(slot))
    assert_books_agree()

    apply_transition(actor=SYSTEM, booking_id=booking.pk, transition=CANCEL)
    Publication.objects.update(published_until=local_day(resource.venue, 2))
    assert roll() == 1
    assert not slots_on(resource)["10:00"].is_closed
    assert Publication.objects.get().conflict_count == 0
    assert_books_agree()


def test_lapsed_holds_keep_nothing() -> None:
    resource = make_open_resource()
    republished(resource)
    slot = slots_on(resource)["10:00"]
    hold = create_hold(actor=make_customer(), seats=seats_on(slot, 2))
    past = now() - timedelta(seconds=1)
    Booking.objects.filter(pk=hold.pk).update(hold_expires_at=past)
    Slot.objects.filter(pk=slot.pk).update(next_lapse_at=past)
    hours_of(resource, slot_minutes=120)
    assert preview_of(resource, lambda: None).conflicts.count == 0
    assert republished(resource).conflicts == 0
    slot.refresh_from_db()
    assert (slot.reserved, slot.is_withdrawn) == (0, True)
    assert Booking.objects.get().status == BookingStatus.EXPIRED
    assert_books_agree()


def test_capacity_follows_the_schedule_unless_seats_or_staff_are_against_it() -> None:
    resource = make_open_resource(capacity=8)
    republished(resource)
    slots = slots_on(resource)
    create_booking(actor=make_customer(), seats=seats_on(slots["10:00"], 5))
    change_slot(actor=SYSTEM, slot_id=slots["11:00"].pk, capacity=6)
    hours_of(resource, capacity=3)
    done = republished(resource)
    capacities = {clock: slot.capacity for clock, slot in slots_on(resource).items()}
    assert capacities == {"10:00": 5, "11:00": 6, "12:00": 3, "13:00": 3}
    assert done.conflicts == 1
    assert_books_agree()


def test_what_staff_closed_stays_closed_when_hours_come_and_go() -> None:
    resource = make_open_resource()
    republished(resource)
    slot = slots_on(resource)["10:00"]
    change_slot(actor=SYSTEM, slot_id=slot.pk, is_closed=True)
    for opens_at in (time(11), time(10)):
        hours_of(resource, opens_at=opens_at)
        republished(resource)
        slot.refresh_from_db()
        assert (slot.is_closed, slot.is_withdrawn) == (True, False)
    assert len(slots_on(resource)) == 4


def test_a_closure_takes_its_days_out_and_gives_them_back() -> None:
    resource = make_open_resource()
    other = make_open_resource(resource.venue)
    republished(resource)
    day = local_day(resource.venue, 1)
    closure = Closure.objects.create(
        organization=resource.organization,
        venue=resource.venue,
        resource=resource,
        first_date=day,
        last_date=day,
    )
    republished(resource)
    assert (len(slots_on(resource)), len(slots_on(other))) == (0, 4)
    closure.delete()
    assert republished(resource).added == 4


def test_a_booking_without_seats_keeps_its_slot_from_being_deleted() -> None:
    """What was imported as cancelled left no version, but refers to its slot."""
    resource = make_open_resource()
    republished(resource)
    slot = slots_on(resource)["10:00"]
    imported = ImportBooking(
        SYSTEM, slot.pk, BookingStatus.CANCELLED, 2, somebody(), created_at=now()
    )
    import_bookings(requests=[imported])
    hours_of(resource, opens_at=time(11))
    republished(resource)
    slot.refresh_from_db()
    assert (slot.is_withdrawn, slot.version) == (True, 1)
    assert_books_agree()


def test_what_is_beyond_a_shorter_horizon_is_kept_right() -> None:
    resource = make_open_resource()
    republished(resource)
    Venue.objects.update(booking_horizon_days=1)
    hours_of(resource, slot_minutes=120)
    republished(resource)
    assert list(slots_on(resource, 3)) == ["10:00", "12:00"]
    assert Publication.objects.get().published_until == local_day(resource.venue, 3)


def test_watchers_hear_of_what_goes_and_of_what_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Slot] = []
    monkeypatch.setattr(batches, "about_slots", lambda slots: told.extend(slots) or [])
    monkeypatch.setattr(run_module, "announce", told.extend)
    resource = make_open_resource()
    republished(resource)
    assert told == []
    slot = slots_on(resource)["10:00"]
    hours_of(resource, opens_at=time(9, 30), slot_minutes=90)
    republished(resource)
    (gone,) = (change for change in told if change.pk == slot.pk)
    assert (gone.is_closed, gone.version) == (True, 1)
    come = {change.pk for change in told if not change.is_closed}
    coming = Slot.objects.filter(starts_at__gt=now(), is_closed=False)
    assert come == set(coming.values_list("pk", flat=True))

    # A day that was empty is filled at once, and watchers hear of it too.
    Slot.objects.filter(pk__in=come).delete()
    told.clear()
    republished(resource)
    assert len(told) == coming.count() > 0

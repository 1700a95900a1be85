"""A preview tells what a change of the schedule would do, and changes nothing."""

from datetime import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actors import SYSTEM, account
from accounts.models import Role
from bookings.difference import ConflictKind
from bookings.models import Booking, Slot
from bookings.services import previews
from bookings.services.bookings import create_booking, create_hold
from bookings.services.previews import preview
from bookings.services.publication import republish
from bookings.services.slots import change_slot
from reserve.core.clock import now
from reserve.core.errors import Forbidden, Invalid
from tests.bookings.schedules import (
    MINUTES,
    hours_of,
    local_day,
    make_open_resource,
    preview_of,
    republished,
    rows,
    slots_on,
)
from tests.factories import make_customer, make_member, make_venue, seats_on
from venues.models import Closure, OpeningHours

pytestmark = pytest.mark.django_db


def test_a_preview_tells_what_republishing_then_does() -> None:
    resource = make_open_resource(capacity=8)
    republished(resource)
    slots = slots_on(resource)
    booking = create_booking(actor=make_customer(), seats=seats_on(slots["10:00"], 5))
    change_slot(actor=SYSTEM, slot_id=slots["11:00"].pk, capacity=6)
    before = rows()

    def change() -> None:
        hours_of(resource, opens_at=time(10, 30), slot_minutes=60, capacity=4)
        hours_of_last = OpeningHours.objects.filter(resource=resource)
        hours_of_last.filter(weekday=local_day(resource.venue, 3).weekday()).update(
            opens_at=time(10)
        )

    shown = preview_of(resource, change)
    assert rows() == before
    assert OpeningHours.objects.filter(opens_at=time(10, 30)).count() == 0
    assert shown.added.first[0].starts_at.utcoffset() is not None
    conflict = next(c for c in shown.conflicts.first if c.kind is ConflictKind.NOT_PLANNED)
    (told,) = conflict.bookings
    assert (told.booking_id, told.confirmation_code) == (booking.pk, booking.confirmation_code)
    assert (told.guest_count, told.status) == (5, "PENDING")
    assert told.guest_name
    assert shown.booking_count == 1

    change()
    done = republished(resource)
    assert (done.added, done.removed, done.withdrawn, done.recapacitated, done.conflicts) == (
        shown.added.count,
        shown.removed.count,
        shown.withdrawn.count,
        shown.changed.count,
        shown.conflicts.count,
    )
    assert done.recapacitated > 0
    assert done.withdrawn == 2
    for told_slot in shown.added.first:
        assert Slot.objects.filter(starts_at=told_slot.starts_at, is_closed=False).exists()
    nothing = preview_of(resource, lambda: None)
    assert (nothing.added.count, nothing.removed.count, nothing.changed.count) == (0, 0, 0)


def test_a_preview_is_for_managers_and_passes_refusals_on() -> None:
    resource = make_open_resource()
    staff = account(make_member(resource.organization).pk)
    with pytest.raises(Forbidden):
        preview(actor=staff, venue_id=resource.venue_id, change=lambda: None)
    manager = account(make_member(resource.organization, Role.MANAGER).pk)

    def refuse() -> None:
        raise Invalid.field("opens_at", "No.")

    with pytest.raises(Invalid):
        preview(actor=manager, venue_id=resource.venue_id, change=refuse)
    preview(actor=manager, venue_id=resource.venue_id, change=lambda: None)


def test_a_preview_lists_the_first_and_counts_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "MAX_TOLD", 5)
    shown = preview_of(make_open_resource(), lambda: None)
    assert (shown.added.count, len(shown.added.first)) == (16, 5)


def test_a_preview_takes_as_many_statements_for_ten_resources_as_for_one() -> None:
    customer = make_customer()

    def statements(resources: int) -> tuple[int, int]:
        venue = make_venue(booking_horizon_days=3)
        rooms = [make_open_resource(venue, capacity=4) for _ in range(resources)]
        republish(venue_id=venue.pk)
        for room in rooms:
            slots = slots_on(room)
            create_booking(actor=customer, seats=seats_on(slots["10:00"], 3))
            hold = create_hold(actor=customer, seats=seats_on(slots["11:00"], 2))
            lapsed = now() - MINUTES
            Booking.objects.filter(pk=hold.pk).update(hold_expires_at=lapsed)
            Slot.objects.filter(pk=slots["11:00"].pk).update(next_lapse_at=lapsed)
        Closure.objects.create(
            organization=venue.organization,
            venue=venue,
            first_date=local_day(venue),
            last_date=local_day(venue, 5),
        )
        with CaptureQueriesContext(connection) as asked:
            shown = preview(actor=SYSTEM, venue_id=venue.pk, change=lambda: None)
        assert (shown.conflicts.count, shown.booking_count) == (resources, resources)
        assert [len(told.bookings) for told in shown.conflicts.first] == [1] * resources
        return len(asked), shown.removed.count + shown.withdrawn.count

    one, ten = statements(1), statements(10)
    assert ten[0] == one[0]
    assert ten[1] > 5 * one[1]

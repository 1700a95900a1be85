"""A venue's slots follow its schedule; what staff and guests have done stays."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, time, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import TZPATH, ZoneInfo, reset_tzpath

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.actors import ANONYMOUS, SYSTEM, account
from accounts.models import Role
from bookings import batches, store, tasks
from bookings.audit import verify
from bookings.audit.checks import PARTS
from bookings.difference import ConflictKind
from bookings.errors import SlotBusy, SlotClosed, SlotOverlaps
from bookings.handlers import republish_changed_venues
from bookings.models import Booking, Publication, Slot
from bookings.services import publication as publication_module
from bookings.services import run as run_module
from bookings.services.bookings import apply_transition, create_booking, create_hold
from bookings.services.previews import Preview, preview
from bookings.services.publication import (
    publish,
    republish,
    republish_requested,
    request_republication,
    roll,
)
from bookings.services.run import Published
from bookings.services.slots import add_slot, change_slot
from bookings.states import CANCEL, BookingStatus
from reserve.core.clock import now
from reserve.core.errors import Forbidden, Invalid, NotFound
from reserve.core.ids import new_id
from reserve.outbox.models import Event
from tests.factories import (
    make_customer,
    make_hours,
    make_member,
    make_resource,
    make_slot,
    make_venue,
    seats_on,
    tomorrow_at,
)
from venues.models import Closure, OpeningHours, Resource, Venue

pytestmark = pytest.mark.django_db

MINUTES = timedelta(minutes=1)


def make_open_resource(venue: Venue | None = None, **fields: Any) -> Resource:
    """Open every day from 10 to 14 with slots of an hour; published over four days."""
    resource = make_resource(venue or make_venue(booking_horizon_days=3), **fields)
    for weekday in range(7):
        make_hours(resource, weekday, opens_at=time(10), closes_at=time(14), slot_minutes=60)
    return resource


def hours_of(resource: Resource, **changes: Any) -> None:
    OpeningHours.objects.filter(resource=resource).update(**changes)


def slots_on(resource: Resource, days_ahead: int = 1) -> dict[str, Slot]:
    """The slots of a local day by their local start; of several the open one."""
    day = local_day(resource.venue, days_ahead)
    found = {}
    for slot in Slot.objects.filter(resource=resource).order_by("-is_closed", "starts_at"):
        local = resource.venue.local(slot.starts_at)
        if local.date() == day:
            found[f"{local:%H:%M}"] = slot
    return dict(sorted(found.items()))


def local_day(venue: Venue, days_ahead: int = 0) -> date:
    return venue.local(now()).date() + timedelta(days=days_ahead)


def rows() -> dict[Any, tuple[str, Any]]:
    """PostgreSQL's own mark of each row's version, which every write changes."""
    return {
        slot.pk: (slot.mark, slot.starts_at)
        for slot in Slot.objects.raw(
            "SELECT *, xmin::text || ctid::text AS mark FROM bookings_slot"
        )
    }


def republished(resource: Resource) -> Published:
    return republish(venue_id=resource.venue_id)


def assert_books_agree() -> None:
    """`verify_ledger` finds nothing; it wants a transaction of its own, which a test has not."""
    with connection.cursor() as cursor:
        for part in PARTS:
            cursor.execute(verify._statement(part))
            assert cursor.fetchall() == []


# --- Publishing ------------------------------------------------------------------------


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


# --- Only what differs is written ------------------------------------------------------


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
    from bookings.requests.imported import ImportBooking
    from bookings.services.bookings import import_bookings
    from tests.factories import somebody

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


# --- A preview --------------------------------------------------------------------------


def preview_of(resource: Resource, change: Callable[[], object]) -> Preview:
    return preview(actor=SYSTEM, venue_id=resource.venue_id, change=change)


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
    from bookings.services import previews

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


# --- By hand ----------------------------------------------------------------------------


def add(resource: Resource, hour: int, minutes: int = 60, **fields: Any) -> Slot:
    starts_at = fields.pop("starts_at", tomorrow_at(hour))
    fields.setdefault("ends_at", starts_at + minutes * MINUTES)
    return add_slot(
        **{
            "actor": SYSTEM,
            "resource_id": resource.pk,
            "starts_at": starts_at,
            "capacity": 4,
            **fields,
        }
    )


def test_a_slot_that_is_added_by_hand_is_left_alone() -> None:
    resource = make_open_resource()
    republished(resource)
    slot = add(resource, 17)
    assert republished(resource) == Published()
    assert (slot.version, slot.is_added_by_hand) == (1, True)
    create_booking(actor=make_customer(), seats=seats_on(slot))
    assert_books_agree()


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("start_time", {"starts_at": now() - timedelta(hours=1)}),
        ("start_time", {"starts_at": now() + timedelta(days=9)}),
        ("start_time", {"starts_at": tomorrow_at(12).replace(tzinfo=None)}),
        ("start_time", {"starts_at": tomorrow_at(12, 10)}),
        ("end_time", {"minutes": 0}),
        ("end_time", {"minutes": -60}),
        ("end_time", {"minutes": 24 * 60 + 1}),
        ("capacity", {"capacity": 0}),
        ("capacity", {"capacity": 2**31}),
    ],
)
def test_nonsense_is_refused_with_its_field(field: str, values: dict[str, Any]) -> None:
    resource = make_resource(make_venue(booking_horizon_days=3, timezone="UTC"))
    make_slot(resource)
    with pytest.raises(Invalid) as refused:
        add(resource, 18, **values)
    assert list(refused.value.details["errors"]) == [field]
    assert Slot.objects.count() == 1


def test_slots_are_added_by_staff_only() -> None:
    resource = make_open_resource()
    with pytest.raises(Forbidden):
        add(resource, 18, actor=make_customer())
    Venue.objects.update(is_public=False)
    with pytest.raises(NotFound):
        add(resource, 18, actor=ANONYMOUS)
    add(resource, 18, actor=account(make_member(resource.organization).pk))


def test_a_slot_that_would_overlap_is_not_reopened() -> None:
    resource = make_resource()
    closed = make_slot(resource, is_closed=True)
    add(resource, 12, 20)
    with pytest.raises(SlotOverlaps) as refused:
        change_slot(actor=SYSTEM, slot_id=closed.pk, is_closed=False)
    assert refused.value.code == "INVALID_STATE"


def test_the_constraint_alone_keeps_open_slots_apart() -> None:
    resource = make_resource()
    slot = make_slot(resource)
    later = slot.starts_at + 15 * MINUTES
    with pytest.raises(IntegrityError), transaction.atomic():
        make_slot(resource, starts_at=later)
    make_slot(resource, starts_at=later, is_closed=True)
    make_slot(resource, starts_at=slot.ends_at)
    make_slot(starts_at=later)
    with pytest.raises(IntegrityError), transaction.atomic():
        Slot.objects.update(is_closed=False)


def test_the_database_refusing_to_reopen_is_a_clear_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from bookings.ledger import Ledger

    monkeypatch.setattr(Ledger, "occupied", lambda *_, **__: iter(()))
    resource = make_resource()
    closed = make_slot(resource, is_closed=True)
    make_slot(resource)
    with pytest.raises(SlotOverlaps):
        change_slot(actor=SYSTEM, slot_id=closed.pk, is_closed=False)


def test_a_withdrawn_slot_that_staff_reopen_is_theirs() -> None:
    resource = make_open_resource()
    republished(resource)
    slot = slots_on(resource)["10:00"]
    change_slot(actor=SYSTEM, slot_id=slot.pk, capacity=3)
    hours_of(resource, opens_at=time(11))
    republished(resource)
    change_slot(actor=SYSTEM, slot_id=slot.pk, is_closed=False)
    assert republished(resource) == Published()
    slot.refresh_from_db()
    assert (slot.is_closed, slot.is_added_by_hand) == (False, True)
    assert_books_agree()


# --- By itself --------------------------------------------------------------------------


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


def test_the_roll_ends_before_beat_asks_for_the_next_and_goes_on_soon(settings: Any) -> None:
    (entry,) = (
        entry
        for entry in settings.CELERY_BEAT_SCHEDULE.values()
        if entry["task"] == tasks.roll_publications.name
    )
    assert tasks._PUBLISHING_TIME < entry["schedule"] <= timedelta(seconds=30)
    assert entry["options"]["expires"] <= entry["schedule"].total_seconds()


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


def test_another_default_length_is_published(settings: Any) -> None:
    default, own = make_open_resource(), make_open_resource()
    hours_of(default, slot_minutes=None)
    assert roll() == 2
    assert list(slots_on(default))[:2] == ["10:00", "10:30"]
    before = rows()
    assert roll() == 0
    assert not Publication.objects.exclude(requested_at=None).exists()
    settings.SLOT_DURATION = timedelta(hours=2)
    assert roll() == 0
    assert republish_requested(within=timedelta(seconds=20)) == 2
    assert list(slots_on(default)) == ["10:00", "12:00"]
    mine = set(own.slots.values_list("pk", flat=True))
    assert {key: row for key, row in before.items() if key in mine}.items() <= rows().items()
    assert (roll(), republish_requested(within=timedelta(seconds=20))) == (0, 0)


def test_every_venue_is_rolled_to_its_own_horizon_once_a_day() -> None:
    rooms = [
        make_open_resource(make_venue(booking_horizon_days=2, timezone=zone))
        for zone in ("Pacific/Kiritimati", "Pacific/Niue")
    ]
    assert roll() == 2
    assert roll() == 0
    Publication.objects.filter(venue=rooms[0].venue).update(
        published_until=local_day(rooms[0].venue, 1)
    )
    Slot.objects.filter(
        resource=rooms[0],
        pk__in=[slot.pk for slot in slots_on(rooms[0], 2).values()],
    ).delete()
    before = rows()
    assert roll() == 1
    assert before.items() <= rows().items()
    assert len(slots_on(rooms[0], 2)) == 4
    assert Publication.objects.get(venue=rooms[0].venue).published_until == local_day(
        rooms[0].venue, 2
    )


def test_a_venue_that_fails_keeps_no_other_from_being_rolled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken, sound = make_open_resource(), make_open_resource()
    roll_venue = publication_module._roll_venue

    def fail_for_one(venue: Venue, *arguments: Any) -> bool:
        if venue.pk == broken.venue_id:
            raise RuntimeError
        return roll_venue(venue, *arguments)

    monkeypatch.setattr(publication_module, "_roll_venue", fail_for_one)
    assert roll() == 1
    assert (broken.slots.count(), sound.slots.count()) == (0, 16)


# --- Time zones -------------------------------------------------------------------------


def check_timezones(*options: str) -> tuple[list[str], int]:
    out = StringIO()
    try:
        call_command("check_timezones", *options, stdout=out)
    except SystemExit as end:
        return out.getvalue().splitlines(), int(end.code or 0)
    return out.getvalue().splitlines(), 0


@pytest.fixture
def lagos_time_in_asmara(tmp_path: Path):
    """An update of the time-zone data: Asmara is two hours nearer to Greenwich."""
    import importlib.resources

    lagos = importlib.resources.files("tzdata.zoneinfo.Africa").joinpath("Lagos").read_bytes()
    (tmp_path / "Africa").mkdir()
    (tmp_path / "Africa" / "Asmara").write_bytes(lagos)

    def update() -> None:
        reset_tzpath([str(tmp_path), *TZPATH])
        ZoneInfo.clear_cache()

    yield update
    reset_tzpath()
    ZoneInfo.clear_cache()


def test_an_update_of_the_timezone_data_is_reported_and_followed(lagos_time_in_asmara) -> None:
    moved = make_open_resource(make_venue(booking_horizon_days=3, timezone="Africa/Asmara"))
    unmoved = make_open_resource()
    republished(moved), republished(unmoved)
    slot = slots_on(moved)["11:00"]
    create_booking(actor=make_customer(), seats=seats_on(slot))
    assert check_timezones()[1] == 0

    lagos_time_in_asmara()
    for resource in (moved, unmoved):
        resource.refresh_from_db()
    lines, code = check_timezones()
    assert code == 1
    (line,) = lines
    assert moved.venue.public_id in line
    coming = Slot.objects.filter(resource=moved, starts_at__gt=now()).count()
    assert f"{coming} slots with 1 bookings belong 120 minutes later (UTC)." in line

    lines, code = check_timezones("--republish")
    assert code == 1
    assert "1 withdrawn" in lines[1]
    # 11:00 is 09:00 now: the booking stays, at a time that is not offered.
    day = slots_on(Resource.objects.get(pk=moved.pk))
    assert [clock for clock, slot in day.items() if not slot.is_closed] == [
        "10:00",
        "11:00",
        "12:00",
        "13:00",
    ]
    slot.refresh_from_db()
    assert (slot.is_withdrawn, slot.reserved) == (True, 1)
    assert check_timezones()[1] == 0
    assert_books_agree()


def test_a_republication_does_not_hide_an_update_of_the_timezone_data(
    lagos_time_in_asmara,
) -> None:
    """Neither one after a change nor one of a day with conflicts, and each is told once."""
    changed, conflicting, theirs = (
        make_open_resource(make_venue(booking_horizon_days=3, timezone="Africa/Asmara"))
        for _ in range(3)
    )
    for resource in (changed, conflicting, theirs):
        republished(resource)
    create_booking(actor=make_customer(), seats=seats_on(slots_on(conflicting)["13:00"]))
    hours_of(conflicting, closes_at=time(13))
    assert republished(conflicting).conflicts == 1
    # Who moves to another zone has asked for it.
    Venue.objects.filter(pk=theirs.venue_id).update(timezone="Europe/Berlin")

    lagos_time_in_asmara()
    request_republication(venue_ids=[changed.venue_id, theirs.venue_id])
    assert republish_requested(within=timedelta(seconds=20)) >= 2
    Publication.objects.filter(venue=conflicting.venue_id).update(
        published_until=local_day(conflicting.venue, 2)
    )
    assert roll() == 1
    # So it is done again, should it have ended half-way.
    assert Publication.objects.get(venue=conflicting.venue_id).requested_at is not None
    lines, code = check_timezones()
    assert code == 1
    assert len(lines) == 2
    for line, resource, bookings in zip(lines, (changed, conflicting), (0, 1), strict=True):
        assert resource.venue.public_id in line
        assert f"with {bookings} bookings belonged 120 minutes later (UTC)" in line
        assert "moved since" in line
    assert check_timezones()[1] == 0
    assert republish_requested(within=timedelta(seconds=20)) >= 1
    assert check_timezones()[1] == 0


# --- Those who watch ----------------------------------------------------------------------


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

"""The calendar counts what the day's slots say."""

from datetime import UTC, date, datetime, timedelta

import pytest

from accounts.actors import ANONYMOUS
from bookings.models import Booking, Slot
from bookings.selectors import (
    MAX_CALENDAR_DAYS,
    CalendarDay,
    availability_calendar,
    available_slots,
    slots_between,
)
from bookings.services.bookings import create_hold
from reserve.core.clock import now
from reserve.core.errors import Invalid, NotFound
from tests.factories import (
    make_consecutive_slots,
    make_customer,
    make_resource,
    make_slot,
    make_venue,
    seats_on,
    tomorrow_at,
)
from venues.models import BookingMode, Venue

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def _calendar(venue: Venue, first: date, days: int, **asked) -> list[CalendarDay]:
    return availability_calendar(
        actor=ANONYMOUS,
        venue_id=venue.pk,
        first_day=first,
        last_day=first + (days - 1) * DAY,
        **asked,
    )


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Copenhagen", "America/New_York", "Pacific/Kiritimati"]
)
@pytest.mark.parametrize("guest_count", [None, 2, 5])
def test_each_day_counts_what_the_day_itself_lists(zone: str, guest_count: int | None) -> None:
    venue = make_venue(timezone=zone, booking_horizon_days=3)
    hall = make_resource(venue, capacity=6)
    court = make_resource(venue, capacity=4, booking_mode=BookingMode.EXCLUSIVE)
    start = now().replace(minute=0, second=0, microsecond=0) - DAY
    for number in range(40):
        resource = court if number % 3 else hall
        make_slot(
            resource,
            starts_at=start + number * timedelta(hours=3),
            reserved=number % 5,
            is_closed=number % 7 == 0,
            is_withdrawn=number % 14 == 0,
        )
    held = make_slot(hall, starts_at=tomorrow_at(12, 30))
    hold = create_hold(actor=make_customer(), seats=seats_on(held, 6))
    past = now() - timedelta(seconds=1)
    Booking.objects.filter(pk=hold.pk).update(hold_expires_at=past)
    Slot.objects.filter(pk=held.pk).update(next_lapse_at=past)

    first = venue.local(start).date()
    calendar = _calendar(venue, first, 9, guest_count=guest_count)

    assert [day.date for day in calendar] == [first + number * DAY for number in range(9)]
    for day in calendar:
        listed = slots_between(
            actor=ANONYMOUS, venue_id=venue.pk, first_day=day.date, last_day=day.date
        )
        available = available_slots(
            actor=ANONYMOUS, venue_id=venue.pk, day=day.date, guest_count=guest_count
        )
        assert day == CalendarDay(
            day.date,
            sum(not slot.is_withdrawn for slot in listed),
            len(available),
            sum(slot.remaining for slot in available),
        )
    # Three are withdrawn.
    assert sum(day.slot_count for day in calendar) == 38
    assert any(day.available_slot_count for day in calendar)


def test_a_day_of_23_hours_begins_and_ends_where_its_clock_says() -> None:
    venue = make_venue(timezone="Europe/Copenhagen")
    room = make_resource(venue, capacity=3)
    midnight = datetime(2031, 3, 29, 23, tzinfo=UTC)
    for hour in range(-2, 26):
        make_slot(room, starts_at=midnight + hour * timedelta(hours=1))
    calendar = _calendar(venue, date(2031, 3, 29), 3)
    assert [day.slot_count for day in calendar] == [2, 23, 3]


@pytest.mark.parametrize("rows", [1, 20])
def test_a_calendar_costs_the_same_for_one_slot_as_for_twenty(
    rows: int, django_assert_num_queries
) -> None:
    resource = make_resource()
    make_consecutive_slots(resource, rows)
    with django_assert_num_queries(2):
        calendar = _calendar(resource.venue, now().date(), 31)
    assert sum(day.available_slot_count for day in calendar) == rows


@pytest.mark.parametrize(
    ("first", "days", "asked", "field"),
    [
        (date(2030, 1, 1), 0, {}, "to"),
        (date(2030, 1, 1), MAX_CALENDAR_DAYS + 1, {}, "to"),
        (date(1, 1, 1), 1, {}, "from"),
        (date(9998, 12, 31), 3, {}, "to"),
        (date(2030, 1, 1), 1, {"guest_count": 0}, "guest_count"),
    ],
)
def test_a_question_for_a_calendar_is_bounded(first, days, asked, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        _calendar(make_venue(), first, days, **asked)
    assert list(refused.value.details["errors"]) == [field]


def test_the_longest_calendar_is_answered() -> None:
    assert len(_calendar(make_venue(), date(2030, 1, 1), MAX_CALENDAR_DAYS)) == MAX_CALENDAR_DAYS


def test_the_calendar_of_a_venue_out_of_reach_is_not_told() -> None:
    with pytest.raises(NotFound):
        _calendar(make_venue(is_public=False), date(2030, 1, 1), 1)

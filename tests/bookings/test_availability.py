"""Which slots a party is offered: as the rules say, whoever evaluates them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.actors import ANONYMOUS
from bookings import full_slots, selectors
from bookings.models import Booking, Guest, Slot
from bookings.rules import Party, begins_a_run, bookable, offers, refusal
from bookings.selectors import consecutive_slot_ids
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
from venues.models import BookingMode, Resource, Venue

pytestmark = pytest.mark.django_db

HALF_HOUR = timedelta(minutes=30)


def _lapse(hold: Booking) -> None:
    past = now() - timedelta(seconds=1)
    Booking.objects.filter(pk=hold.pk).update(hold_expires_at=past)
    Slot.objects.filter(bookings=hold).update(next_lapse_at=past)
    full_slots.forget()


# --- The condition and the evaluator ------------------------------------------------------

rules = st.fixed_dictionaries(
    {
        "timezone": st.sampled_from(["UTC", "Europe/Copenhagen", "Pacific/Auckland", "Asia/Kabul"]),
        "booking_horizon_days": st.sampled_from([None, 0, 1, 2, 730]),
        "minimum_notice_minutes": st.sampled_from([0, 1, 30, 60, 1_440]),
        "minimum_party_size": st.integers(1, 2),
        "maximum_party_size": st.sampled_from([None, 2, 4]),
    }
)
slots_of_a_resource = st.lists(
    st.fixed_dictionaries(
        {
            "half_hours": st.integers(1, 2),
            "gap": st.sampled_from([0, 0, 0, 1]),
            "capacity": st.sampled_from([4, 4, 4, 2]),
            "reserved": st.sampled_from([0, 0, 1, 2]),
            "held": st.sampled_from([0, 0, 0, 1, 2]),
            "has_lapsed": st.booleans(),
            "is_closed": st.sampled_from([False, False, False, True]),
        }
    ),
    max_size=8,
)


@given(
    rules=rules,
    mode=st.sampled_from(BookingMode.values),
    rows=slots_of_a_resource,
    first_start=st.integers(-6, 60),
    party=st.builds(Party, st.integers(1, 5), by_staff=st.booleans()),
    length=st.integers(1, 3),
)
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_database_and_the_evaluator_say_the_same(
    *, rules, mode, rows, first_start, party, length
) -> None:
    moment = datetime(2031, 3, 29, 22, tzinfo=UTC)  # An hour is skipped that night.
    resource = make_resource(make_venue(**rules), booking_mode=mode)
    slots = _slots(resource, rows, moment + first_start * HALF_HOUR, moment)

    condition = bookable(venue=resource.venue, party=party, now=moment)
    chosen = Slot.objects.filter(condition, resource=resource)
    if length > 1:
        chosen = chosen.filter(begins_a_run(length=length, party=party, now=moment))

    assert set(chosen) == {
        run[0]
        for run in _runs(slots, length)
        if not refusal(venue=resource.venue, resource=resource, slots=run, party=party, now=moment)
    }
    if length == 1 and not party.by_staff:
        can_book = offers(venue=resource.venue, party=party, now=moment)
        assert set(chosen) == {
            slot
            for slot in slots
            if not slot.is_closed
            and can_book(slot.starts_at, slot.capacity, slot.remaining, resource.is_exclusive)
        }


def test_the_condition_holds_at_its_edges() -> None:
    venue = make_venue(timezone="UTC", booking_horizon_days=1, minimum_notice_minutes=60)
    court = make_resource(venue, capacity=4, booking_mode=BookingMode.EXCLUSIVE)
    moment = datetime(2031, 1, 1, 12, tzinfo=UTC)
    first, last = moment + timedelta(hours=1), datetime(2031, 1, 2, 23, 30, tzinfo=UTC)
    inside = {make_slot(court, starts_at=starts_at) for starts_at in (first, last)}
    make_slot(court, starts_at=first - HALF_HOUR)
    make_slot(court, starts_at=last + HALF_HOUR)

    def chosen(size: int) -> set[Slot]:
        condition = bookable(venue=venue, party=Party(size), now=moment)
        return set(Slot.objects.filter(condition, venue=venue))

    assert chosen(4) == inside
    assert chosen(5) == set()


def _slots(resource: Resource, rows, starts_at: datetime, moment: datetime) -> list[Slot]:
    """The slots that a test asks for, with the seats of lapsed holds free in memory."""
    slots = []
    for row in rows:
        starts_at += row["gap"] * HALF_HOUR
        ends_at = starts_at + row["half_hours"] * HALF_HOUR
        held = min(row["held"], row["capacity"] - row["reserved"])
        slot = make_slot(
            resource,
            starts_at=starts_at,
            ends_at=ends_at,
            capacity=row["capacity"],
            reserved=row["reserved"] + held,
            is_closed=row["is_closed"],
        )
        if held:
            _hold(slot, held, moment + timedelta(seconds=-1 if row["has_lapsed"] else 1), moment)
        slots.append(slot)
        starts_at = ends_at
    selectors.free_lapsed_seats(slots, moment)
    return slots


def _hold(slot: Slot, seats: int, lapses_at: datetime, moment: datetime) -> None:
    hold = Booking.objects.create(
        organization_id=slot.organization_id,
        venue_id=slot.venue_id,
        resource_id=slot.resource_id,
        guest=Guest.objects.create(organization_id=slot.organization_id, name="Ada"),
        status="HELD",
        guest_count=seats,
        seats=seats,
        confirmation_code=slot.public_id[-8:],
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        hold_expires_at=lapses_at,
        created_at=moment,
        version=1,
    )
    slot.booking_links.create(booking=hold, organization_id=slot.organization_id)
    slot.next_lapse_at = lapses_at
    slot.save(update_fields=["next_lapse_at"])


def _runs(slots: list[Slot], length: int) -> list[list[Slot]]:
    """The runs of consecutive slots, told without a database."""
    by_start = {slot.starts_at: slot for slot in slots}
    runs = []
    for first in slots:
        run = [first]
        while len(run) < length and (following := by_start.get(run[-1].ends_at)):
            run.append(following)
        if len(run) == length and len({slot.capacity for slot in run}) == 1:
            runs.append(run)
    return runs


# --- Slots of a day ------------------------------------------------------------------------


def test_an_open_slot_stands_in_for_a_closed_one_with_the_same_start() -> None:
    resource = make_resource(make_venue(timezone="UTC"), capacity=4)
    first, second = make_consecutive_slots(resource, 2)
    closed = _beside(second, is_closed=True)
    # The closed one is found first, or last: neither may hide the open one.
    assert _available(resource, slot_count=2) == [first]
    assert consecutive_slot_ids(slot_id=first.pk, count=2) == [first.pk, second.pk]
    Slot.objects.filter(pk=second.pk).update(is_closed=True)
    Slot.objects.filter(pk=closed.pk).update(is_closed=False)
    assert _available(resource, slot_count=2) == [first]
    assert consecutive_slot_ids(slot_id=first.pk, count=2) == [first.pk, closed.pk]
    Slot.objects.filter(pk=closed.pk).update(is_closed=True)
    assert _available(resource, slot_count=2) == []


def _beside(slot: Slot, **fields) -> Slot:
    return make_slot(slot.resource, starts_at=slot.starts_at, **fields)


def _available(resource: Resource, **asked) -> list[Slot]:
    return selectors.available_slots(
        actor=ANONYMOUS, venue_id=resource.venue_id, day=tomorrow_at(0).date(), **asked
    )


def test_a_withdrawn_slot_is_listed_while_somebody_has_seats_on_it() -> None:
    resource = make_resource(make_venue(timezone="UTC"), capacity=4)
    first, second = make_consecutive_slots(resource, 2)
    day = tomorrow_at(0).date()

    def listed() -> list[Slot]:
        return selectors.slots_between(
            actor=ANONYMOUS, venue_id=resource.venue_id, first_day=day, last_day=day
        )

    hold = create_hold(actor=make_customer(), seats=seats_on(first, 2))
    Slot.objects.update(is_closed=True, is_withdrawn=True)
    assert listed() == [first]
    assert _available(resource) == _next([resource.venue]) == []
    assert consecutive_slot_ids(slot_id=first.pk, count=2) == [first.pk]
    _lapse(hold)
    assert listed() == []
    Slot.objects.filter(pk=second.pk).update(is_withdrawn=False)
    assert listed() == [second]
    assert consecutive_slot_ids(slot_id=first.pk, count=2) == [first.pk, second.pk]


def test_a_run_may_go_on_for_days() -> None:
    resource = make_resource(make_venue(timezone="UTC"))
    length = timedelta(hours=12)
    slots = [
        make_slot(
            resource,
            starts_at=tomorrow_at(12) + number * length,
            ends_at=tomorrow_at(12) + (number + 1) * length,
        )
        for number in range(6)
    ]
    assert _available(resource, slot_count=6) == [slots[0]]
    assert _available(resource, slot_count=7) == []


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"guest_count": 0}, "guest_count"),
        ({"guest_count": 2**31}, "guest_count"),
        ({"slot_count": 0}, "slot_count"),
        ({"slot_count": 49}, "slot_count"),
        ({"day": date.max}, "date"),
        ({"day": date.min}, "date"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(asked, field: str) -> None:
    venue = make_venue()
    question = {"actor": ANONYMOUS, "venue_id": venue.pk, "day": tomorrow_at(0).date()}
    with pytest.raises(Invalid) as refused:
        selectors.available_slots(**(question | asked))
    assert list(refused.value.details["errors"]) == [field]


# --- The next slots of several venues ------------------------------------------------------


def _next(venues: list[Venue], **asked) -> list[Slot]:
    return selectors.next_available_slots(
        actor=ANONYMOUS, venue_ids=[venue.pk for venue in venues], **asked
    )


def test_the_next_slots_of_each_venue_are_those_that_the_party_may_book() -> None:
    small, large, strict = (
        make_resource(make_venue(timezone="UTC", **rules), capacity=capacity)
        for rules, capacity in (({}, 2), ({}, 8), ({"minimum_notice_minutes": 4_320}, 8))
    )
    for resource in (small, large, strict):
        make_slot(resource, starts_at=now() - timedelta(hours=1))
        make_slot(resource, starts_at=tomorrow_at(10), is_closed=True)
        make_slot(resource, starts_at=tomorrow_at(11), reserved=resource.capacity)
    early, late = (make_slot(large, starts_at=tomorrow_at(hour)) for hour in (15, 18))
    tiny = make_slot(small, starts_at=tomorrow_at(16))
    make_slot(strict, starts_at=tomorrow_at(16))
    venues = [small.venue, large.venue, strict.venue]

    found = _next(venues, guest_count=2, first=2)
    assert found == [early, tiny, late]
    assert [slot.venue.name for slot in found] == [
        large.venue.name,
        small.venue.name,
        large.venue.name,
    ]
    assert _next(venues, guest_count=2) == [early, tiny]
    assert _next(venues, guest_count=3, first=2) == [early, late]
    assert _next(venues, guest_count=2, after=late.starts_at, first=9) == [late]
    assert _next(venues, guest_count=9) == []


def test_the_next_slots_are_the_first_available_ones_of_the_days() -> None:
    resource = make_resource(make_venue(timezone="UTC"), capacity=4)
    slots = make_consecutive_slots(resource, 6)
    Slot.objects.filter(pk=slots[2].pk).update(reserved=3)
    for asked in ({}, {"guest_count": 2}, {"slot_count": 2}, {"guest_count": 2, "slot_count": 3}):
        assert _next([resource.venue], first=20, **asked) == _available(resource, **asked)


def test_the_seats_of_a_lapsed_hold_are_offered_again() -> None:
    slot = make_slot(make_resource(make_venue(timezone="UTC"), capacity=2))
    hold = create_hold(actor=make_customer(), seats=seats_on(slot, 2))
    assert _next([slot.venue]) == _available(slot.resource) == []
    _lapse(hold)
    (found,) = _next([slot.venue], guest_count=2)
    assert found.remaining == 2
    assert _available(slot.resource, guest_count=2) == [slot]


@pytest.mark.parametrize("rows", [1, 20, 50])
def test_the_next_slots_cost_the_same_for_one_venue_as_for_fifty(
    rows: int, django_assert_num_queries
) -> None:
    venues = [make_consecutive_slots(make_resource(), 2)[0].venue for _ in range(rows)]
    with django_assert_num_queries(3):
        found = _next(venues)
        assert {slot.resource.venue.address for slot in found} == {
            venue.address for venue in venues
        }
    with django_assert_num_queries(3):
        assert len(_next(venues, slot_count=2)) == rows


@pytest.mark.parametrize("rows", [1, 20])
def test_every_slot_of_some_days_costs_the_same_for_one_as_for_twenty(
    rows: int, django_assert_num_queries
) -> None:
    resource = make_resource(make_venue(timezone="UTC"))
    make_consecutive_slots(resource, rows)
    day = tomorrow_at(0).date()
    with django_assert_num_queries(2):
        found = selectors.slots_between(
            actor=ANONYMOUS, venue_id=resource.venue_id, first_day=day, last_day=day
        )
        assert len({slot.resource.venue.name for slot in found}) == 1
    assert len(found) == rows


def test_the_next_slots_of_a_venue_out_of_reach_are_not_told() -> None:
    seen, hidden = make_slot(), make_slot(make_resource(make_venue(is_public=False)))
    with pytest.raises(NotFound):
        _next([seen.venue, hidden.venue])


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"venue_ids": []}, "venue_ids"),
        ({"first": 0}, "first"),
        ({"first": 21}, "first"),
        ({"guest_count": 0}, "guest_count"),
        ({"slot_count": 49}, "slot_count"),
        ({"after": datetime(2030, 1, 1)}, "after"),
    ],
)
def test_a_question_for_the_next_slots_is_bounded(asked, field: str) -> None:
    question = {"actor": ANONYMOUS, "venue_ids": [make_venue().pk]}
    with pytest.raises(Invalid) as refused:
        selectors.next_available_slots(**(question | asked))
    assert list(refused.value.details["errors"]) == [field]

"""Boards: the same answer as from the database, however it was had."""

import asyncio
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import httpx
import pytest
from asgiref.sync import async_to_sync
from django.db import connection

from accounts.actors import ANONYMOUS, SYSTEM, account
from bookings import boards, selectors
from bookings.models import Slot
from bookings.services.bookings import apply_transition, create_booking, create_hold
from bookings.services.slots import change_slot
from bookings.states import CANCEL
from reserve.core import stamps
from reserve.core.database import in_database
from reserve.core.errors import NotFound
from tests.clients import GraphQLApi
from tests.factories import (
    make_consecutive_slots,
    make_customer,
    make_member,
    make_resource,
    make_slot,
    make_venue,
    seats_on,
    tomorrow_at,
)
from tests.redis_server import own_redis_server
from venues.models import BookingMode, Venue
from venues.services.venues import update_venue

pytestmark = pytest.mark.django_db(transaction=True)

HALF_HOUR = timedelta(minutes=30)
PLAIN = "id startTime endTime status capacity remainingCapacity version unavailableReason"
DAY = """query Day($venue: ID!, $date: Date!, $guests: Int) {
  availableSlots(venueId: $venue, date: $date, guestCount: $guests) { %s }
}"""


def _day(slot: Slot) -> date:
    return slot.venue.local(slot.starts_at).date()


def _ids(slot: Slot, **asked: Any) -> list[str]:
    """What is offered on a slot's day, as a thread is told."""
    offer = boards.offer_at_once(
        actor=asked.pop("actor", ANONYMOUS), venue_id=slot.venue_id, day=_day(slot), **asked
    )
    return [offered.id for offered in offer.slots]


def _selected(slot: Slot, **asked: Any) -> list[str]:
    found = selectors.available_slots(
        actor=ANONYMOUS, venue_id=slot.venue_id, day=_day(slot), **asked
    )
    return [one.public_id for one in found]


# --- The same as from the database ------------------------------------------------------------


def test_every_party_is_offered_what_the_selector_finds() -> None:
    venue = make_venue(minimum_party_size=2, maximum_party_size=6)
    room = make_resource(venue, capacity=6, position=2)
    court = make_resource(venue, capacity=4, booking_mode=BookingMode.EXCLUSIVE, position=1)
    for resource in (room, court):
        slots = make_consecutive_slots(resource, 5)
        create_booking(actor=make_customer(), seats=seats_on(slots[0], guest_count=3))
        create_hold(actor=make_customer(), seats=seats_on(slots[1], guest_count=2))
        change_slot(actor=SYSTEM, slot_id=slots[2].pk, is_closed=True)
    for size in (None, 1, 2, 3, 4, 5, 6, 7):
        for resource in (None, room, court):
            asked = {"guest_count": size, "resource_id": resource and resource.pk}
            assert _ids(slots[0], **asked) == _selected(slots[0], **asked), asked


def test_a_venue_that_is_not_public_is_shown_to_its_staff_only() -> None:
    slot = make_slot(make_resource(make_venue(is_public=False)))
    staff = account(make_member(slot.venue.organization).pk)
    assert _ids(slot, actor=staff) == [slot.public_id]
    for stranger in (ANONYMOUS, make_customer()):
        with pytest.raises(NotFound):
            _ids(slot, actor=stranger)
    with pytest.raises(NotFound):
        boards.offer_at_once(actor=SYSTEM, venue_id=UUID(int=1), day=_day(slot))


def test_both_apis_show_plain_rows_as_any_others(server: str) -> None:
    slots = make_consecutive_slots(make_resource(), 3)
    venue, day = Venue.format_id(slots[0].venue_id), _day(slots[0]).isoformat()
    api = GraphQLApi(server)

    def ask(selection: str) -> Any:
        answer = api.ask(DAY % selection, {"venue": venue, "date": day})
        assert answer.code is None, answer
        return answer.body

    plain = ask(PLAIN)
    assert [one["id"] for one in plain] == [slot.public_id for slot in slots]
    assert plain == ask(f"... on Slot {{ {PLAIN} }}")
    assert plain == [
        {key: value for key, value in one.items() if key != "venue"}
        for one in ask(f"{PLAIN} venue {{ id }}")
    ]
    assert ask("kind: __typename slot: id") == [
        {"kind": "Slot", "slot": slot.public_id} for slot in slots
    ]
    assert ask("id id @skip(if: true)") == ask("id")
    rest = httpx.get(f"{server}/api/v1/venues/{venue}/slots", params={"date": day}).json()
    in_words = {"remainingCapacity": "remaining_capacity", "startTime": "start_time"}
    for key in ("id", "status", "capacity", "version", *in_words):
        assert [one[in_words.get(key, key)] for one in rest] == [one[key] for one in plain]


# --- Kept, until something changes --------------------------------------------------------------


@pytest.fixture
def reads(monkeypatch) -> list[int]:
    """How many days each reading of the database was about, one after the other."""
    asked: list[int] = []
    read = boards.read_boards

    def counted(days: Any) -> Any:
        asked.append(len(days))
        return read(days)

    monkeypatch.setattr(boards, "read_boards", counted)
    return asked


def test_a_board_is_read_once_while_nothing_changes(reads: list[int]) -> None:
    slot = make_slot()
    assert _ids(slot) == _ids(slot) == _ids(slot, guest_count=1) == [slot.public_id]
    assert reads == [1]


@pytest.mark.parametrize("read", ["rest", "graphql"])
def test_the_next_read_of_another_process_sees_each_change(server: str, read: str) -> None:
    slot = make_slot(make_resource(make_venue(), capacity=4))
    customer, http = make_customer(), httpx.Client(base_url=server)
    venue, day = Venue.format_id(slot.venue_id), _day(slot).isoformat()

    def left() -> int | None:
        """The seats of the slot as the other process tells, or None where it does not offer it."""
        if read == "rest":
            found = http.get(f"/api/v1/venues/{venue}/slots", params={"date": day}).json()
            return next((one["remaining_capacity"] for one in found), None)
        body = {"query": DAY % PLAIN, "variables": {"venue": venue, "date": day}}
        found = http.post("/graphql", json=body).json()["data"]["availableSlots"]
        return next((one["remainingCapacity"] for one in found), None)

    assert left() == left() == 4
    for _ in range(5):
        booking = create_booking(actor=customer, seats=seats_on(slot, guest_count=3))
        assert left() == 1
        apply_transition(actor=customer, booking_id=booking.pk, transition=CANCEL)
        assert left() == 4
    change_slot(actor=SYSTEM, slot_id=slot.pk, capacity=9)
    assert left() == 9
    change_slot(actor=SYSTEM, slot_id=slot.pk, is_closed=True)
    assert left() is None
    change_slot(actor=SYSTEM, slot_id=slot.pk, is_closed=False)
    assert left() == 9
    manager = SYSTEM
    update_venue(actor=manager, venue_id=slot.venue_id, changes={"minimum_party_size": 10})
    assert left() is None
    update_venue(actor=manager, venue_id=slot.venue_id, changes={"minimum_party_size": 1})
    assert left() == 9


def test_what_was_read_before_a_commit_is_not_kept_after_it(monkeypatch) -> None:
    slot = make_slot(make_resource(make_venue(), capacity=4))
    read = boards.read_boards

    def read_and_be_overtaken(days: Any) -> Any:
        found = read(days)
        create_booking(actor=make_customer(), seats=seats_on(slot, guest_count=4))
        return found

    monkeypatch.setattr(boards, "read_boards", read_and_be_overtaken)
    # Asked before the booking was answered: either answer is right.
    assert _ids(slot) == [slot.public_id]
    monkeypatch.setattr(boards, "read_boards", read)
    assert _ids(slot) == []


class _Clock:
    def __init__(self) -> None:
        self.moment = datetime.now().astimezone()

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def clock(monkeypatch) -> _Clock:
    clock = _Clock()
    monkeypatch.setattr(boards, "process_now", clock)
    return clock


def test_a_kept_board_ends_when_the_clock_changes_it(clock: _Clock, reads: list[int]) -> None:
    moment = datetime.fromisoformat("2031-05-05T10:00:00+00:00")
    tick = timedelta(milliseconds=10)
    rules = {"timezone": "UTC", "minimum_notice_minutes": 0, "booking_horizon_days": 3}

    def slot_at(starts_at: datetime, **changes: Any) -> Slot:
        return make_slot(make_resource(make_venue(**(rules | changes))), starts_at=starts_at)

    midnight = datetime.fromisoformat("2031-05-06T00:00:00+00:00")
    held = slot_at(moment + timedelta(hours=5))
    cases = {
        "start": (slot_at(moment), moment, True, False),
        # Under the notice only once it is less than that.
        "notice": (
            slot_at(moment + timedelta(hours=1), minimum_notice_minutes=60),
            moment + timedelta(microseconds=1),
            True,
            False,
        ),
        "horizon": (slot_at(midnight + timedelta(days=3)), midnight, False, True),
        "lapse": (held, moment, False, True),
    }
    Slot.objects.filter(pk=held.pk).update(reserved=held.capacity, next_lapse_at=moment)
    _hold_until(held, moment)
    for name, (slot, instant, before, after) in cases.items():
        clock.moment = instant - tick
        assert bool(_ids(slot)) is before, name
        # It is kept until then, and would be for longer.
        reads.clear()
        clock.moment = instant - timedelta(microseconds=2)
        assert bool(_ids(slot)) is before, name
        assert not reads, name
        clock.moment = instant
        assert bool(_ids(slot)) is after, name


def _hold_until(slot: Slot, moment: datetime) -> None:
    """The seats of a slot, all taken by a hold that lapses at an instant."""
    twin = make_slot(make_resource(slot.venue))
    hold = create_hold(actor=make_customer(), seats=seats_on(twin, guest_count=1))
    type(hold).objects.filter(pk=hold.pk).update(hold_expires_at=moment, seats=slot.capacity)
    hold.slot_links.update(slot=slot)


def test_no_board_is_used_for_longer_than_a_second(clock: _Clock) -> None:
    clock.moment = tomorrow_at(1)
    slot = make_slot(starts_at=tomorrow_at(12))
    assert _ids(slot) == [slot.public_id]
    # Behind everybody's back, as by a process that died before it could tell.
    Slot.objects.filter(pk=slot.pk).update(is_closed=True)
    clock.moment += timedelta(milliseconds=999)
    assert _ids(slot) == [slot.public_id]
    clock.moment += timedelta(milliseconds=1)
    assert _ids(slot) == []


@pytest.mark.usefixtures("database_threads")
def test_without_redis_every_answer_is_read(monkeypatch, settings, reads: list[int]) -> None:
    slot = make_slot(make_resource(make_venue(), capacity=4))

    async def ask() -> list[str]:
        offer = await boards.offer(actor=ANONYMOUS, venue_id=slot.venue_id, day=_day(slot))
        return [offered.id for offered in offer.slots]

    with own_redis_server() as server:
        settings.REDIS_URL = server.url
        monkeypatch.setattr(stamps, "_redis", lambda: server.client)
        try:
            assert _ids(slot) == async_to_sync(ask)() == [slot.public_id]
            assert reads == [1]
            server.kill()
            create_booking(actor=make_customer(), seats=seats_on(slot, guest_count=4))
            assert _ids(slot) == async_to_sync(ask)() == _ids(slot) == []
            assert reads == [1, 1, 1, 1]
        finally:
            stamps._breaker.reset()
            monkeypatch.setattr(stamps, "_client", None)


def test_a_stamp_never_comes_twice() -> None:
    subject, other = ("venue.1", "2031-01-01"), ("venue.1", "2031-01-02")
    seen = [stamps.current(subject)]
    assert stamps.current(subject) == seen[0]
    untouched = stamps.current(other)
    for change in (
        lambda: stamps.void([subject]),
        lambda: stamps.void_group("venue.1"),
        lambda: stamps._redis().flushdb(),
    ):
        change()
        seen.append(stamps.current(subject))
        if len(seen) == 2:
            assert stamps.current(other) == untouched
    assert None not in seen
    assert len(set(seen)) == len(seen)


# --- Read together ----------------------------------------------------------------------------


@pytest.fixture
def database_threads(settings) -> Iterator[None]:
    """Lets the test database go at the end: its threads would keep their connections."""
    yield
    everybody = Barrier(settings.DATABASE_THREADS)

    def close() -> None:
        everybody.wait(timeout=5)
        connection.close()

    async def close_all() -> None:
        await asyncio.gather(*(in_database(close) for _ in range(settings.DATABASE_THREADS)))

    async_to_sync(close_all)()


@pytest.mark.usefixtures("database_threads")
def test_callers_who_come_together_share_a_query(settings, reads: list[int]) -> None:
    settings.AVAILABILITY_CACHE = False
    slots = [make_slot() for _ in range(4)]

    async def ask(slot: Slot) -> list[str]:
        offer = await boards.offer(actor=ANONYMOUS, venue_id=slot.venue_id, day=_day(slot))
        return [offered.id for offered in offer.slots]

    async def together() -> list[Any]:
        lost = asyncio.create_task(ask(slots[0]))
        await asyncio.sleep(0)
        lost.cancel()
        unknown = boards.offer(actor=ANONYMOUS, venue_id=UUID(int=1), day=_day(slots[0]))
        return await asyncio.gather(*map(ask, slots * 8), unknown, return_exceptions=True)

    *answers, unknown = async_to_sync(together)()
    assert answers == [[slot.public_id] for slot in slots] * 8
    assert isinstance(unknown, NotFound)
    # One of whoever came first, and one of all who came meanwhile.
    assert len(reads) <= 2
    assert reads[-1] == 5


@pytest.mark.usefixtures("database_threads")
def test_a_query_that_fails_fails_for_all_and_for_nobody_after(monkeypatch) -> None:
    slot = make_slot()
    read = boards.read_boards

    async def ask() -> list[str]:
        offer = await boards.offer(actor=ANONYMOUS, venue_id=slot.venue_id, day=_day(slot))
        return [offered.id for offered in offer.slots]

    async def twice() -> None:
        monkeypatch.setattr(boards, "read_boards", lambda _days: 1 / 0)
        failed = await asyncio.gather(*(ask() for _ in range(5)), return_exceptions=True)
        assert {type(error) for error in failed} == {ZeroDivisionError}
        monkeypatch.setattr(boards, "read_boards", read)
        assert await ask() == [slot.public_id]

    async_to_sync(twice)()

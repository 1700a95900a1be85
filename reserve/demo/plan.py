"""Which bookings a venue of the demo gets. Pure: no database, no clock.

The same venue, slots and moment give the same plan, so that a load that was
interrupted can be completed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

from bookings.guests import GuestDetails
from bookings.models import Slot
from bookings.states import (
    APPROVE,
    CANCEL,
    CHECK_IN,
    DECLINE,
    SEATED,
    BookingStatus,
    Transition,
)
from reserve.demo.people import draw_person
from reserve.demo.places import DemoVenue
from reserve.demo.visits import VISITS, DemoVisit
from venues.models import ConfirmationMode, Venue

PAST_DAYS = 21
COMING_DAYS = 15
# What is booked in these days begins on the day after tomorrow, or later.
_EARLIEST_DAY = 2
_WITH_NOTES = 0.2
_ONE_LATE_IN = 6

_S = BookingStatus
_Choice = TypeVar("_Choice")

_PAST_OUTCOMES = {_S.COMPLETED: 81, _S.NO_SHOW: 6, _S.CANCELLED: 8, _S.EXPIRED: 3}
_COMING_OUTCOMES = {_S.CONFIRMED: 94, _S.CANCELLED: 6}
_DECLINES = {_S.DECLINED: 5}

# What staff do in these days with bookings that they took over the telephone.
_AT_THE_DESK: dict[str, tuple[tuple[BookingStatus, Transition | None, int], ...]] = {
    ConfirmationMode.AUTOMATIC: (
        (_S.PENDING, None, 5),
        (_S.PENDING, APPROVE, 3),
        (_S.PENDING, CANCEL, 1),
        (_S.PENDING, DECLINE, 1),
        (_S.HELD, None, 1),
    ),
    ConfirmationMode.MANUAL: (
        (_S.PENDING, None, 5),
        (_S.PENDING, APPROVE, 5),
        (_S.PENDING, CANCEL, 1),
        (_S.PENDING, DECLINE, 2),
        (_S.HELD, None, 1),
    ),
}
_REASONS = {
    CANCEL: ("The guest rang: ill.", "The guest rang: a train was cancelled."),
    DECLINE: ("A private event that day.", "Nobody is free at that hour."),
}


@dataclass(slots=True)
class Planned:
    """A booking to be made: imported in status `begins_as`, or else a booking or a hold."""

    slots: list[Slot]
    party: int
    begins_as: BookingStatus
    then: Transition | None
    imported: bool
    created_at: datetime
    guest: GuestDetails | None = None
    customer: str | None = None
    notes: str = ""
    reason: str = ""

    @property
    def starts_at(self) -> datetime:
        return self.slots[0].starts_at

    @property
    def ends_at(self) -> datetime:
        return self.slots[-1].ends_at


def plan_bookings(
    *, demo: DemoVenue, venue: Venue, slots: Sequence[Slot], now: datetime
) -> list[Planned]:
    """The bookings of a venue around a moment.

    Args:
        slots: every slot from PAST_DAYS before to COMING_DAYS after it, in order of their start.
    """
    plan = _Plan(demo, venue, slots, now)
    plan.add_visits()
    plan.add_bookings_at_the_desk()
    plan.add_imports()
    plan.seat_somebody()
    return plan.bookings


class _Plan:
    def __init__(self, demo: DemoVenue, venue: Venue, slots: Sequence[Slot], now: datetime) -> None:
        self.bookings: list[Planned] = []
        self._demo = demo
        self._demand = demo.demand
        self._venue = venue
        self._is_exclusive = demo.resources[0].booking_mode == "EXCLUSIVE"
        self._now = now
        self._today = venue.local(now).date()
        self._slots = slots
        self._locals = {slot.starts_at: venue.local(slot.starts_at) for slot in slots}
        self._by_start = {(slot.resource_id, slot.starts_at): slot for slot in slots}
        self._free = {slot.pk: slot.capacity for slot in slots}
        self._names: set[tuple[object, str]] = set()

    # --- Who books what -----------------------------------------------------------

    def add_visits(self) -> None:
        for visit in VISITS:
            if visit.venue == self._demo.details.slug:
                self._add_visit(visit)

    def _add_visit(self, visit: DemoVisit) -> None:
        in_past = visit.day < 0
        for slot in self._slots:
            if self._day(slot) < visit.day or self._locals[slot.starts_at].hour < visit.hour:
                continue
            run = self._run(slot, visit.length)
            if run and self._take(run, visit.party):
                self.bookings.append(
                    Planned(
                        slots=run,
                        party=visit.party,
                        begins_as=visit.begins_as,
                        then=visit.then,
                        imported=in_past,
                        created_at=slot.starts_at - timedelta(days=3, hours=5, minutes=12),
                        customer=visit.customer,
                        notes=visit.notes,
                    )
                )
                return

    def add_bookings_at_the_desk(self) -> None:
        random = self._random("desk")
        coming = [slot for slot in self._slots if self._day(slot) >= _EARLIEST_DAY]
        levels = [self._level(slot) for slot in coming]
        for begins_as, then, number in _AT_THE_DESK[self._venue.confirmation_mode]:
            for _ in range(number):
                for slot in random.choices(coming, levels, k=50):
                    if taken := self._try(random, slot):
                        booking = self._somebody(random, *taken, begins_as)
                        booking.then = then
                        booking.imported = False
                        if then in _REASONS:
                            booking.reason = random.choice(_REASONS[then])
                        break

    def add_imports(self) -> None:
        for slot, random in self._days():
            if self._is_exclusive:
                if random.random() < self._level(slot) * self._nearness(slot):
                    self._import(random, slot)
                continue
            seats = slot.capacity * self._level(slot) * self._nearness(slot)
            for _ in range(int(seats / self._demand.mean_party + random.random())):
                self._import(random, slot)

    def seat_somebody(self) -> None:
        """Check in who is there now, or else who came last today."""
        started = [slot for slot in self._slots if slot.starts_at <= self._now]
        if not started or self._day(started[-1]) != 0:
            return
        random = self._random("door")
        size = min(self._demand.parties)
        present = [booking for booking in self.bookings if self._is_present(booking)]
        if not present:
            last = started[-1].starts_at
            present = [
                booking
                for booking in self.bookings
                if booking.starts_at == last and booking.begins_as == _S.COMPLETED
            ]
        for slot in () if present else reversed(started):
            if self._day(slot) == 0 and self._take([slot], size):
                present = [self._somebody(random, [slot], size, _S.CONFIRMED)]
                break
        for index, booking in enumerate(present):
            # Of several parties one is late, and still waited for.
            is_late = index % _ONE_LATE_IN == _ONE_LATE_IN - 1
            booking.begins_as = _S.CONFIRMED
            booking.then = None if is_late else CHECK_IN

    def _is_present(self, booking: Planned) -> bool:
        return (
            booking.imported
            and booking.begins_as == _S.CONFIRMED
            and booking.starts_at <= self._now < booking.ends_at
        )

    # --- Drawing ----------------------------------------------------------------------

    def _days(self) -> Iterator[tuple[Slot, Random]]:
        """Each slot, with the source of chance of its day."""
        day, random = None, Random()  # noqa: S311
        for slot in self._slots:
            if self._day(slot) != day:
                day = self._day(slot)
                random = self._random(f"day {day}")
            yield slot, random

    def _import(self, random: Random, slot: Slot) -> None:
        taken = self._try(random, slot)
        if not taken:
            return
        run, party = taken
        over = run[-1].ends_at <= self._now
        outcomes = dict(_PAST_OUTCOMES if over else _COMING_OUTCOMES)
        if over and self._venue.confirmation_mode == ConfirmationMode.MANUAL:
            outcomes |= _DECLINES
        if not over and slot.starts_at <= self._now:
            outcomes = {_S.CONFIRMED: 1}
        self._somebody(random, run, party, _draw(random, outcomes))

    def _try(self, random: Random, slot: Slot) -> tuple[list[Slot], int] | None:
        """Take seats from a slot on, for a party that is drawn; None where it does not fit."""
        run = self._run(slot, _draw(random, self._demand.lengths))
        party = _draw(random, self._demand.parties)
        return (run, party) if run and self._take(run, party) else None

    def _somebody(
        self, random: Random, run: list[Slot], party: int, status: BookingStatus
    ) -> Planned:
        """Book for a guest who is drawn; the seats are taken already."""
        guest = draw_person(random, self._demand.cultures)
        while (run[0].pk, guest.name) in self._names:
            guest = draw_person(random, self._demand.cultures)
        self._names.add((run[0].pk, guest.name))
        notes = self._demand.notes
        latest = min(run[0].starts_at, self._now)
        booking = Planned(
            slots=run,
            party=party,
            begins_as=status,
            then=None,
            imported=True,
            created_at=latest - timedelta(minutes=random.randrange(90, 12 * 24 * 60)),
            guest=guest,
            notes=random.choice(notes) if notes and random.random() < _WITH_NOTES else "",
        )
        if status not in SEATED:
            self._give_back(run, party)
        self.bookings.append(booking)
        return booking

    def _random(self, purpose: str) -> Random:
        return Random(f"{self._venue.slug}, {purpose}")  # noqa: S311

    # --- Seats -------------------------------------------------------------------------

    def _run(self, slot: Slot, length: int) -> list[Slot] | None:
        run = [slot]
        while len(run) < length:
            following = self._by_start.get((slot.resource_id, run[-1].ends_at))
            if following is None:
                return None
            run.append(following)
        return run

    def _take(self, run: list[Slot], party: int) -> bool:
        for slot in run:
            needed = slot.capacity if self._is_exclusive else party
            if self._free[slot.pk] < needed:
                return False
        self._give_back(run, -party)
        return True

    def _give_back(self, run: list[Slot], party: int) -> None:
        for slot in run:
            sign = 1 if party > 0 else -1
            self._free[slot.pk] += sign * slot.capacity if self._is_exclusive else party

    # --- Time ----------------------------------------------------------------------------

    def _day(self, slot: Slot) -> int:
        """The slot's local day, counted from today."""
        return (self._locals[slot.starts_at].date() - self._today).days

    def _level(self, slot: Slot) -> float:
        local = self._locals[slot.starts_at]
        return self._demand.level(local.weekday(), local.hour)

    def _nearness(self, slot: Slot) -> float:
        """The share of a slot's final demand that has booked already."""
        if slot.starts_at <= self._now:
            return 1.0
        return max(0.0, 0.8 - self._day(slot) / COMING_DAYS)


def _draw(random: Random, weights: Mapping[_Choice, int]) -> _Choice:
    (choice,) = random.choices(list(weights), list(weights.values()))
    return choice

"""What a visitor can choose from: a month's days, a day's times, and others near a time."""

import calendar
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import groupby
from uuid import UUID

from accounts.actors import ANONYMOUS
from bookings.models import Slot
from bookings.rules import is_within_horizon
from bookings.selectors import (
    CalendarDay,
    availability_calendar,
    available_slots,
    fully_booked_days,
    next_available_slots,
    slots_between,
)
from bookings.states import SlotStatus
from reserve.core.clock import now as process_now
from reserve.core.errors import Invalid
from venues.models import Resource, Venue
from venues.schedule import day_bounds

# Sizes to pick from where the venue names no largest; larger parties call.
_LARGEST_PARTY = 20
_USUAL_PARTY = 2
# Of an exclusive resource, how many slots in a row to pick from.
_LONGEST_RUN = 4
_ALTERNATIVES = 4
# With fewer of its slots free than this part, a day counts as nearly full.
_FEW = 0.3
# Countries whose calendars do (Unicode CLDR, weekData); elsewhere it is Monday, as in ISO 8601.
_WEEK_BEGINS_ON_SUNDAY = (
    "AG AS AU BD BR BS BT BW BZ CA CO DM DO ET GT GU HK HN ID IL IN JM JP KE KH KR LA MH MM MO MT"
    " MX MZ NI NP PA PE PH PK PR PT PY SA SG SV TH TT TW UM US VE VI WS YE ZA ZW"
)


@dataclass(frozen=True, slots=True)
class Time:
    """One slot of the day: to be had, or only to be seen that it is full."""

    slot: Slot
    is_free: bool

    @property
    def left(self) -> int | None:
        """Seats that are left, where parties share them."""
        return None if self.slot.resource.is_exclusive else self.slot.remaining


@dataclass(frozen=True, slots=True)
class DayCell:
    """A day of the month as the calendar shows it."""

    day: date
    offered: CalendarDay | None
    is_chosen: bool
    is_today: bool
    is_past: bool
    is_fully_booked: bool

    @property
    def kind(self) -> str:
        """`past`, `none` without times to be had, `full`, `few` or `free`."""
        if self.is_past:
            return "past"
        if self.is_fully_booked:
            return "full"
        if self.offered is None or not self.offered.available_slot_count:
            return "none"
        part = self.offered.available_slot_count / self.offered.slot_count
        return "few" if part < _FEW else "free"


@dataclass(frozen=True)
class Wish:
    """What a visitor looks for; None where they have not said."""

    party: int | None = None
    day: date | None = None
    month: date | None = None
    """Its first day."""
    length: int = 1
    """Slots in a row."""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "Wish":
        """From an address or a form. What makes no sense was not said: addresses are shared."""
        month = query.get("month", "")
        return cls(
            party=_number(query.get("party", "")),
            day=_date(query.get("date", "")),
            month=_date(f"{month}-01") if month else None,
            length=min(_number(query.get("length", "")) or 1, _LONGEST_RUN),
        )


@dataclass(frozen=True)
class Choice:
    """A venue's month, and one of its days, for a party."""

    venue: Venue
    now: datetime
    party: int
    length: int
    day: date
    month: date
    days: Sequence[CalendarDay]
    fully_booked: Collection[date]
    times: Sequence[Time]
    resources: Sequence[Resource]

    @cached_property
    def today(self) -> date:
        return self.venue.local(self.now).date()

    @cached_property
    def weeks(self) -> list[list[DayCell | None]]:
        """The month's weeks, each of seven; None for days of its neighbours."""
        by_day = {day.date: day for day in self.days}
        weeks = _calendar(self.venue).monthdatescalendar(self.month.year, self.month.month)
        return [
            [
                DayCell(
                    day,
                    by_day.get(day),
                    is_chosen=day == self.day,
                    is_today=day == self.today,
                    is_past=day < self.today,
                    is_fully_booked=day in self.fully_booked,
                )
                if day.month == self.month.month
                else None
                for day in week
            ]
            for week in weeks
        ]

    @property
    def weekdays(self) -> list[date]:
        """A date of each weekday, in the order of the calendar's columns."""
        monday = date(2024, 1, 1)
        return [monday + timedelta(days=number) for number in _calendar(self.venue).iterweekdays()]

    @property
    def parties(self) -> range:
        largest = self.venue.maximum_party_size or max(
            _LARGEST_PARTY, self.venue.minimum_party_size
        )
        return range(self.venue.minimum_party_size, min(largest, 100) + 1)

    @cached_property
    def lengths(self) -> list[tuple[int, int]]:
        """Numbers of slots in a row with their minutes, where a resource is had alone."""
        minutes = {
            int((time.slot.ends_at - time.slot.starts_at).total_seconds() // 60)
            for time in self.times
            if time.slot.resource.is_exclusive
        }
        if len(minutes) != 1:
            return []
        (single,) = minutes
        return [(number, number * single) for number in range(1, _LONGEST_RUN + 1)]

    @property
    def groups(self) -> list[tuple[Resource, list[Time]]]:
        """The times of each resource that has any."""
        place = {resource.pk: number for number, resource in enumerate(self.resources)}
        ordered = sorted(
            self.times, key=lambda time: (place[time.slot.resource_id], time.slot.starts_at)
        )
        return [
            (times[0].slot.resource, times)
            for _, found in groupby(ordered, key=lambda time: time.slot.resource_id)
            if (times := list(found))
        ]

    @property
    def has_free_time(self) -> bool:
        return any(time.is_free for time in self.times)

    @property
    def next_free_day(self) -> date | None:
        """The first after the chosen one that has times, in the month that is shown."""
        free = (one.date for one in self.days if one.available_slot_count)
        return next((day for day in free if day > self.day), None)

    @property
    def previous_month(self) -> date | None:
        before = (self.month - timedelta(days=1)).replace(day=1)
        return before if before >= self.today.replace(day=1) else None

    @property
    def next_month(self) -> date | None:
        following = _next_month(self.month)
        begins_at, _ = day_bounds(following, self.venue.zone)
        return following if is_within_horizon(self.venue, begins_at, self.now) else None


def choice_of(*, venue: Venue, wish: Wish) -> Choice:
    """What the venue offers; without a day, on the first that has anything.

    A constant number of statements.
    """
    now = process_now()
    party = _party_at(venue, wish.party)
    today = venue.local(now).date()
    day = wish.day or wish.month or today
    if wish.day is None and (wish.month is None or wish.month <= today):
        for first in _next_slots(venue, party, wish.length, first=1):
            day = venue.local(first.starts_at).date()
    try:
        return _choice(venue, now, party, wish, day)
    except Invalid:
        # An address with a year that no calendar has.
        return _choice(venue, now, party, Wish(length=wish.length), today)


def _choice(venue: Venue, now: datetime, party: int, wish: Wish, day: date) -> Choice:
    month = wish.month or day.replace(day=1)
    last = _next_month(month) - timedelta(days=1)
    days = availability_calendar(
        actor=ANONYMOUS, venue_id=venue.pk, first_day=month, last_day=last, guest_count=party
    )
    if wish.day is None and day.month != month.month:
        day = month
    if wish.day is None and wish.month is not None:
        free = (one.date for one in days if one.available_slot_count)
        day = next(free, month)
    return Choice(
        venue=venue,
        now=now,
        party=party,
        length=wish.length,
        day=day,
        month=month,
        days=days,
        fully_booked=fully_booked_days(venue=venue, days=days, guest_count=party),
        times=_times(venue, day, party, wish.length),
        resources=list(venue.resources.order_by("position", "name")),
    )


def alternatives(*, venue: Venue, starts_at: datetime, party: int, length: int) -> list[Slot]:
    """Free times near one that is not to be had: those of its day that are nearest, then later."""
    day = venue.local(starts_at).date()
    _, ends_at = day_bounds(day, venue.zone)
    party = _party_at(venue, party)
    same_day = available_slots(
        actor=ANONYMOUS, venue_id=venue.pk, day=day, guest_count=party, slot_count=length
    )
    nearest = sorted(same_day, key=lambda slot: abs(slot.starts_at - starts_at))
    # Of several resources at the same time one is enough.
    chosen = _one_for_each_time(nearest)[: _ALTERNATIVES - 1]
    later = _next_slots(venue, party, length, first=_ALTERNATIVES, after=ends_at)
    wanted = _ALTERNATIVES - len(chosen)
    chosen += _one_for_each_time(later)[:wanted]
    return sorted(chosen, key=lambda slot: slot.starts_at)


def _times(venue: Venue, day: date, party: int, length: int) -> list[Time]:
    """The day's times that are free, and those that are full and still to come."""
    slots = slots_between(actor=ANONYMOUS, venue_id=venue.pk, first_day=day, last_day=day)
    free: set[UUID] = {
        slot.pk
        for slot in available_slots(
            actor=ANONYMOUS, venue_id=venue.pk, day=day, guest_count=party, slot_count=length
        )
    }
    now = process_now()
    return [
        Time(slot, slot.pk in free)
        for slot in slots
        if slot.pk in free
        or (
            slot.status_at(now) in {SlotStatus.AVAILABLE, SlotStatus.FULL} and _is_full(slot, party)
        )
    ]


def _is_full(slot: Slot, party: int) -> bool:
    wanted = slot.capacity if slot.resource.is_exclusive else party
    return slot.remaining < wanted <= slot.capacity


def _next_slots(
    venue: Venue, party: int, length: int, *, first: int, after: datetime | None = None
) -> list[Slot]:
    return next_available_slots(
        actor=ANONYMOUS,
        venue_ids=[venue.pk],
        guest_count=party,
        slot_count=length,
        after=after,
        first=first,
    )


def _one_for_each_time(slots: Sequence[Slot]) -> list[Slot]:
    return list({slot.starts_at: slot for slot in reversed(slots)}.values())[::-1]


def _party_at(venue: Venue, asked: int | None) -> int:
    """The size that was asked for, if the venue takes it, or else the usual one."""
    smallest, largest = venue.minimum_party_size, venue.maximum_party_size
    wanted = asked or _USUAL_PARTY
    return max(smallest, min(wanted, largest or wanted))


def _calendar(venue: Venue) -> calendar.Calendar:
    is_sunday = venue.country in _WEEK_BEGINS_ON_SUNDAY.split()
    return calendar.Calendar(calendar.SUNDAY if is_sunday else calendar.MONDAY)


def _next_month(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _number(text: str) -> int | None:
    if not (text.isascii() and text.isdigit()) or len(text) > 5:  # noqa: PLR2004 (of digits)
        return None
    return int(text) or None


def _date(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    # Months beside it are dates too.
    return found if date.min.year < found.year < date.max.year else None

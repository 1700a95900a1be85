"""A venue's days as customers are offered them: read together, kept until they change.

A board is every open slot of one local day. Whoever asks while a query runs shares
the next one, whatever venues and days they ask about. A board that was read is
used again while its stamp is the same (`reserve.core.stamps`), by REST and GraphQL
alike, but no longer than a second, nor past the next instant at which the clock
alone changes what it offers. A day whose stamp stays the same is read again on the
replica, if that has had every commit since. Nobody who decides on a booking looks here.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings

from accounts.actors import Actor
from bookings import store
from bookings.customers import Account, count_open_bookings_of, limited_account
from bookings.models import Slot
from bookings.rules import Party, is_limit_reached, offers
from bookings.selectors.availability import check_days, check_party
from bookings.selectors.seats import lapsed_seats
from bookings.states import SlotStatus
from reserve.core import replica, stamps
from reserve.core.clock import now as process_now
from reserve.core.database import in_database
from reserve.core.errors import NotFound
from reserve.core.grouping import Grouped
from venues.models import Resource, Venue
from venues.schedule import day_bounds
from venues.selectors import visible_venue

_LONGEST_USE = timedelta(seconds=1)
_MAX_KEPT = 2_000
_MAX_TOGETHER = 64
_MAX_TEXTS = 50_000

Day = tuple[UUID, date]
"""A venue and one of its local days."""
_Asked = tuple[Day, float | None]
"""A day, and since when it is known not to have changed."""


class OfferedSlot(NamedTuple):
    """A slot that can be booked, in the words of both APIs."""

    id: str
    venue_id: str
    resource_id: str
    start_time: str
    """RFC 3339, in the venue's offset; so is the end."""
    end_time: str
    status: str
    capacity: int
    remaining_capacity: int
    version: int
    unavailable_reason: None = None


class _Row(NamedTuple):
    """An open slot as it was read, and what is always the same of it as text."""

    texts: "_Texts"
    starts_at: datetime
    resource_id: UUID
    is_exclusive: bool
    capacity: int
    remaining: int
    version: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What a party can book on a day; `rendered` is for whoever writes it down."""

    slots: list[OfferedSlot]
    rendered: dict[Any, Any] = field(default_factory=dict)


class Board:
    """The open slots of a venue's day at one instant."""

    def __init__(
        self, venue: Venue, rows: Sequence[_Row], read_at: datetime, until: datetime
    ) -> None:
        self.venue = venue
        self.until = until
        """The first instant at which it may offer something else, if nothing is changed."""
        self._rows = rows
        self._read_at = read_at
        self._offers: dict[tuple[int, UUID | None], Offer] = {}

    def offer(self, guest_count: int | None, resource_id: UUID | None) -> Offer:
        """What a party of that size can book; without a size, the venue's smallest."""
        asked = guest_count or self.venue.minimum_party_size, resource_id
        known = self._offers.get(asked)
        if known is None:
            known = self._offers[asked] = Offer(self._offered(*asked))
        return known

    def _offered(self, party_size: int, resource_id: UUID | None) -> list[OfferedSlot]:
        can_book = offers(venue=self.venue, party=Party(party_size), now=self._read_at)
        return [
            OfferedSlot(
                *row.texts, SlotStatus.AVAILABLE.value, row.capacity, row.remaining, row.version
            )
            for row in self._rows
            if resource_id in (None, row.resource_id)
            and can_book(row.starts_at, row.capacity, row.remaining, row.is_exclusive)
        ]


async def offer(
    *,
    actor: Actor,
    venue_id: UUID,
    day: date,
    guest_count: int | None = None,
    resource_id: UUID | None = None,
) -> Offer:
    """The slots that `selectors.available_slots` finds for one slot at a time.

    Raises what it does.
    """
    check_days(date=day)
    check_party(guest_count)
    stamp = await stamps.acurrent(_subject(venue_id, day)) if settings.AVAILABILITY_CACHE else None
    board = _kept.get((venue_id, day), stamp)
    if board is None:
        board = await _reader.join(((venue_id, day), _kept.unchanged_since((venue_id, day), stamp)))
        _kept.keep((venue_id, day), stamp, board)
    if board is None:
        raise NotFound
    if not board.venue.is_public:
        await in_database(visible_venue, actor=actor, venue_id=venue_id)
    account = limited_account(actor, board.venue)
    if account and is_limit_reached(board.venue, await _counter.join(account)):
        return Offer([])
    return board.offer(guest_count, resource_id)


def offer_at_once(
    *,
    actor: Actor,
    venue_id: UUID,
    day: date,
    guest_count: int | None = None,
    resource_id: UUID | None = None,
) -> Offer:
    """As `offer`, for threads."""
    check_days(date=day)
    check_party(guest_count)
    stamp = stamps.current(_subject(venue_id, day)) if settings.AVAILABILITY_CACHE else None
    board = _kept.get((venue_id, day), stamp)
    if board is None:
        asked = (venue_id, day), _kept.unchanged_since((venue_id, day), stamp)
        board = _read_where_complete([asked]).get((venue_id, day))
        _kept.keep((venue_id, day), stamp, board)
    if board is None:
        raise NotFound
    if not board.venue.is_public:
        visible_venue(actor=actor, venue_id=venue_id)
    account = limited_account(actor, board.venue)
    if account:
        counts = count_open_bookings_of([account], process_now())
        if is_limit_reached(board.venue, counts.get(account, 0)):
            return Offer([])
    return board.offer(guest_count, resource_id)


def subjects_of(slots: Iterable[Slot]) -> set[stamps.Subject]:
    """The days of slots, whose stamps go once a change of the slots is committed."""
    return {_subject(slot.venue_id, slot.venue.local(slot.starts_at).date()) for slot in slots}


def _subject(venue_id: UUID, day: date) -> stamps.Subject:
    return Venue.stamp_group(venue_id), day.isoformat()


# --- Kept boards ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kept:
    stamp: str
    board: Board
    until: datetime
    seen_at: float
    """When this process first had that stamp, of time.monotonic."""


class _Boards:
    """The boards of one process, the least recently read first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Day, _Kept] = OrderedDict()

    def get(self, day: Day, stamp: str | None) -> Board | None:
        kept = self._kept.get(day)
        if kept is None or kept.stamp != stamp or process_now() >= kept.until:
            return None
        return kept.board

    def unchanged_since(self, day: Day, stamp: str | None) -> float | None:
        """An instant of time.monotonic after the last change of a day, where one is known."""
        kept = self._kept.get(day)
        return kept.seen_at if kept is not None and kept.stamp == stamp else None

    def keep(self, day: Day, stamp: str | None, board: Board | None) -> None:
        """Keep a board with the stamp that its day had before it was read."""
        if stamp is None or board is None:
            return
        seen_at = self.unchanged_since(day, stamp) or monotonic()
        until = min(board.until, process_now() + _LONGEST_USE)
        # Threads of REST keep boards, too: each step is one of the dictionary's own.
        self._kept.pop(day, None)
        self._kept[day] = _Kept(stamp, board, until, seen_at)
        if len(self._kept) > _MAX_KEPT:
            self._kept.popitem(last=False)


_kept = _Boards()


# --- Reading ----------------------------------------------------------------------------


def read_boards(days: Sequence[Day]) -> dict[Day, Board]:
    """The boards of these days by two statements, and by one more where holds have lapsed.

    Venues that do not exist have none.
    """
    now = process_now()
    venues = store.current_venues({venue_id for venue_id, _ in days})
    known = [(venue_id, day) for venue_id, day in dict.fromkeys(days) if venue_id in venues]
    bounds = [day_bounds(day, venues[venue_id].zone) for venue_id, day in known]
    rows = store.open_slots_of_days([venue_id for venue_id, _ in known], bounds)
    lapsed = lapsed_seats(
        [row.id for row in rows if row.next_lapse_at is not None and row.next_lapse_at <= now], now
    )
    by_day: list[list[store.OpenSlot]] = [[] for _ in known]
    for row in rows:
        by_day[row.position - 1].append(row)
    return {
        day: _board(venues[day[0]], found, lapsed, now)
        for day, found in zip(known, by_day, strict=True)
    }


def _read_where_complete(asked: Sequence[_Asked]) -> dict[Day, Board]:
    """As `read_boards`, on the replica what has not changed since it had every commit."""
    unchanged = {day: since for day, since in asked if since is not None}
    changed = list(dict.fromkeys(day for day, since in asked if since is None))
    boards = read_boards(changed) if changed else {}
    if unchanged:
        since = max(unchanged.values())
        boards |= replica.read(partial(read_boards, list(unchanged)), since=since)
    return boards


async def _read_together(asked: Sequence[_Asked]) -> Sequence[Board | None]:
    boards = await in_database(_read_where_complete, asked)
    return [boards.get(day) for day, _ in asked]


async def _count_together(accounts: Sequence[Account]) -> Sequence[int]:
    counts = await in_database(count_open_bookings_of, accounts, process_now())
    return [counts.get(account, 0) for account in accounts]


# What one reader has open is nobody else's answer, and is asked each time.
_counter: Grouped[Account, int] = Grouped(_count_together, most=_MAX_TOGETHER)
_reader: Grouped[_Asked, Board | None] = Grouped(_read_together, most=_MAX_TOGETHER)


def _board(
    venue: Venue, found: Sequence[store.OpenSlot], lapsed: Mapping[UUID, int], now: datetime
) -> Board:
    rows = [
        _Row(
            _texts.of(slot, venue),
            slot.starts_at,
            slot.resource_id,
            slot.is_exclusive,
            slot.capacity,
            slot.capacity - slot.reserved + lapsed.get(slot.id, 0),
            slot.version,
        )
        for slot in found
    ]
    return Board(venue, rows, now, _until(venue, found, now))


def _until(venue: Venue, slots: Sequence[store.OpenSlot], now: datetime) -> datetime:
    """The first instant at which the clock alone may change what the day offers."""
    # The horizon counts the venue's days: it moves at midnight.
    _, until = day_bounds(now.astimezone(venue.zone).date(), venue.zone)
    starts = [slot.starts_at for slot in slots]
    for moment in (now, now + venue.minimum_notice):
        # The first slot that has not begun, or has not come under the notice, is the next to.
        following = bisect_right(starts, moment)
        if following < len(starts):
            until = min(until, now + (starts[following] - moment))
    lapses = [slot.next_lapse_at for slot in slots if slot.next_lapse_at is not None]
    return min([until, *(lapse for lapse in lapses if lapse > now)])


class _Texts(NamedTuple):
    id: str
    venue_id: str
    resource_id: str
    start_time: str
    end_time: str


class _SlotTexts:
    """What never changes of slots, as text: writing it costs more than reading the row."""

    def __init__(self) -> None:
        # By the number of an id, which takes a tenth of an id's time to look up.
        self._known: dict[int, tuple[datetime, datetime, str, _Texts]] = {}

    def of(self, slot: store.OpenSlot, venue: Venue) -> _Texts:
        known = self._known.get(slot.id.int)
        said = slot.starts_at, slot.ends_at, venue.timezone
        if known is not None and known[:3] == said:
            return known[3]
        if len(self._known) >= _MAX_TEXTS:
            self._known.clear()
        texts = _Texts(
            Slot.format_id(slot.id),
            Venue.format_id(venue.pk),
            Resource.format_id(slot.resource_id),
            venue.local(slot.starts_at).isoformat(),
            venue.local(slot.ends_at).isoformat(),
        )
        self._known[slot.id.int] = (*said, texts)
        return texts


_texts = _SlotTexts()

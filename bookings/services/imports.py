"""Bookings of a venue from a CSV file: looked through first, then carried out.

Looking through reads alone, and says of each line what would come of it. Carrying
out looks again, and gives what is good to the desk, which decides under its locks:
somebody may have taken the seats meanwhile.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from io import StringIO
from uuid import UUID

from accounts.actors import Actor
from accounts.selectors import require_manager
from bookings.guests import GuestDetails, clean_guest
from bookings.models import Booking, Slot
from bookings.requests.imported import ImportBooking
from bookings.rules import MAX_GUEST_COUNT, MAX_SLOT_COUNT, seats_taken
from bookings.selectors import free_lapsed_seats
from bookings.services.bookings import MAX_NOTES, import_bookings
from bookings.states import SEATED, BookingStatus
from reserve.core.clock import now
from reserve.core.errors import DomainError, Invalid
from reserve.core.text import clean_text
from venues.models import Venue
from venues.schedule import instant
from venues.selectors import visible_venue

MAX_ROWS = 1_000
MAX_BYTES = 256 * 1024
# From the first to the last booking of a file.
MAX_SPAN = timedelta(days=400)

REQUIRED = ("date", "start", "party", "name")
OPTIONAL = ("resource", "end", "email", "phone", "notes", "status")
_STATUSES = frozenset(BookingStatus) - {
    *(BookingStatus.HELD, BookingStatus.PENDING, BookingStatus.EXPIRED, BookingStatus.DECLINED)
}


@dataclass(slots=True)
class ImportLine:
    """A line of the file, and what would come or has come of it."""

    number: int
    """As the file counts them, the header being the first."""
    values: Mapping[str, str]
    errors: list[str] = field(default_factory=list)
    is_known: bool = False
    """There is such a booking already; it is left alone."""
    request: ImportBooking | None = None
    booking: Booking | None = None

    @property
    def is_good(self) -> bool:
        return not self.errors and not self.is_known


def plan_import(*, actor: Actor, venue_id: UUID, text: str) -> list[ImportLine]:
    """What importing a file would do; nothing is written. Four statements and those of the rules.

    A line names `date` and `start` by the venue's clock, `party` and `name`; and where it
    likes a `resource`, the `end` of a booking over several slots, `email`, `phone`, `notes`
    and a `status`, else CONFIRMED. Other columns are ignored.

    Raises:
        NotFound: the venue is not the actor's to see.
        Forbidden: they do not manage it.
        Invalid: no such file: too long, without a column that it needs, or over too many days.
    """
    venue = visible_venue(actor=actor, venue_id=venue_id)
    require_manager(actor=actor, organization_id=venue.organization_id)
    lines = list(_lines(text))
    _Plan(actor, venue).over(lines)
    return lines


def carry_out_import(*, actor: Actor, venue_id: UUID, text: str) -> list[ImportLine]:
    """Import what is good of a file; each line has an outcome of its own.

    The same file again adds nothing. Refuses as `plan_import` does.
    """
    lines = plan_import(actor=actor, venue_id=venue_id, text=text)
    asked = [(line, line.request) for line in lines if line.is_good and line.request]
    outcomes = import_bookings(requests=[request for _, request in asked])
    for (line, _), outcome in zip(asked, outcomes, strict=True):
        if isinstance(outcome, Booking):
            line.booking = outcome
        elif isinstance(outcome, DomainError):
            line.errors.append(outcome.text)
        elif isinstance(outcome, Exception):
            raise outcome
    return lines


def _lines(text: str) -> Iterator[ImportLine]:
    if len(text.encode()) > MAX_BYTES:
        raise Invalid.field("file", f"This must not be larger than {MAX_BYTES // 1024} KiB.")
    if "\0" in text:
        raise Invalid.field("file", "This must be text.")
    head = text.partition("\n")[0]
    reader = csv.reader(StringIO(text), delimiter=";" if head.count(";") > head.count(",") else ",")
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        missing = [name for name in REQUIRED if name not in header]
        if missing:
            raise Invalid.field("file", f"The first line must name {', '.join(missing)}.")
        for count, cells in enumerate(filter(any, reader)):
            if count >= MAX_ROWS:
                raise Invalid.field("file", f"There must be at most {MAX_ROWS:,} bookings.")
            named = dict(zip(header, map(_cell, cells), strict=False))
            values = {name: named.get(name, "") for name in (*REQUIRED, *OPTIONAL)}
            yield ImportLine(reader.line_num, values)
    except csv.Error as error:
        raise Invalid.field("file", f"Line {reader.line_num} cannot be read.") from error


def _cell(text: str) -> str:
    """A cell without the mark by which our own export keeps spreadsheets from running it."""
    text = text.strip()
    return text[1:] if text[:1] == "'" and text[1:].lstrip(" ")[:1] in tuple("=+-@") else text


class _Plan:
    """One look through a file, against what there is at the venue."""

    def __init__(self, actor: Actor, venue: Venue) -> None:
        self._actor = actor
        self._venue = venue
        self._now = now()
        self._runs: dict[tuple[UUID, datetime], Slot] = {}
        self._at: dict[datetime, list[Slot]] = {}
        self._known: set[tuple[UUID, datetime, str]] = set()

    def over(self, lines: Sequence[ImportLine]) -> None:
        starts = {line.number: self._start(line) for line in lines}
        instants = [start for start in starts.values() if start is not None]
        if not instants:
            return
        if max(instants) - min(instants) > MAX_SPAN:
            raise Invalid.field("file", f"All bookings must be within {MAX_SPAN.days} days.")
        self._read(min(instants), max(instants))
        for line in lines:
            start = starts[line.number]
            details = self._guest(line)
            party = self._party(line)
            status = self._status(line)
            notes = self._notes(line)
            if start is None or details is None or party is None or status is None:
                continue
            found = self._run(line, start, party, status)
            if found is None or line.errors:
                continue
            first, slots = found[0], found
            key = first.resource_id, start, details.name
            line.is_known = key in self._known
            if line.is_known:
                continue
            self._known.add(key)
            for slot in slots if status in SEATED else ():
                slot.reserved += seats_taken(slot.resource, slot, party)
            line.request = ImportBooking(
                actor=self._actor,
                slot_id=first.pk,
                status=status,
                guest_count=party,
                guest=details,
                created_at=self._now,
                notes=notes,
                slot_count=len(slots),
            )

    def _read(self, first: datetime, last: datetime) -> None:
        until = last + timedelta(days=2)
        slots = list(
            Slot.objects.filter(
                venue=self._venue, starts_at__gte=first, starts_at__lt=until, is_withdrawn=False
            )
            .select_related("resource")
            .order_by("starts_at", "resource__position", "pk")
        )
        free_lapsed_seats(slots, self._now)
        for slot in slots:
            slot.venue = slot.resource.venue = self._venue
            # Of two with one start the open one counts.
            if not slot.is_closed or (slot.resource_id, slot.starts_at) not in self._runs:
                self._runs[slot.resource_id, slot.starts_at] = slot
        for (_, start), slot in self._runs.items():
            self._at.setdefault(start, []).append(slot)
        bookings = Booking.objects.filter(
            venue=self._venue, starts_at__gte=first, starts_at__lte=last
        ).exclude(status__in=(BookingStatus.EXPIRED, BookingStatus.DECLINED))
        self._known = set(bookings.values_list("resource_id", "starts_at", "guest__name"))

    def _start(self, line: ImportLine) -> datetime | None:
        try:
            day = date.fromisoformat(line.values["date"])
            clock = time.fromisoformat(line.values["start"])
            # The clock is the venue's, whatever a line may say.
            return instant(day, clock.replace(tzinfo=None), self._venue.zone)
        except (ValueError, OverflowError):
            line.errors.append("date and start must be as 2025-04-15 and 19:30.")
        return None

    def _guest(self, line: ImportLine) -> GuestDetails | None:
        given = GuestDetails(line.values["name"], line.values["email"], line.values["phone"])
        try:
            return clean_guest(given, is_reachable=False)
        except Invalid as refused:
            for name, sentences in refused.details["errors"].items():
                line.errors.append(f"{name.removeprefix('guest.')}: {' '.join(sentences)}")
        return None

    def _party(self, line: ImportLine) -> int | None:
        text = line.values["party"]
        if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_GUEST_COUNT)):
            party = int(text)
            if 1 <= party <= MAX_GUEST_COUNT:
                return party
        line.errors.append(f"party: This must be from 1 to {MAX_GUEST_COUNT}.")
        return None

    def _status(self, line: ImportLine) -> BookingStatus | None:
        text = line.values["status"].upper() or BookingStatus.CONFIRMED
        if text in _STATUSES:
            return BookingStatus(text)
        line.errors.append(f"status: This must be one of {', '.join(sorted(_STATUSES))}.")
        return None

    def _notes(self, line: ImportLine) -> str:
        try:
            return clean_text(line.values["notes"], field="notes", maximum=MAX_NOTES)
        except Invalid as refused:
            line.errors.append(f"notes: {refused.text}")
        return ""

    def _run(
        self, line: ImportLine, start: datetime, party: int, status: BookingStatus
    ) -> list[Slot] | None:
        """The slots of a line: of the resource that it names, or of the first with room."""
        wanted = line.values["resource"].casefold()
        candidates = [
            slot
            for slot in self._at.get(start, ())
            if not wanted or slot.resource.name.casefold() == wanted
        ]
        if not candidates:
            line.errors.append("No slot starts then" + (" on that resource." if wanted else "."))
            return None
        runs = [run for slot in candidates if (run := self._until(line, slot))]
        if not runs:
            line.errors.append("end: No slot ends then.")
            return None
        for run in runs:
            if status not in SEATED or _has_room(run, party):
                return run
        line.errors.append("Fewer seats are left than asked for.")
        return None

    def _until(self, line: ImportLine, slot: Slot) -> list[Slot] | None:
        """A slot, and those after it to the end that the line names."""
        text = line.values["end"]
        if not text:
            return [slot]
        run = [slot]
        while f"{self._venue.local(run[-1].ends_at):%H:%M}" != text[:5]:
            following = self._runs.get((slot.resource_id, run[-1].ends_at))
            if following is None or len(run) == MAX_SLOT_COUNT:
                return None
            run.append(following)
        return run


def _has_room(run: Iterable[Slot], party: int) -> bool:
    return all(
        seats_taken(slot.resource, slot, party) <= slot.remaining and party <= slot.capacity
        for slot in run
    )

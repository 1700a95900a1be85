"""What a change of a schedule would do to the slots that are published: shown first, done later."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import Window
from django.db.models.functions import RowNumber

from accounts.actors import Actor
from accounts.selectors import require_manager
from bookings.difference import Conflict, ConflictKind, Difference, Existing
from bookings.models import Booking, BookingSlot
from bookings.services.comparison import Bounds, chunks, compare
from bookings.states import SEATED, BookingStatus
from reserve.core.clock import now as process_now
from venues.models import Venue
from venues.schedule import PlannedSlot
from venues.selectors import schedules_of, visible_venue

# Entries that are told one by one, of each kind; the rest are only counted.
MAX_TOLD = 50
# Bookings that are told one by one of each conflict.
MAX_BOOKINGS_TOLD = 20
# Slots whose bookings are counted by one statement.
_COUNTED_AT_ONCE = 10_000

Entry = TypeVar("Entry")


@dataclass(slots=True)
class Listed(Generic[Entry]):
    """How many there are, and the first of them."""

    count: int = 0
    first: list[Entry] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PreviewSlot:
    """A slot as it is or would be. Times are the venue's own."""

    resource_id: UUID
    starts_at: datetime
    ends_at: datetime
    capacity: int
    slot_id: UUID | None = None
    """None for one that is not there yet."""
    capacity_before: int | None = None
    """Where it would have another capacity than now."""


@dataclass(frozen=True, slots=True)
class ConflictBooking:
    """A booking that is kept, though the schedule is against it."""

    booking_id: UUID
    confirmation_code: str
    guest_name: str
    guest_count: int
    starts_at: datetime
    ends_at: datetime
    status: BookingStatus


@dataclass(frozen=True, slots=True)
class PreviewConflict:
    """A slot that keeps the schedule from being carried out, with the bookings on it."""

    kind: ConflictKind
    slot: PreviewSlot
    planned: PreviewSlot | None
    """What the schedule wants instead, where it wants anything."""
    bookings: list[ConflictBooking]


@dataclass(slots=True)
class Preview:
    """What republishing would do after a change, over all that is published."""

    added: Listed[PreviewSlot] = field(default_factory=Listed)
    removed: Listed[PreviewSlot] = field(default_factory=Listed)
    withdrawn: Listed[PreviewSlot] = field(default_factory=Listed)
    restored: Listed[PreviewSlot] = field(default_factory=Listed)
    changed: Listed[PreviewSlot] = field(default_factory=Listed)
    conflicts: Listed[PreviewConflict] = field(default_factory=Listed)
    booking_count: int = 0
    """Bookings on slots that are in conflict."""


def preview(*, actor: Actor, venue_id: UUID, change: Callable[[], object]) -> Preview:
    """What a change of a venue's schedule would do to its slots. Nothing is changed.

    Args:
        change: calls the services that make it; it runs in a transaction that is rolled back.

    Raises:
        NotFound: the venue is out of the actor's reach.
        Forbidden: the actor does not manage its organization.

    Whatever the change itself refuses is raised too.
    """
    venue = visible_venue(actor=actor, venue_id=venue_id)
    require_manager(actor=actor, organization_id=venue.organization_id)
    with transaction.atomic():
        change()
        found = _preview_of(Venue.objects.select_related("publication").get(pk=venue_id))
        transaction.set_rollback(True)
    return found


def _preview_of(venue: Venue) -> Preview:
    teller = _Teller(venue)
    for resource_id, found in differences(venue):
        teller.tell(resource_id, found)
    return teller.told()


def differences(venue: Venue) -> Iterator[tuple[UUID, Difference]]:
    """How what is published of a venue differs from its schedule, a resource and some days each.

    Args:
        venue: with its publication, where it has one, at hand.
    """
    moment = process_now()
    today = venue.local(moment).date()
    publication = getattr(venue, "publication", None)
    known = publication.published_until if publication else None
    last_date = max(today + venue.booking_horizon, known or today)
    schedules = schedules_of(venue_id=venue.pk)
    for days in chunks(today, last_date):
        bounds = Bounds(days, venue.zone)
        for schedule, compared in compare(schedules, bounds, moment=moment, known=known):
            yield schedule.resource_id, compared.difference


class _Teller:
    """Makes a preview of differences, one resource and some days at a time.

    Bookings are read in the end, of all of them at once.
    """

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._preview = Preview()
        self._conflicts: list[tuple[UUID, Conflict]] = []
        self._in_use: list[UUID] = []

    def tell(self, resource_id: UUID, found: Difference) -> None:
        told = self._preview
        self._list(told.added, resource_id, found.added)
        self._list(told.removed, resource_id, found.removed)
        self._list(told.withdrawn, resource_id, found.withdrawn)
        self._list(told.restored, resource_id, found.restored)
        told.changed.count += len(found.recapacitated)
        for existing, capacity in found.recapacitated[: _room(told.changed)]:
            told.changed.first.append(_slot(self._venue, resource_id, existing, capacity=capacity))
        told.conflicts.count += len(found.conflicts)
        room = MAX_TOLD - len(self._conflicts)
        self._conflicts += [(resource_id, each) for each in found.conflicts[:room]]
        self._in_use += {
            conflict.existing.id
            for conflict in found.conflicts
            # Whatever is in the way for its seats is told for its own sake already.
            if conflict.existing.reserved and conflict.kind is not ConflictKind.BLOCKED
        }

    def told(self) -> Preview:
        """The preview of all that was told."""
        told = self._preview
        told.conflicts.first = told_conflicts(self._venue, self._conflicts)
        for start in range(0, len(self._in_use), _COUNTED_AT_ONCE):
            told.booking_count += _bookings_in_use(self._in_use[start : start + _COUNTED_AT_ONCE])
        return told

    def _list(
        self,
        listed: Listed[PreviewSlot],
        resource_id: UUID,
        slots: Sequence[PlannedSlot] | Sequence[Existing],
    ) -> None:
        listed.count += len(slots)
        listed.first += [_slot(self._venue, resource_id, slot) for slot in slots[: _room(listed)]]


def _bookings_in_use(slot_ids: Collection[UUID]) -> int:
    seated = Booking.objects.filter(slot_links__slot_id__in=slot_ids, status__in=SEATED)
    alive = seated.exclude(status=BookingStatus.HELD, hold_expires_at__lte=process_now())
    return alive.distinct().count()


def told_conflicts(
    venue: Venue, conflicts: Sequence[tuple[UUID, Conflict]]
) -> list[PreviewConflict]:
    """Conflicts, each of a resource, with the bookings on their slots; by one statement."""
    bookings = _bookings_on(venue, {conflict.existing.id for _, conflict in conflicts})
    return [
        PreviewConflict(
            kind=conflict.kind,
            slot=_slot(venue, resource_id, conflict.existing),
            planned=_slot(venue, resource_id, conflict.planned) if conflict.planned else None,
            bookings=bookings.get(conflict.existing.id, []),
        )
        for resource_id, conflict in conflicts
    ]


def _bookings_on(venue: Venue, slot_ids: Collection[UUID]) -> dict[UUID, list[ConflictBooking]]:
    """The first bookings of each slot that use its seats, by when they were made."""
    if not slot_ids:
        return {}
    moment = process_now()
    seated = BookingSlot.objects.filter(slot_id__in=slot_ids, booking__status__in=SEATED)
    alive = seated.exclude(booking__status=BookingStatus.HELD, booking__hold_expires_at__lte=moment)
    in_order = ("booking__created_at", "booking_id")
    number = Window(RowNumber(), partition_by="slot_id", order_by=in_order)
    first = alive.annotate(number=number).filter(number__lte=MAX_BOOKINGS_TOLD)
    found: dict[UUID, list[ConflictBooking]] = {}
    for link in first.select_related("booking__guest").order_by(*in_order):
        booking = link.booking
        found.setdefault(link.slot_id, []).append(
            ConflictBooking(
                booking_id=booking.pk,
                confirmation_code=booking.confirmation_code,
                guest_name=booking.guest.name,
                guest_count=booking.guest_count,
                starts_at=venue.local(booking.starts_at),
                ends_at=venue.local(booking.ends_at),
                status=booking.status_at(moment),
            )
        )
    return found


def _slot(
    venue: Venue, resource_id: UUID, slot: PlannedSlot | Existing, *, capacity: int | None = None
) -> PreviewSlot:
    return PreviewSlot(
        resource_id=resource_id,
        starts_at=venue.local(slot.starts_at),
        ends_at=venue.local(slot.ends_at),
        capacity=slot.capacity if capacity is None else capacity,
        slot_id=slot.id if isinstance(slot, Existing) else None,
        capacity_before=None if capacity is None else slot.capacity,
    )


def _room(listed: Listed[Entry]) -> int:
    return max(MAX_TOLD - len(listed.first), 0)

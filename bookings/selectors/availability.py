"""Which slots there are, and which of them a party may book."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from django.db.models import QuerySet

from accounts.actors import Actor
from bookings.customers import count_open_bookings
from bookings.models import Slot
from bookings.rules import (
    MAX_GUEST_COUNT,
    MAX_SLOT_COUNT,
    Party,
    begins_a_run,
    bookable,
    is_limit_reached,
)
from bookings.selectors.seats import free_lapsed_seats
from reserve.core import sentences
from reserve.core.clock import now as process_now
from reserve.core.errors import Invalid, NotFound
from venues.models import Venue
from venues.schedule import day_bounds
from venues.selectors import venues_visible_to, visible_venue

# Days of one answer with every slot: a month's board and some.
MAX_DAYS = 42
MAX_VENUES, MAX_NEXT_SLOTS = 50, 20
# What every zone can tell the bounds of.
_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(9999, 1, 1)


def available_slots(
    *,
    actor: Actor,
    venue_id: UUID,
    day: date,
    guest_count: int | None = None,
    slot_count: int = 1,
    resource_id: UUID | None = None,
) -> list[Slot]:
    """The slots of a venue's local day from which a party may book now, in order of their start.

    Without `guest_count` the smallest party that the venue takes is meant.

    Raises:
        Invalid: no such day, or no party or run of that size.
    """
    check_days(date=day)
    check_party(guest_count, slot_count)
    venue = visible_venue(actor=actor, venue_id=venue_id)
    now = process_now()
    begins_at, ends_at = day_bounds(day, venue.zone)
    slots = _bookable_slots(venue, guest_count, slot_count, now)
    slots = slots.filter(starts_at__gte=begins_at, starts_at__lt=ends_at)
    if resource_id is not None:
        slots = slots.filter(resource_id=resource_id)
    return _without_venues_at_limit(_complete(actor, slots, [venue], now))


def slots_between(*, actor: Actor, venue_id: UUID, first_day: date, last_day: date) -> list[Slot]:
    """Every slot of some local days of a venue, both included, bookable or not.

    A withdrawn slot is one of them as long as somebody has seats on it.

    Raises:
        Invalid: no days, or more than MAX_DAYS.
    """
    check_days(**{"from": first_day, "to": last_day}, maximum=MAX_DAYS)
    venue = visible_venue(actor=actor, venue_id=venue_id)
    begins_at, _ = day_bounds(first_day, venue.zone)
    _, ends_at = day_bounds(last_day, venue.zone)
    slots = Slot.objects.filter(venue=venue, starts_at__gte=begins_at, starts_at__lt=ends_at)
    found = _complete(actor, slots, [venue], process_now())
    return [slot for slot in found if slot.reserved or not slot.is_withdrawn]


def visible_slot(*, actor: Actor, venue_id: UUID, slot_id: UUID) -> Slot:
    """A slot of a venue, bookable or not.

    Raises:
        NotFound: out of the actor's reach, or not that venue's.
    """
    venue = visible_venue(actor=actor, venue_id=venue_id)
    found = _complete(actor, Slot.objects.filter(venue=venue, pk=slot_id), [venue], process_now())
    if not found:
        raise NotFound
    return found[0]


def next_available_slots(
    *,
    actor: Actor,
    venue_ids: Sequence[UUID],
    guest_count: int | None = None,
    slot_count: int = 1,
    after: datetime | None = None,
    first: int = 1,
) -> list[Slot]:
    """Of each venue the first slots from which a party may book now; all in order of their start.

    Args:
        after: only slots that start at this instant (aware) or later.
        first: how many slots of each venue, up to MAX_NEXT_SLOTS.

    Three statements, however many venues; one more where holds have lapsed.

    Raises:
        NotFound: one of the venues is not the actor's to see.
        Invalid: no venue or more than MAX_VENUES, an instant without offset, or no
            party, run or number of that size.
    """
    check_party(guest_count, slot_count)
    check_venues(venue_ids)
    wanted = set(venue_ids)
    if not 1 <= first <= MAX_NEXT_SLOTS:
        raise Invalid.field("first", f"This must be from 1 to {MAX_NEXT_SLOTS}.")
    if after is not None and after.tzinfo is None:
        raise Invalid.field("after", sentences.INSTANT)
    venues = list(venues_visible_to(actor).filter(pk__in=wanted))
    if len(venues) < len(wanted):
        raise NotFound
    now = process_now()
    # One arm for each venue: each has rules of its own, and stops at its first slots.
    arms = []
    for venue in venues:
        slots = _bookable_slots(venue, guest_count, slot_count, now)
        if after is not None:
            slots = slots.filter(starts_at__gte=after)
        arms.append(slots.order_by("starts_at", "resource__position").values_list("pk")[:first])
    found = arms[0].union(*arms[1:], all=True) if len(arms) > 1 else arms[0]
    slots = Slot.objects.filter(pk__in=[pk for (pk,) in found])
    return _without_venues_at_limit(_complete(actor, slots, venues, now))


def check_days(*, maximum: int | None = None, **days: date) -> None:
    """Raises Invalid where days are out of reach, in no order, or more than `maximum`."""
    for name, day in days.items():
        if not _FIRST_DAY <= day <= _LAST_DAY:
            raise Invalid.field(name, f"This must be from {_FIRST_DAY} to {_LAST_DAY}.")
    first, *_, last = days.values() if len(days) > 1 else [*days.values()] * 2
    number = (last - first).days + 1
    if maximum is not None and not 1 <= number <= maximum:
        raise Invalid.field("to", f"This must be up to {maximum - 1} days after the first.")


def check_venues(venue_ids: Sequence[object]) -> None:
    """Raises Invalid where they are none, or too many for one answer."""
    if not 1 <= len(venue_ids) <= MAX_VENUES:
        raise Invalid.field("venue_ids", f"These must be 1 to {MAX_VENUES} venues.")


def check_party(guest_count: int | None, slot_count: int = 1) -> None:
    """Raises Invalid where no party is of that size, or no run that long."""
    if guest_count is not None and not 1 <= guest_count <= MAX_GUEST_COUNT:
        raise Invalid.field("guest_count", f"This must be from 1 to {MAX_GUEST_COUNT}.")
    if not 1 <= slot_count <= MAX_SLOT_COUNT:
        raise Invalid.field("slot_count", f"This must be from 1 to {MAX_SLOT_COUNT}.")


def _bookable_slots(
    venue: Venue, guest_count: int | None, slot_count: int, now: datetime
) -> QuerySet[Slot]:
    party = Party(guest_count or venue.minimum_party_size)
    slots = Slot.objects.filter(bookable(venue=venue, party=party, now=now), venue=venue)
    if slot_count > 1:
        slots = slots.filter(begins_a_run(length=slot_count, party=party, now=now))
    return slots


def _complete(
    actor: Actor, slots: QuerySet[Slot], venues: Sequence[Venue], now: datetime
) -> list[Slot]:
    """The slots in order, with resource and venue at hand and the seats of lapsed holds free."""
    by_id = {venue.pk: venue for venue in venues}
    open_bookings = count_open_bookings(actor=actor, venues=venues, now=now)
    found = list(slots.select_related("resource").order_by("starts_at", "resource__position", "pk"))
    for slot in found:
        slot.venue = slot.resource.venue = by_id[slot.venue_id]
        slot.open_bookings_of_reader = open_bookings.get(slot.venue_id, 0)
    free_lapsed_seats(found, now)
    return found


def _without_venues_at_limit(slots: Sequence[Slot]) -> list[Slot]:
    """The slots but for those of venues where their reader has all the bookings they may have."""
    return [
        slot for slot in slots if not is_limit_reached(slot.venue, slot.open_bookings_of_reader)
    ]

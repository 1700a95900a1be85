"""Publishing slots: from a venue's rules of opening to rows that can be booked."""

from collections.abc import Container, Iterator, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from accounts.actors import Actor
from bookings.desk import desk
from bookings.models import Slot
from bookings.requests.slot import ChangeSlot
from reserve.core.clock import now
from reserve.core.errors import Invalid
from venues.models import Venue
from venues.schedule import Schedule, day_bounds
from venues.selectors import schedules_of
from venues.validators import MAX_CAPACITY


def publish_slots(*, venue: Venue, first_date: date, last_date: date) -> int:
    """Add the slots that a venue's rules describe and that are not there yet.

    Both dates are the venue's own and included. Returns how many were added.
    """
    schedules = schedules_of(venue_id=venue.pk)
    # What is there already is left out: of a horizon that is republished, that is nearly all.
    begins_at, _ = day_bounds(first_date, venue.zone)
    # An opening may run past midnight, and its slots begin on the next day.
    _, ends_at = day_bounds(last_date + timedelta(days=1), venue.zone)
    published = Slot.objects.filter(venue=venue, starts_at__gte=begins_at, starts_at__lt=ends_at)
    days = list(_dates(first_date, last_date))
    known = set(published.values_list("resource_id", "starts_at"))
    for schedule in schedules:
        Slot.objects.bulk_create(
            _slots_of(schedule, days, known),
            batch_size=1_000,
            ignore_conflicts=True,
        )
    return published.count() - len(known)


def publish_horizon(*, venue: Venue) -> int:
    """Publish a venue's slots from today to its booking horizon, by its own calendar."""
    today = now().astimezone(venue.zone).date()
    return publish_slots(venue=venue, first_date=today, last_date=today + venue.booking_horizon)


def change_slot(
    *,
    actor: Actor,
    slot_id: UUID,
    capacity: int | None = None,
    is_closed: bool | None = None,
    reason: str = "",
) -> Slot:
    """Give a slot another capacity, or close or reopen it; None leaves either as it is.

    Raises:
        NotFound, Forbidden: not the actor's to see, or to do.
        CapacityInUse: more seats than that are taken already.
    """
    if capacity is not None and not 1 <= capacity <= MAX_CAPACITY:
        raise Invalid.field("capacity", f"This must be from 1 to {MAX_CAPACITY}.")
    return desk.submit(ChangeSlot(actor, slot_id, capacity, is_closed, reason))


def _slots_of(
    schedule: Schedule, days: Sequence[date], known: Container[tuple[UUID, datetime]]
) -> Iterator[Slot]:
    for day in days:
        for planned in schedule.slots_of(day):
            if (schedule.resource_id, planned.starts_at) in known:
                continue
            # Ids, not instances: for thousands of rows that is a quarter of the time.
            yield Slot(
                organization_id=schedule.organization_id,
                venue_id=schedule.venue_id,
                resource_id=schedule.resource_id,
                starts_at=planned.starts_at,
                ends_at=planned.ends_at,
                capacity=planned.capacity,
            )


def _dates(first: date, last: date) -> Iterator[date]:
    day = first
    while day <= last:
        yield day
        day += timedelta(days=1)

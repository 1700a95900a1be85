"""Publishing slots: from a venue's rules of opening to rows that can be booked."""

from collections.abc import Container, Iterator, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Prefetch

from accounts.actors import Actor
from bookings.desk import desk
from bookings.models import Slot
from bookings.requests.slot import ChangeSlot
from reserve.core.clock import now
from reserve.core.errors import Invalid
from venues.models import Closure, OpeningHours, Resource, Venue
from venues.opening import day_bounds, slots_of_day

MAX_CAPACITY = 1_000_000_000


def publish_slots(*, venue: Venue, first_date: date, last_date: date) -> int:
    """Add the slots that a venue's rules describe and that are not there yet.

    Both dates are the venue's own and included. Returns how many were added.
    """
    resources = list(
        venue.resources.prefetch_related(
            Prefetch("opening_hours", queryset=OpeningHours.objects.order_by("opens_at"))
        )
    )
    closures = list(venue.closures.filter(first_date__lte=last_date, last_date__gte=first_date))
    # What is there already is left out: of a horizon that is republished, that is nearly all.
    begins_at, _ = day_bounds(first_date, venue.zone)
    # An opening may run past midnight, and its slots begin on the next day.
    _, ends_at = day_bounds(last_date + timedelta(days=1), venue.zone)
    published = Slot.objects.filter(venue=venue, starts_at__gte=begins_at, starts_at__lt=ends_at)
    days = list(_dates(first_date, last_date))
    known = set(published.values_list("resource_id", "starts_at"))
    for resource in resources:
        Slot.objects.bulk_create(
            _slots_of_resource(resource, venue.zone, closures, days, known),
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


def _slots_of_resource(
    resource: Resource,
    zone: ZoneInfo,
    closures: Sequence[Closure],
    days: Sequence[date],
    known: Container[tuple[UUID, datetime]],
) -> Iterator[Slot]:
    hours = list(resource.opening_hours.all())
    for day in days:
        if any(_closes(closure, resource, day) for closure in closures):
            continue
        for interval in slots_of_day(day, zone, hours):
            if (resource.pk, interval.starts_at) in known:
                continue
            # Ids, not instances: for thousands of rows that is a quarter of the time.
            yield Slot(
                organization_id=resource.organization_id,
                venue_id=resource.venue_id,
                resource_id=resource.pk,
                starts_at=interval.starts_at,
                ends_at=interval.ends_at,
                capacity=interval.rule.capacity or resource.capacity,
            )


def _closes(closure: Closure, resource: Resource, day: date) -> bool:
    concerns = closure.resource_id is None or closure.resource_id == resource.pk
    return concerns and closure.first_date <= day <= closure.last_date


def _dates(first: date, last: date) -> Iterator[date]:
    day = first
    while day <= last:
        yield day
        day += timedelta(days=1)

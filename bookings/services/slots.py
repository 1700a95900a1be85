"""Publishing slots: from a venue's rules of opening to rows that can be booked."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from django.db.models import Prefetch

from bookings.models import Slot
from reserve.core.clock import now
from venues.models import Closure, OpeningHours, Resource, Venue
from venues.opening import slots_of_day


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
    published = Slot.objects.filter(venue=venue).count()
    for resource in resources:
        Slot.objects.bulk_create(
            _slots_of_resource(venue, resource, closures, first_date, last_date),
            batch_size=1_000,
            ignore_conflicts=True,
        )
    return Slot.objects.filter(venue=venue).count() - published


def publish_horizon(*, venue: Venue) -> int:
    """Publish a venue's slots from today to its booking horizon, by its own calendar."""
    today = now().astimezone(venue.zone).date()
    return publish_slots(venue=venue, first_date=today, last_date=today + venue.booking_horizon)


def _slots_of_resource(
    venue: Venue,
    resource: Resource,
    closures: Sequence[Closure],
    first_date: date,
    last_date: date,
) -> Iterator[Slot]:
    hours = list(resource.opening_hours.all())
    for day in _dates(first_date, last_date):
        if any(_closes(closure, resource, day) for closure in closures):
            continue
        for interval in slots_of_day(day, venue.zone, hours):
            yield Slot(
                organization_id=venue.organization_id,
                venue=venue,
                resource=resource,
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

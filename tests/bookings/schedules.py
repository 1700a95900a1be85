"""Venues with a schedule, and what of it is published."""

from collections.abc import Callable
from datetime import date, time, timedelta
from typing import Any

from django.db import connection

from accounts.actors import SYSTEM
from bookings.audit import verify
from bookings.audit.checks import PARTS
from bookings.models import Slot
from bookings.services.previews import Preview, preview
from bookings.services.publication import republish
from bookings.services.run import Published
from reserve.core.clock import now
from tests.factories import make_hours, make_resource, make_venue
from venues.models import OpeningHours, Resource, Venue

MINUTES = timedelta(minutes=1)


def make_open_resource(venue: Venue | None = None, **fields: Any) -> Resource:
    """Open every day from 10 to 14 with slots of an hour; published over four days."""
    resource = make_resource(venue or make_venue(booking_horizon_days=3), **fields)
    for weekday in range(7):
        make_hours(resource, weekday, opens_at=time(10), closes_at=time(14), slot_minutes=60)
    return resource


def hours_of(resource: Resource, **changes: Any) -> None:
    OpeningHours.objects.filter(resource=resource).update(**changes)


def slots_on(resource: Resource, days_ahead: int = 1) -> dict[str, Slot]:
    """The slots of a local day by their local start; of several the open one."""
    day = local_day(resource.venue, days_ahead)
    found = {}
    for slot in Slot.objects.filter(resource=resource).order_by("-is_closed", "starts_at"):
        local = resource.venue.local(slot.starts_at)
        if local.date() == day:
            found[f"{local:%H:%M}"] = slot
    return dict(sorted(found.items()))


def local_day(venue: Venue, days_ahead: int = 0) -> date:
    return venue.local(now()).date() + timedelta(days=days_ahead)


def rows() -> dict[Any, tuple[str, Any]]:
    """PostgreSQL's own mark of each row's version, which every write changes."""
    return {
        slot.pk: (slot.mark, slot.starts_at)
        for slot in Slot.objects.raw(
            "SELECT *, xmin::text || ctid::text AS mark FROM bookings_slot"
        )
    }


def republished(resource: Resource) -> Published:
    return republish(venue_id=resource.venue_id)


def preview_of(resource: Resource, change: Callable[[], object]) -> Preview:
    return preview(actor=SYSTEM, venue_id=resource.venue_id, change=change)


def assert_books_agree() -> None:
    """`verify_ledger` finds nothing; it wants a transaction of its own, which a test has not."""
    with connection.cursor() as cursor:
        for part in PARTS:
            cursor.execute(verify._statement(part))
            assert cursor.fetchall() == []

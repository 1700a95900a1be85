"""Whose venue it is, and one change of it after the other."""

from collections.abc import Collection
from datetime import timedelta
from functools import partial
from uuid import UUID

import psycopg.errors as postgres
from django.db import OperationalError, transaction
from django.db.models import F
from django.db.models.functions import Greatest, Now

from accounts.actors import Actor
from accounts.selectors import require_manager
from reserve.core import stamps
from reserve.core.errors import Busy, NotFound
from reserve.outbox.services import record
from venues.events import schedule_changed
from venues.models import Resource, Venue
from venues.selectors import visible_venue


def lock_venue(*, actor: Actor, venue_id: UUID) -> Venue:
    """The venue, locked until the transaction ends; slots may be booked meanwhile.

    Raises:
        NotFound: the venue is out of the actor's reach.
        Forbidden: the actor does not manage its organization.
        Busy: somebody else is changing it; safe to retry.
    """
    venue = visible_venue(actor=actor, venue_id=venue_id)
    require_manager(actor=actor, organization_id=venue.organization_id)
    # Whatever the change will be, what was read of the venue before it is not to be used.
    transaction.on_commit(partial(stamps.void_group, Venue.stamp_group(venue_id)))
    try:
        venue = Venue.objects.select_for_update(of=("self",), no_key=True).get(pk=venue.pk)
    except OperationalError as error:
        if isinstance(error.__cause__, postgres.LockNotAvailable):
            raise Busy from error
        raise
    # A second apart at least: `Last-Modified` tells no shorter times from each other.
    later = Greatest(Now(), F("updated_at") + timedelta(seconds=1))
    Venue.objects.filter(pk=venue.pk).update(updated_at=later)
    return venue


def require_resource(venue: Venue, resource_id: UUID | None) -> None:
    """Raises NotFound where a resource is named that is not the venue's."""
    if resource_id is not None and not venue.resources.filter(pk=resource_id).exists():
        raise NotFound


def lock_venue_of_resource(*, actor: Actor, resource_id: UUID) -> Resource:
    """The resource, with its venue locked; raises what `lock_venue` does."""
    venue_id = Resource.objects.filter(pk=resource_id).values_list("venue_id", flat=True).first()
    if venue_id is None:
        raise NotFound
    venue = lock_venue(actor=actor, venue_id=venue_id)
    resource = Resource.objects.get(pk=resource_id)
    resource.venue = venue
    return resource


def record_schedule_change(
    venue: Venue, changed: Collection[str], *, actor: Actor, resource_id: UUID | None = None
) -> None:
    """Count and record that slots may have moved. The venue is locked, or new."""
    Venue.objects.filter(pk=venue.pk).update(schedule_version=F("schedule_version") + 1)
    venue.refresh_from_db(fields=["schedule_version"])
    record([schedule_changed(venue, changed, actor=actor, resource_id=resource_id)])

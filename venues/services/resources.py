"""What can be booked at a venue."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.actors import Actor
from venues.models import BookingMode, Resource
from venues.services.access import lock_venue, lock_venue_of_resource, record_schedule_change
from venues.services.checks import apply_changes, errors_of, refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceDetails:
    """A room, a court, a chair; `venues.models.Resource` tells what each field means."""

    name: str
    capacity: int
    booking_mode: BookingMode = BookingMode.SHARED
    position: int = 0


RESOURCE_FIELDS = frozenset(each.name for each in fields(ResourceDetails))


def add_resource(*, actor: Actor, venue_id: UUID, details: ResourceDetails) -> Resource:
    """Add something that can be booked at a venue, in the venue's hours.

    Raises:
        NotFound, Forbidden, Busy: as `lock_venue` says.
        Invalid: a value that makes no sense.
    """
    with transaction.atomic():
        venue = lock_venue(actor=actor, venue_id=venue_id)
        resource = Resource(organization_id=venue.organization_id, venue=venue, **asdict(details))
        refuse(errors_of(resource))
        resource.save(force_insert=True)
        record_schedule_change(venue, ["resources"], actor=actor, resource_id=resource.pk)
    return resource


def update_resource(*, actor: Actor, resource_id: UUID, changes: Mapping[str, Any]) -> Resource:
    """Change some of a resource's details, by the names of `ResourceDetails`.

    Raises:
        NotFound, Forbidden, Busy: as `lock_venue` says.
        Invalid: an unknown name, or a value that makes no sense.
    """
    with transaction.atomic():
        resource = lock_venue_of_resource(actor=actor, resource_id=resource_id)
        changed = apply_changes(resource, changes, RESOURCE_FIELDS)
        refuse(errors_of(resource))
        if changed:
            resource.save(update_fields=changed)
        if "capacity" in changed:
            record_schedule_change(
                resource.venue, ["capacity"], actor=actor, resource_id=resource.pk
            )
    return resource

"""Setting up places.

Slots that are published already follow from `bookings.services`, not from here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from typing import Any
from uuid import UUID

import psycopg.errors as postgres
from django.db import IntegrityError, transaction

from accounts.actors import Actor
from accounts.selectors import require_manager
from reserve.core.broadcast import publish, venue_group
from reserve.core.errors import Invalid
from reserve.core.live import ACCESS_CHANGED
from venues.models import ConfirmationMode, Resource, Venue
from venues.services.access import lock_venue, record_schedule_change
from venues.services.checks import apply_changes, errors_of, refuse
from venues.services.resources import ResourceDetails
from venues.validators import default_reminders

FIRST_CAPACITY = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueDetails:
    """What is said of a venue, and its rules; `venues.models.Venue` tells what each means."""

    name: str
    slug: str
    timezone: str
    description: str = ""
    picture_urls: list[str] = field(default_factory=list)
    street: str = ""
    postal_code: str = ""
    city: str = ""
    region: str = ""
    country: str = ""
    latitude: float | None = None
    longitude: float | None = None
    contact_email: str = ""
    contact_phone: str = ""
    website: str = ""
    is_public: bool = True
    confirmation_mode: ConfirmationMode = ConfirmationMode.AUTOMATIC
    booking_horizon_days: int | None = None
    minimum_notice_minutes: int = 0
    hold_seconds: int | None = None
    minimum_party_size: int = 1
    maximum_party_size: int | None = None
    cancellation_cutoff_minutes: int = 0
    open_bookings_per_customer: int | None = None
    accepts_guests: bool = True
    accepts_unverified: bool = True
    reminder_minutes: list[int] = field(default_factory=default_reminders)


VENUE_FIELDS = frozenset(each.name for each in fields(VenueDetails))
_MOVES_SLOTS = frozenset({"timezone", "booking_horizon_days"})


def create_venue(
    *,
    actor: Actor,
    organization_id: UUID,
    details: VenueDetails,
    resource: ResourceDetails | None = None,
) -> Venue:
    """Add a venue to an organization, with its first resource.

    Args:
        resource: without it, one that is named like the venue and has FIRST_CAPACITY seats.

    Raises:
        Forbidden: the actor does not manage the organization.
        Invalid: a value that makes no sense, or a slug that is taken. The names of the
            resource's fields begin with `resource.`.
    """
    require_manager(actor=actor, organization_id=organization_id)
    resource = resource or ResourceDetails(name=details.name, capacity=FIRST_CAPACITY)
    venue = Venue(organization_id=organization_id, **asdict(details))
    first = Resource(organization_id=organization_id, venue=venue, **asdict(resource))
    errors = errors_of(venue)
    # A name that is the venue's is refused as the venue's.
    if not (errors and resource.name == details.name):
        errors |= errors_of(first, prefix="resource.")
    refuse(errors)
    with transaction.atomic():
        _write(venue)
        first.save(force_insert=True)
        record_schedule_change(venue, ["resources"], actor=actor, resource_id=first.pk)
    return venue


def update_venue(*, actor: Actor, venue_id: UUID, changes: Mapping[str, Any]) -> Venue:
    """Change some of a venue's details, by the names of `VenueDetails`.

    Raises:
        NotFound, Forbidden, Busy: as `lock_venue` says.
        Invalid: an unknown name, a value that makes no sense, or a slug that is taken.
    """
    with transaction.atomic():
        venue = lock_venue(actor=actor, venue_id=venue_id)
        changed = apply_changes(venue, changes, VENUE_FIELDS)
        refuse(errors_of(venue))
        if changed:
            _write(venue, changed)
        if "is_public" in changed:
            transaction.on_commit(partial(_tell_watchers, venue.pk))
        if moved := changed & _MOVES_SLOTS:
            record_schedule_change(venue, moved, actor=actor)
    return venue


def _tell_watchers(venue_id: UUID) -> None:
    """Have those let go who may no longer watch."""
    publish(venue_group(venue_id), ACCESS_CHANGED, {"type": ACCESS_CHANGED})


def _write(venue: Venue, changed: set[str] | None = None) -> None:
    """Insert a venue, or write what has changed of it."""
    try:
        venue.save(force_insert=changed is None, update_fields=changed)
    except IntegrityError as error:
        if isinstance(error.__cause__, postgres.UniqueViolation):
            raise Invalid.field("slug", "A venue with this slug already exists.") from None
        raise

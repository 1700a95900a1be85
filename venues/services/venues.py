"""Setting up places: venues, what can be booked there, and when.

What is published already follows from `bookings.services.slots`, not from here.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, time
from typing import TypeVar
from uuid import UUID

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models, transaction

from accounts.actors import Actor
from accounts.selectors import require_manager
from reserve.core.errors import Invalid, NotFound
from venues.models import BookingMode, Closure, ConfirmationMode, OpeningHours, Resource, Venue
from venues.selectors import visible_venue

Row = TypeVar("Row", bound=models.Model)


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueDetails:
    """What is said of a venue, and its rules; `venues.models.Venue` tells what each means."""

    name: str
    slug: str
    timezone: str
    description: str = ""
    street: str = ""
    postal_code: str = ""
    city: str = ""
    country: str = ""
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


@dataclass(frozen=True, slots=True)
class Opening:
    """One stretch of one weekday, by the venue's clock; Monday is 0."""

    weekday: int
    opens_at: time
    closes_at: time
    slot_minutes: int | None = None
    capacity: int | None = None


def create_venue(*, actor: Actor, organization_id: UUID, details: VenueDetails) -> Venue:
    """Add a venue to an organization.

    Raises:
        Forbidden: the actor does not manage the organization.
        Invalid: a value that makes no sense, or a slug that is taken.
    """
    require_manager(actor=actor, organization_id=organization_id)
    return _save(Venue(organization_id=organization_id, **asdict(details)))


def add_resource(
    *,
    actor: Actor,
    venue_id: UUID,
    name: str,
    capacity: int,
    booking_mode: BookingMode = BookingMode.SHARED,
    position: int = 0,
) -> Resource:
    """Add something that can be booked at a venue: a room, a court, a chair.

    Raises:
        NotFound: the venue is out of the actor's reach.
        Forbidden: the actor does not manage its organization.
        Invalid: a value that makes no sense.
    """
    venue = _managed_venue(actor, venue_id)
    return _save(
        Resource(
            organization_id=venue.organization_id,
            venue=venue,
            name=name,
            capacity=capacity,
            booking_mode=booking_mode,
            position=position,
        )
    )


def set_opening_hours(
    *, actor: Actor, resource_id: UUID, openings: Sequence[Opening]
) -> list[OpeningHours]:
    """Replace the week of a resource.

    Raises:
        NotFound: the resource is out of the actor's reach.
        Forbidden: the actor does not manage its organization.
        Invalid: a value that makes no sense; the old hours stay.
    """
    resource = _managed_resource(actor, resource_id)
    hours = [
        OpeningHours(organization_id=resource.organization_id, resource=resource, **asdict(opening))
        for opening in openings
    ]
    for stretch in hours:
        if stretch.slot_minutes == 0:
            raise Invalid.field("slot_minutes", "This must be at least 1.")
        # References and constraints are seen to; asking the database for each takes a query.
        _check(stretch, exclude=("organization", "resource"), validate_constraints=False)
    with transaction.atomic():
        resource.opening_hours.all().delete()
        return OpeningHours.objects.bulk_create(hours)


def add_closure(
    *,
    actor: Actor,
    venue_id: UUID,
    first_date: date,
    last_date: date,
    reason: str = "",
    resource_id: UUID | None = None,
) -> Closure:
    """Offer nothing from one local date to another, both included, at a venue or one resource.

    Raises:
        NotFound: the venue or the resource is out of the actor's reach.
        Forbidden: the actor does not manage its organization.
        Invalid: the dates are in the wrong order.
    """
    venue = _managed_venue(actor, venue_id)
    if last_date < first_date:
        raise Invalid.field("last_date", "This must not be before the first date.")
    if resource_id is not None and not venue.resources.filter(pk=resource_id).exists():
        raise NotFound
    return _save(
        Closure(
            organization_id=venue.organization_id,
            venue=venue,
            resource_id=resource_id,
            first_date=first_date,
            last_date=last_date,
            reason=reason,
        )
    )


def _managed_venue(actor: Actor, venue_id: UUID) -> Venue:
    venue = visible_venue(actor=actor, venue_id=venue_id)
    require_manager(actor=actor, organization_id=venue.organization_id)
    return venue


def _managed_resource(actor: Actor, resource_id: UUID) -> Resource:
    resource = Resource.objects.filter(pk=resource_id).first()
    if resource is None:
        raise NotFound
    _managed_venue(actor, resource.venue_id)
    return resource


def _save(row: Row) -> Row:
    _check(row)
    row.save(force_insert=True)
    return row


def _check(
    row: models.Model, *, exclude: Sequence[str] = (), validate_constraints: bool = True
) -> None:
    """Raises Invalid with the sentences of Django's validators."""
    try:
        row.full_clean(exclude=exclude, validate_constraints=validate_constraints)
    except ValidationError as error:
        errors = error.message_dict
        # What concerns several fields together has no field of its own.
        general = " ".join(errors.pop(NON_FIELD_ERRORS, ()))
        raise Invalid(general or None, errors=errors) from None

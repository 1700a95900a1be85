"""Reading venues. What is out of the actor's reach is NotFound."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.actors import Actor
from accounts.selectors import works_for
from reserve.core.errors import NotFound
from reserve.core.pages import Page, page_of
from venues.models import Resource, Venue


def venues_visible_to(actor: Actor) -> QuerySet[Venue]:
    """Public venues, and those of the organizations that the actor works for."""
    if actor.is_system:
        return Venue.objects.all()
    if actor.user_id is None:
        return Venue.objects.filter(is_public=True)
    return Venue.objects.filter(Q(is_public=True) | works_for(actor.user_id))


def visible_venue(*, actor: Actor, venue_id: UUID) -> Venue:
    """Raises NotFound where the venue is not the actor's to see."""
    venue = venues_visible_to(actor).filter(pk=venue_id).first()
    if venue is None:
        raise NotFound
    return venue


def search_venues(*, actor: Actor, search: str, first: int, after: str | None) -> Page[Venue]:
    """A page of the venues that the actor may see, by name."""
    venues = venues_visible_to(actor)
    if search:
        venues = venues.filter(Q(name__icontains=search) | Q(city__icontains=search))
    return page_of(venues, order="name", first=first, after=after)


def venues_by_id(ids: Sequence[UUID]) -> dict[UUID, Venue]:
    return Venue.objects.in_bulk(ids)


def resources_of_venues(venue_ids: Sequence[UUID]) -> dict[UUID, list[Resource]]:
    """The resources of each venue, in the order of their boards."""
    resources: dict[UUID, list[Resource]] = {venue_id: [] for venue_id in venue_ids}
    for resource in Resource.objects.filter(venue_id__in=venue_ids).order_by("position", "name"):
        resources[resource.venue_id].append(resource)
    return resources

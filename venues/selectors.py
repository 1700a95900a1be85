"""Reading venues. What is out of the actor's reach is NotFound."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.actors import ANONYMOUS, Actor
from accounts.selectors import works_at, works_at_condition
from reserve.core.errors import Forbidden, NotFound
from reserve.core.pages import Page, page_of
from venues.models import Closure, OpeningHours, Resource, SpecialHours, Venue
from venues.schedule import ClosedDays, Schedule, SpecialDays, WeeklyHours


def venues_visible_to(actor: Actor) -> QuerySet[Venue]:
    """Public venues, and those where the actor works."""
    if actor.is_system:
        return Venue.objects.all()
    if actor.user_id is None:
        return Venue.objects.filter(is_public=True)
    return Venue.objects.filter(Q(is_public=True) | works_at_condition(actor.user_id, venue="pk"))


def visible_venue(*, actor: Actor, venue_id: UUID) -> Venue:
    """Raises NotFound where the venue is not the actor's to see."""
    venue = venues_visible_to(actor).filter(pk=venue_id).first()
    if venue is None:
        raise NotFound
    return venue


def public_venue(*, organization_slug: str, venue_slug: str) -> Venue:
    """A venue that everybody may see, by the names in its address.

    Raises:
        NotFound: there is none, or it is not public.
    """
    venues = venues_visible_to(ANONYMOUS).select_related("organization")
    venue = venues.filter(organization__slug=organization_slug, slug=venue_slug).first()
    if venue is None:
        raise NotFound
    return venue


def require_works_at(*, actor: Actor, venue: Venue, sentence: str = Forbidden.message) -> None:
    """Refuse whoever does not work at a venue.

    Raises:
        NotFound: the venue is not even theirs to see.
        Forbidden: it is; with the sentence.
    """
    if not works_at(actor=actor, organization_id=venue.organization_id, venue_id=venue.pk):
        raise Forbidden(sentence) if venue.is_public else NotFound


def venues_worked_at(actor: Actor) -> list[Venue]:
    """The venues where the actor works, by name."""
    if actor.user_id is None:
        return []
    return list(
        Venue.objects.filter(works_at_condition(actor.user_id, venue="pk")).order_by("name")
    )


def venues_by_id(ids: Sequence[UUID]) -> dict[UUID, Venue]:
    return Venue.objects.in_bulk(ids)


def resources_of_venues(venue_ids: Sequence[UUID]) -> dict[UUID, list[Resource]]:
    """The resources of each venue, in the order of their boards."""
    resources: dict[UUID, list[Resource]] = {venue_id: [] for venue_id in venue_ids}
    for resource in Resource.objects.filter(venue_id__in=venue_ids).order_by("position", "name"):
        resources[resource.venue_id].append(resource)
    return resources


Owner = tuple[UUID, UUID | None]
"""A venue, and the resource of it that a rule is for; with None, the venue itself."""
_Part = TypeVar("_Part", Resource, OpeningHours, SpecialHours, Closure)


def visible_part(kind: type[_Part], *, actor: Actor, venue_id: UUID, part_id: UUID) -> _Part:
    """A resource, rule or closure of a venue.

    Raises:
        NotFound: there is none by that id, or the venue is not the actor's to see.
    """
    venue = visible_venue(actor=actor, venue_id=venue_id)
    part = kind._default_manager.filter(venue=venue, pk=part_id).first()  # noqa: SLF001
    if part is None:
        raise NotFound
    part.venue = venue
    return part


def require_visible_owner(*, actor: Actor, venue_id: UUID, resource_id: UUID | None) -> None:
    """Raises NotFound where venue or resource are absent, or out of the actor's reach."""
    if resource_id is None:
        visible_venue(actor=actor, venue_id=venue_id)
    else:
        visible_part(Resource, actor=actor, venue_id=venue_id, part_id=resource_id)


def venue_id_of(kind: type[_Part], part_id: UUID) -> UUID:
    """The venue that a resource, rule or closure belongs to; raises NotFound where it is none."""
    rows = kind._default_manager.filter(pk=part_id)  # noqa: SLF001
    venue_id = rows.values_list("venue_id", flat=True).first()
    if venue_id is None:
        raise NotFound
    return venue_id


def opening_hours_of(owners: Sequence[Owner]) -> dict[Owner, list[OpeningHours]]:
    """The weeks of venues and resources, from Monday; by one statement."""
    rules = OpeningHours.objects.filter(venue_id__in={venue_id for venue_id, _ in owners})
    return {owner: [] for owner in owners} | _by_owner(rules.order_by("weekday", "opens_at", "pk"))


def special_hours_of(owners: Sequence[Owner]) -> dict[Owner, list[SpecialHours]]:
    """The special hours of venues and resources, by date; by one statement."""
    rules = SpecialHours.objects.filter(venue_id__in={venue_id for venue_id, _ in owners})
    rules = rules.order_by("first_date", "opens_at", "pk")
    return {owner: [] for owner in owners} | _by_owner(rules)


def closures_of_venues(venue_ids: Sequence[UUID]) -> dict[UUID, list[Closure]]:
    """The closures of venues and their resources, by date; by one statement."""
    closures: dict[UUID, list[Closure]] = {venue_id: [] for venue_id in venue_ids}
    for closure in Closure.objects.filter(venue_id__in=venue_ids).order_by("first_date", "pk"):
        closures[closure.venue_id].append(closure)
    return closures


def resources_by_id(ids: Sequence[UUID]) -> dict[UUID, Resource]:
    return Resource.objects.in_bulk(ids)


def resources_page(
    *, actor: Actor, venue_id: UUID, first: int, after: str | None = None, before: str | None = None
) -> Page[Resource]:
    """A page of what can be booked at a venue, in the order of its board."""
    venue = visible_venue(actor=actor, venue_id=venue_id)
    rows = Resource.objects.filter(venue=venue)
    return page_of(rows, order="position", first=first, after=after, before=before, read=int)


def closures_page(
    *,
    actor: Actor,
    venue_id: UUID,
    is_descending: bool = False,
    first: int,
    after: str | None = None,
    before: str | None = None,
) -> Page[Closure]:
    """A page of a venue's closures, by their first day."""
    venue = visible_venue(actor=actor, venue_id=venue_id)
    return page_of(
        Closure.objects.filter(venue=venue),
        order="first_date",
        is_descending=is_descending,
        first=first,
        after=after,
        before=before,
        read=date.fromisoformat,
    )


def schedules_of(*, venue_id: UUID) -> list[Schedule]:
    """The schedule of each resource of a venue, in the order of their board."""
    return schedules_of_venues([venue_id])[venue_id]


def schedules_of_venues(venue_ids: Sequence[UUID]) -> dict[UUID, list[Schedule]]:
    """The schedules of several venues' resources, by four queries however many there are."""
    hours = _by_owner(OpeningHours.objects.filter(venue_id__in=venue_ids))
    special_hours = _by_owner(SpecialHours.objects.filter(venue_id__in=venue_ids))
    closures = _by_owner(Closure.objects.filter(venue_id__in=venue_ids))
    schedules: dict[UUID, list[Schedule]] = {venue_id: [] for venue_id in venue_ids}
    resources = Resource.objects.filter(venue_id__in=venue_ids).select_related("venue")
    for resource in resources.order_by("position", "name", "id"):
        owners = (resource.venue_id, None), (resource.venue_id, resource.pk)
        schedules[resource.venue_id].append(
            Schedule(
                organization_id=resource.organization_id,
                venue_id=resource.venue_id,
                resource_id=resource.pk,
                zone=resource.venue.zone,
                capacity=resource.capacity,
                hours=tuple(
                    WeeklyHours(
                        **_pattern(rule, resource),
                        weekday=rule.weekday,
                        valid_from=rule.valid_from,
                        valid_until=rule.valid_until,
                    )
                    for owner in owners
                    for rule in hours.get(owner, ())
                ),
                special_hours=tuple(
                    SpecialDays(
                        **_pattern(rule, resource),
                        first_date=rule.first_date,
                        last_date=rule.last_date,
                    )
                    for owner in owners
                    for rule in special_hours.get(owner, ())
                ),
                closures=tuple(
                    ClosedDays(rule.first_date, rule.last_date)
                    for owner in owners
                    for rule in closures.get(owner, ())
                ),
            )
        )
    return schedules


_Rule = TypeVar("_Rule", OpeningHours, SpecialHours, Closure)


def _by_owner(rules: Iterable[_Rule]) -> dict[Owner, list[_Rule]]:
    owned: dict[Owner, list[_Rule]] = {}
    for rule in rules:
        owned.setdefault((rule.venue_id, rule.resource_id), []).append(rule)
    return owned


def _pattern(rule: OpeningHours | SpecialHours, resource: Resource) -> dict[str, Any]:
    return {
        "is_own": rule.resource_id is not None,
        "opens_at": rule.opens_at,
        "closes_at": rule.closes_at,
        "length": rule.slot_length,
        "interval": rule.interval_length,
        "buffer_before": rule.buffer_before,
        "buffer_after": rule.buffer_after,
        "capacity": rule.capacity or resource.capacity,
    }


def are_venues_of(organization_id: UUID, venue_ids: Collection[UUID]) -> bool:
    """Whether all of these are venues of the organization."""
    venues = Venue.objects.filter(organization_id=organization_id, pk__in=venue_ids)
    return venues.count() == len(set(venue_ids))

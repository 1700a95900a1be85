"""What keeps a venue's slots from following its schedule: for staff, who can end it."""

from datetime import UTC
from uuid import UUID

from accounts.actors import Actor
from accounts.selectors import current_user, works_at
from bookings.difference import Conflict
from bookings.services.previews import PreviewConflict, differences, told_conflicts
from reserve.core.errors import Forbidden
from reserve.core.pages import Page, page_of_list
from venues.models import Venue
from venues.selectors import visible_venue


def schedule_conflicts(
    *,
    actor: Actor,
    venue_id: UUID,
    first: int,
    after: str | None = None,
    before: str | None = None,
) -> Page[PreviewConflict]:
    """A page of the slots that stand against the schedule now, with their bookings, by time.

    They are found by comparing all that is published and has not begun with the
    schedule, also one that is not carried out yet.

    Raises:
        Unauthenticated: nobody is logged in.
        NotFound: the venue is not the actor's to see.
        Forbidden: they see it, but do not work there.
        Invalid: a page size or cursor that makes no sense.
    """
    if not actor.is_system:
        current_user(actor=actor)
    venue = visible_venue(actor=actor, venue_id=venue_id)
    if not works_at(actor=actor, organization_id=venue.organization_id, venue_id=venue.pk):
        raise Forbidden
    venue = Venue.objects.select_related("publication").get(pk=venue_id)
    found = [
        (_key(resource_id, conflict), (resource_id, conflict))
        for resource_id, difference in differences(venue)
        for conflict in difference.conflicts
    ]
    found.sort(key=lambda entry: entry[0])
    page = page_of_list(found, first=first, after=after, before=before)
    return Page(
        items=told_conflicts(venue, page.items),
        cursors=page.cursors,
        has_previous=page.has_previous,
        has_next=page.has_next,
        total=page.total,
    )


def _key(resource_id: UUID, conflict: Conflict) -> str:
    """By time; a slot can be in the way of several."""
    slots = (conflict.planned or conflict.existing, conflict.existing)
    times = (f"{slot.starts_at.astimezone(UTC):%Y%m%dT%H%M%S}" for slot in slots)
    return " ".join((*times, resource_id.hex, conflict.existing.id.hex, conflict.kind.value))

"""What is recorded of venues. Payloads carry ids, facts and versions."""

from collections.abc import Iterable
from uuid import UUID

from accounts.actors import Actor
from reserve.core.context import request_id
from reserve.outbox.models import Event
from venues.models import Resource, Venue


def schedule_changed(
    venue: Venue, changed: Iterable[str], *, actor: Actor, resource_id: UUID | None = None
) -> Event:
    """The event of a venue's latest change that may move slots; its version counts them.

    changed: what is another now, such as `opening_hours` or `timezone`.
    resource_id: the one resource that it concerns, where it is one.
    """
    return Event(
        organization_id=venue.organization_id,
        name="venue.schedule_changed",
        subject_id=venue.pk,
        sequence=venue.schedule_version,
        payload={
            "venue": venue.public_id,
            "resource": Resource.format_id(resource_id) if resource_id else None,
            "version": venue.schedule_version,
            "changed": sorted(changed),
            "actor": actor.public_name,
        },
        request_id=request_id(),
    )

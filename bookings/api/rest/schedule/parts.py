"""What the answers about a venue and its parts have in common."""

from typing import Any, TypeVar
from uuid import UUID

from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actors import Actor
from accounts.api.authentication import actor_of
from reserve.core.rest.views import changed_at
from venues.models import Closure, Resource, SpecialHours, Venue
from venues.selectors import visible_part, visible_venue

_Part = TypeVar("_Part", Resource, SpecialHours, Closure)


def part_of(kind: type[_Part], request: Request, venue: str, part: str) -> _Part:
    """A part of a venue by their public ids.

    Raises:
        NotFound: there is none that the caller may see.
    """
    return visible_part(
        kind,
        actor=actor_of(request),
        venue_id=Venue.parse_id(venue),
        part_id=kind.parse_id(part),
    )


def changed_headers(actor: Actor, venue_id: UUID) -> dict[str, str]:
    """The headers that tell since when a venue and all its parts are what they are.

    To be had before what is answered is read: a change between the two then has its
    moment still to come, and is not missed by whoever asks again.
    """
    return changed_at(visible_venue(actor=actor, venue_id=venue_id).updated_at)


def dated(response: Response, headers: dict[str, str]) -> Response:
    """The response with those headers."""
    for name, value in headers.items():
        response[name] = value
    return response


def created(name: str, venue: str, part: str, content: Any) -> Response:
    """The answer to having made a part, with the address of its route by name."""
    location = reverse(name, args=[venue, part])
    return Response(content, status=201, headers={"Location": location})

"""Saying when a venue is open, by REST: for its owners and managers."""

from typing import Any, TypeVar
from uuid import UUID

from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actors import Actor
from accounts.api.authentication import actor_of
from bookings.api.rest.dry_runs import change_or_preview, schedule_operation
from bookings.api.rest.previews import PreviewConflictSerializer
from bookings.services.conflicts import schedule_conflicts
from reserve.core.errors import Forbidden
from reserve.core.rest.operations import Login, operation
from reserve.core.rest.pages import OrderingField, PageQuery, page_response, page_schema
from reserve.core.rest.serializers import body_of
from reserve.core.rest.views import View, changed_at
from venues.api.rest import venues
from venues.api.rest.schedule import (
    AllSpecialHoursSerializer,
    ClosureSerializer,
    NewClosureSerializer,
    NewSpecialHoursSerializer,
    OpeningHoursSerializer,
    OwnerQuery,
    OwnersSpecialHoursSerializer,
    OwnersWeekSerializer,
    SpecialHoursSerializer,
    WeekSerializer,
)
from venues.api.rest.venues import (
    FirstResourceSerializer,
    ResourceSerializer,
    VenueChangesSerializer,
    VenueSerializer,
    venue_as_json,
)
from venues.models import Closure, Resource, SpecialHours, Venue
from venues.selectors import (
    closures_page,
    opening_hours_of,
    require_visible_owner,
    resources_page,
    special_hours_of,
    visible_part,
    visible_venue,
)
from venues.services.resources import ResourceDetails, add_resource, update_resource
from venues.services.schedule import (
    Opening,
    SpecialOpening,
    add_closure,
    add_special_hours,
    remove_closure,
    remove_special_hours,
    set_opening_hours,
    set_special_hours,
    update_closure,
)
from venues.services.venues import update_venue

_EXAMPLE_SPECIAL = {
    "first_date": "2030-12-31",
    "last_date": "2030-12-31",
    "opens_at": "17:00",
    "closes_at": "02:00",
    "reason": "New Year's Eve",
}
_EXAMPLE_CLOSURE = {"first_date": "2030-12-24", "last_date": "2030-12-26", "reason": "Christmas"}


def _created(name: str, venue: str, part: str, content: Any) -> Response:
    location = reverse(name, args=[venue, part])
    return Response(content, status=201, headers={"Location": location})


# --- Venues and resources ----------------------------------------------------------


class VenueView(venues.VenueView):
    @schedule_operation(
        "update_venue",
        body=VenueChangesSerializer,
        example={"minimum_notice_minutes": 60},
        answers=VenueSerializer,
    )
    def patch(self, request: Request, venue: str) -> Response:
        """Change what is said of a venue, and its rules (owners and managers)."""
        actor, venue_id = actor_of(request), Venue.parse_id(venue)
        changes = body_of(request, VenueChangesSerializer, partial=True)
        return change_or_preview(
            self,
            request,
            venue_id,
            lambda: update_venue(actor=actor, venue_id=venue_id, changes=changes),
            lambda changed: Response(venue_as_json(changed, actor)),
        )


class ResourcesView(View):
    @operation(
        "list_resources",
        query=PageQuery,
        answers=page_schema("Resource", ResourceSerializer),
        last_modified=True,
    )
    def get(self, request: Request, venue: str) -> Response:
        """What can be booked at a venue, in the order of its board."""
        actor, venue_id = actor_of(request), Venue.parse_id(venue)
        changed = _changed(actor, venue_id)
        page = resources_page(actor=actor, venue_id=venue_id, **self.asked)
        return _dated(page_response(request, page, ResourceSerializer().to_representation), changed)

    @schedule_operation(
        "add_resource",
        body=FirstResourceSerializer,
        example={"name": "Court 2", "booking_mode": "EXCLUSIVE", "capacity": 4},
        answers=ResourceSerializer,
        status=201,
    )
    def post(self, request: Request, venue: str) -> Response:
        """Add something that can be booked, in the venue's hours (owners and managers)."""
        actor, venue_id = actor_of(request), Venue.parse_id(venue)
        details = ResourceDetails(**body_of(request, FirstResourceSerializer))
        return change_or_preview(
            self,
            request,
            venue_id,
            lambda: add_resource(actor=actor, venue_id=venue_id, details=details),
            lambda added: _created(
                "resource", venue, added.public_id, ResourceSerializer(added).data
            ),
        )


class ResourceView(View):
    @operation("get_resource", answers=ResourceSerializer, last_modified=True)
    def get(self, request: Request, venue: str, resource: str) -> Response:
        """Something that can be booked at a venue."""
        found = _part(Resource, request, venue, resource)
        return Response(ResourceSerializer(found).data, headers=changed_at(found.venue.updated_at))

    @schedule_operation(
        "update_resource",
        body=FirstResourceSerializer,
        example={"capacity": 6},
        answers=ResourceSerializer,
    )
    def patch(self, request: Request, venue: str, resource: str) -> Response:
        """Change what can be booked (owners and managers)."""
        actor, found = actor_of(request), _part(Resource, request, venue, resource)
        changes = body_of(request, FirstResourceSerializer, partial=True)
        return change_or_preview(
            self,
            request,
            found.venue_id,
            lambda: update_resource(actor=actor, resource_id=found.pk, changes=changes),
            lambda changed: Response(ResourceSerializer(changed).data),
        )


# --- Hours -------------------------------------------------------------------------


class OpeningHoursView(View):
    @operation(
        "get_opening_hours", query=OwnerQuery, answers=OwnersWeekSerializer, last_modified=True
    )
    def get(self, request: Request, venue: str) -> Response:
        """The week of a venue, or of one of its resources."""
        venue_id, resource_id = _owner(self, request, venue)
        changed = _changed(actor_of(request), venue_id)
        rules = opening_hours_of([(venue_id, resource_id)])[venue_id, resource_id]
        openings = OpeningHoursSerializer(rules, many=True).data
        return _dated(_rules_of(resource_id, openings=openings), changed)

    @schedule_operation(
        "set_opening_hours",
        body=WeekSerializer,
        example={"openings": [{"weekday": 0, "opens_at": "17:00", "closes_at": "23:00"}]},
        answers=OwnersWeekSerializer,
    )
    def put(self, request: Request, venue: str) -> Response:
        """Replace the week of a venue, or of one of its resources (owners and managers)."""
        actor, venue_id = actor_of(request), Venue.parse_id(venue)
        body = body_of(request, WeekSerializer)
        resource_id = body.get("resource_id")
        openings = [Opening(**opening) for opening in body["openings"]]
        return change_or_preview(
            self,
            request,
            venue_id,
            lambda: set_opening_hours(
                actor=actor, venue_id=venue_id, resource_id=resource_id, openings=openings
            ),
            lambda rules: _rules_of(
                resource_id, openings=OpeningHoursSerializer(rules, many=True).data
            ),
        )


class SpecialHoursView(View):
    @operation(
        "list_special_hours",
        query=OwnerQuery,
        answers=OwnersSpecialHoursSerializer,
        last_modified=True,
    )
    def get(self, request: Request, venue: str) -> Response:
        """The special hours of a venue, or of one of its resources, by date."""
        venue_id, resource_id = _owner(self, request, venue)
        changed = _changed(actor_of(request), venue_id)
        rules = special_hours_of([(venue_id, resource_id)])[venue_id, resource_id]
        special_hours = SpecialHoursSerializer(rules, many=True).data
        return _dated(_rules_of(resource_id, special_hours=special_hours), changed)

    @schedule_operation(
        "set_special_hours",
        body=AllSpecialHoursSerializer,
        example={"special_hours": [_EXAMPLE_SPECIAL]},
        answers=OwnersSpecialHoursSerializer,
    )
    def put(self, request: Request, venue: str) -> Response:
        """Replace all special hours of a venue, or of a resource (owners and managers)."""
        actor, venue_id = actor_of(request), Venue.parse_id(venue)
        body = body_of(request, AllSpecialHoursSerializer)
        resource_id = body.get("resource_id")
        openings = [SpecialOpening(**opening) for opening in body["special_hours"]]
        return change_or_preview(
            self,
            request,
            venue_id,
            lambda: set_special_hours(
                actor=actor, venue_id=venue_id, resource_id=resource_id, special_hours=openings
            ),
            lambda rules: _rules_of(
                resource_id, special_hours=SpecialHoursSerializer(rules, many=True).data
            ),
        )

    @schedule_operation(
        "add_special_hours",
        body=NewSpecialHoursSerializer,
        example=_EXAMPLE_SPECIAL,
        answers=SpecialHoursSerializer,
        status=201,
    )
    def post(self, request: Request, venue: str) -> Response:
        """Open at other hours on some days, beside what is there (owners and managers)."""
        actor, venue_id = actor_of(request), Venue.parse_id(venue)
        body = body_of(request, NewSpecialHoursSerializer)
        resource_id = body.pop("resource_id", None)
        opening = SpecialOpening(**body)
        return change_or_preview(
            self,
            request,
            venue_id,
            lambda: add_special_hours(
                actor=actor, venue_id=venue_id, resource_id=resource_id, opening=opening
            ),
            lambda added: _created(
                "special-hours", venue, added.public_id, SpecialHoursSerializer(added).data
            ),
        )


class OneSpecialHoursView(View):
    @operation("get_special_hours", answers=SpecialHoursSerializer, last_modified=True)
    def get(self, request: Request, venue: str, special_hours: str) -> Response:
        """Special hours of a venue."""
        found = _part(SpecialHours, request, venue, special_hours)
        content = SpecialHoursSerializer(found).data
        return Response(content, headers=changed_at(found.venue.updated_at))

    @schedule_operation("remove_special_hours", status=204)
    def delete(self, request: Request, venue: str, special_hours: str) -> Response:
        """Remove special hours (owners and managers)."""
        actor, rule = actor_of(request), _part(SpecialHours, request, venue, special_hours)
        return change_or_preview(
            self,
            request,
            rule.venue_id,
            lambda: remove_special_hours(actor=actor, special_hours_id=rule.pk),
            lambda _removed: Response(status=204),
        )


# --- What stands against it --------------------------------------------------------


class ConflictsView(View):
    @operation(
        "list_schedule_conflicts",
        query=PageQuery,
        answers=page_schema("ScheduleConflict", PreviewConflictSerializer),
        login=Login.REQUIRED,
        refusals=(Forbidden,),
    )
    def get(self, request: Request, venue: str) -> Response:
        """The slots that keep the schedule from being carried out, with their bookings (staff)."""
        page = schedule_conflicts(
            actor=actor_of(request), venue_id=Venue.parse_id(venue), **self.asked
        )
        return page_response(request, page, PreviewConflictSerializer().to_representation)


# --- Closures ----------------------------------------------------------------------


class ClosuresQuery(PageQuery):
    ordering = OrderingField(first_date="first_date")


class ClosuresView(View):
    @operation(
        "list_closures",
        query=ClosuresQuery,
        answers=page_schema("Closure", ClosureSerializer),
        last_modified=True,
    )
    def get(self, request: Request, venue: str) -> Response:
        """The closures of a venue and of its resources, by their first day."""
        asked = dict(self.asked)
        ordering = asked.pop("ordering", None)
        actor, venue_id = actor_of(request), Venue.parse_id(venue)
        changed = _changed(actor, venue_id)
        page = closures_page(
            actor=actor,
            venue_id=venue_id,
            is_descending=ordering is not None and ordering.is_descending,
            **asked,
        )
        return _dated(page_response(request, page, ClosureSerializer().to_representation), changed)

    @schedule_operation(
        "add_closure",
        body=NewClosureSerializer,
        example=_EXAMPLE_CLOSURE,
        answers=ClosureSerializer,
        status=201,
    )
    def post(self, request: Request, venue: str) -> Response:
        """Offer nothing on some days, at a venue or one resource (owners and managers)."""
        actor, venue_id = actor_of(request), Venue.parse_id(venue)
        content = body_of(request, NewClosureSerializer)
        return change_or_preview(
            self,
            request,
            venue_id,
            lambda: add_closure(actor=actor, venue_id=venue_id, **content),
            lambda added: _created(
                "closure", venue, added.public_id, ClosureSerializer(added).data
            ),
        )


class ClosureView(View):
    @operation("get_closure", answers=ClosureSerializer, last_modified=True)
    def get(self, request: Request, venue: str, closure: str) -> Response:
        """A closure of a venue."""
        found = _part(Closure, request, venue, closure)
        return Response(ClosureSerializer(found).data, headers=changed_at(found.venue.updated_at))

    @schedule_operation(
        "update_closure",
        body=NewClosureSerializer,
        example={"last_date": "2030-12-27"},
        answers=ClosureSerializer,
    )
    def patch(self, request: Request, venue: str, closure: str) -> Response:
        """Change a closure's days, reason or resource (owners and managers)."""
        actor, found = actor_of(request), _part(Closure, request, venue, closure)
        changes = body_of(request, NewClosureSerializer, partial=True)
        return change_or_preview(
            self,
            request,
            found.venue_id,
            lambda: update_closure(actor=actor, closure_id=found.pk, changes=changes),
            lambda changed: Response(ClosureSerializer(changed).data),
        )

    @schedule_operation("remove_closure", status=204)
    def delete(self, request: Request, venue: str, closure: str) -> Response:
        """Remove a closure (owners and managers)."""
        actor, found = actor_of(request), _part(Closure, request, venue, closure)
        return change_or_preview(
            self,
            request,
            found.venue_id,
            lambda: remove_closure(actor=actor, closure_id=found.pk),
            lambda _removed: Response(status=204),
        )


_Part = TypeVar("_Part", Resource, SpecialHours, Closure)


def _part(kind: type[_Part], request: Request, venue: str, part: str) -> _Part:
    return visible_part(
        kind,
        actor=actor_of(request),
        venue_id=Venue.parse_id(venue),
        part_id=kind.parse_id(part),
    )


def _changed(actor: Actor, venue_id: UUID) -> dict[str, str]:
    """The headers that tell since when a venue and all its parts are what they are.

    To be had before what is answered is read: a change between the two then has its
    moment still to come, and is not missed by whoever asks again.
    """
    return changed_at(visible_venue(actor=actor, venue_id=venue_id).updated_at)


def _dated(response: Response, headers: dict[str, str]) -> Response:
    for name, value in headers.items():
        response[name] = value
    return response


def _owner(view: View, request: Request, venue: str) -> tuple[UUID, UUID | None]:
    venue_id = Venue.parse_id(venue)
    resource_id: UUID | None = view.asked.get("resource_id")
    require_visible_owner(actor=actor_of(request), venue_id=venue_id, resource_id=resource_id)
    return venue_id, resource_id


def _rules_of(resource_id: UUID | None, **rules: Any) -> Response:
    owner = Resource.format_id(resource_id) if resource_id else None
    return Response({"resource_id": owner, **rules})

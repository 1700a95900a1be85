"""Changing venues and what is booked there."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import actor_of
from bookings.api.rest.dry_runs import change_or_preview, schedule_operation
from bookings.api.rest.schedule.parts import changed_headers, created, dated, part_of
from reserve.core.rest.operations import operation
from reserve.core.rest.pages import PageQuery, page_response, page_schema
from reserve.core.rest.serializers import body_of
from reserve.core.rest.views import View, changed_at
from venues.api.rest import venues
from venues.api.rest.venues import (
    FirstResourceSerializer,
    ResourceSerializer,
    VenueChangesSerializer,
    VenueSerializer,
    venue_as_json,
)
from venues.models import Resource, Venue
from venues.selectors import resources_page
from venues.services.resources import ResourceDetails, add_resource, update_resource
from venues.services.venues import update_venue


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
        changed = changed_headers(actor, venue_id)
        page = resources_page(actor=actor, venue_id=venue_id, **self.asked)
        return dated(page_response(request, page, ResourceSerializer().to_representation), changed)

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
            lambda added: created(
                "resource", venue, added.public_id, ResourceSerializer(added).data
            ),
        )


class ResourceView(View):
    @operation("get_resource", answers=ResourceSerializer, last_modified=True)
    def get(self, request: Request, venue: str, resource: str) -> Response:
        """Something that can be booked at a venue."""
        found = part_of(Resource, request, venue, resource)
        return Response(ResourceSerializer(found).data, headers=changed_at(found.venue.updated_at))

    @schedule_operation(
        "update_resource",
        body=FirstResourceSerializer,
        example={"capacity": 6},
        answers=ResourceSerializer,
    )
    def patch(self, request: Request, venue: str, resource: str) -> Response:
        """Change what can be booked (owners and managers)."""
        actor, found = actor_of(request), part_of(Resource, request, venue, resource)
        changes = body_of(request, FirstResourceSerializer, partial=True)
        return change_or_preview(
            self,
            request,
            found.venue_id,
            lambda: update_resource(actor=actor, resource_id=found.pk, changes=changes),
            lambda changed: Response(ResourceSerializer(changed).data),
        )

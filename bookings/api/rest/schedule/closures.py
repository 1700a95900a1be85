"""Days on which a venue or one of its resources offers nothing."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import actor_of
from bookings.api.rest.dry_runs import change_or_preview, schedule_operation
from bookings.api.rest.schedule.parts import changed_headers, created, dated, part_of
from reserve.core.rest.operations import operation
from reserve.core.rest.pages import OrderingField, PageQuery, page_response, page_schema
from reserve.core.rest.serializers import body_of
from reserve.core.rest.views import View, changed_at
from venues.api.rest.schedule import ClosureSerializer, NewClosureSerializer
from venues.models import Closure, Venue
from venues.selectors import closures_page
from venues.services.schedule import add_closure, remove_closure, update_closure

_EXAMPLE_CLOSURE = {"first_date": "2030-12-24", "last_date": "2030-12-26", "reason": "Christmas"}


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
        changed = changed_headers(actor, venue_id)
        page = closures_page(
            actor=actor,
            venue_id=venue_id,
            is_descending=ordering is not None and ordering.is_descending,
            **asked,
        )
        return dated(page_response(request, page, ClosureSerializer().to_representation), changed)

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
            lambda added: created("closure", venue, added.public_id, ClosureSerializer(added).data),
        )


class ClosureView(View):
    @operation("get_closure", answers=ClosureSerializer, last_modified=True)
    def get(self, request: Request, venue: str, closure: str) -> Response:
        """A closure of a venue."""
        found = part_of(Closure, request, venue, closure)
        return Response(ClosureSerializer(found).data, headers=changed_at(found.venue.updated_at))

    @schedule_operation(
        "update_closure",
        body=NewClosureSerializer,
        example={"last_date": "2030-12-27"},
        answers=ClosureSerializer,
    )
    def patch(self, request: Request, venue: str, closure: str) -> Response:
        """Change a closure's days, reason or resource (owners and managers)."""
        actor, found = actor_of(request), part_of(Closure, request, venue, closure)
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
        actor, found = actor_of(request), part_of(Closure, request, venue, closure)
        return change_or_preview(
            self,
            request,
            found.venue_id,
            lambda: remove_closure(actor=actor, closure_id=found.pk),
            lambda _removed: Response(status=204),
        )

"""Weekly and special hours, of a venue or one of its resources."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import actor_of
from bookings.api.rest.dry_runs import change_or_preview, schedule_operation
from bookings.api.rest.schedule.parts import changed_headers, created, dated, part_of
from reserve.core.rest.operations import operation
from reserve.core.rest.serializers import body_of
from reserve.core.rest.views import View, changed_at
from venues.api.rest.schedule import (
    AllSpecialHoursSerializer,
    NewSpecialHoursSerializer,
    OpeningHoursSerializer,
    OwnerQuery,
    OwnersSpecialHoursSerializer,
    OwnersWeekSerializer,
    SpecialHoursSerializer,
    WeekSerializer,
)
from venues.models import Resource, SpecialHours, Venue
from venues.selectors import opening_hours_of, require_visible_owner, special_hours_of
from venues.services.schedule import (
    Opening,
    SpecialOpening,
    add_special_hours,
    remove_special_hours,
    set_opening_hours,
    set_special_hours,
)

_EXAMPLE_SPECIAL = {
    "first_date": "2030-12-31",
    "last_date": "2030-12-31",
    "opens_at": "17:00",
    "closes_at": "02:00",
    "reason": "New Year's Eve",
}


class OpeningHoursView(View):
    @operation(
        "get_opening_hours", query=OwnerQuery, answers=OwnersWeekSerializer, last_modified=True
    )
    def get(self, request: Request, venue: str) -> Response:
        """The week of a venue, or of one of its resources."""
        venue_id, resource_id = _owner(self, request, venue)
        changed = changed_headers(actor_of(request), venue_id)
        rules = opening_hours_of([(venue_id, resource_id)])[venue_id, resource_id]
        openings = OpeningHoursSerializer(rules, many=True).data
        return dated(_rules_of(resource_id, openings=openings), changed)

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
        changed = changed_headers(actor_of(request), venue_id)
        rules = special_hours_of([(venue_id, resource_id)])[venue_id, resource_id]
        special_hours = SpecialHoursSerializer(rules, many=True).data
        return dated(_rules_of(resource_id, special_hours=special_hours), changed)

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
            lambda added: created(
                "special-hours", venue, added.public_id, SpecialHoursSerializer(added).data
            ),
        )


class OneSpecialHoursView(View):
    @operation("get_special_hours", answers=SpecialHoursSerializer, last_modified=True)
    def get(self, request: Request, venue: str, special_hours: str) -> Response:
        """Special hours of a venue."""
        found = part_of(SpecialHours, request, venue, special_hours)
        content = SpecialHoursSerializer(found).data
        return Response(content, headers=changed_at(found.venue.updated_at))

    @schedule_operation("remove_special_hours", status=204)
    def delete(self, request: Request, venue: str, special_hours: str) -> Response:
        """Remove special hours (owners and managers)."""
        actor, rule = actor_of(request), part_of(SpecialHours, request, venue, special_hours)
        return change_or_preview(
            self,
            request,
            rule.venue_id,
            lambda: remove_special_hours(actor=actor, special_hours_id=rule.pk),
            lambda _removed: Response(status=204),
        )


def _owner(view: View, request: Request, venue: str) -> tuple[UUID, UUID | None]:
    venue_id = Venue.parse_id(venue)
    resource_id: UUID | None = view.asked.get("resource_id")
    require_visible_owner(actor=actor_of(request), venue_id=venue_id, resource_id=resource_id)
    return venue_id, resource_id


def _rules_of(resource_id: UUID | None, **rules: Any) -> Response:
    owner = Resource.format_id(resource_id) if resource_id else None
    return Response({"resource_id": owner, **rules})

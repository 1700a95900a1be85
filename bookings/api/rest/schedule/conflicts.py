"""What keeps a schedule from being carried out."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import actor_of
from bookings.api.rest.previews import PreviewConflictSerializer
from bookings.services.conflicts import schedule_conflicts
from reserve.core.errors import Forbidden
from reserve.core.rest.operations import Login, operation
from reserve.core.rest.pages import PageQuery, page_response, page_schema
from reserve.core.rest.views import View
from venues.models import Venue


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

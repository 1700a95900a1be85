from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import actor_of
from accounts.models import Organization
from bookings.api.rest.fields import BOOKING_STATUSES
from bookings.models import Booking
from reserve.core.errors import Forbidden, NotFound
from reserve.core.pages import MAX_PAGE_SIZE
from reserve.core.rest.examples import example_id
from reserve.core.rest.fields import IdField
from reserve.core.rest.operations import Login, operation
from reserve.core.rest.serializers import StrictSerializer
from reserve.core.rest.views import View
from reserve.outbox.models import Event
from venues.models import Resource, Venue
from webhooks.api import descriptions
from webhooks.envelopes import envelope_of
from webhooks.kinds import EVENT_TYPES
from webhooks.selectors import feed


class ToldBookingSerializer(serializers.Serializer[dict[str, Any]]):
    id = IdField(Booking)
    status = serializers.ChoiceField(choices=BOOKING_STATUSES)
    venue_id = IdField(Venue)
    resource_id = IdField(Resource)
    guest_count = serializers.IntegerField(help_text="Size of the party.")
    seats = serializers.IntegerField(help_text="Seats taken on each of its slots.")
    start_time = serializers.DateTimeField(help_text="In UTC.")
    end_time = serializers.DateTimeField(help_text="In UTC.")
    sequence = serializers.IntegerField(help_text=descriptions.SEQUENCE)


class EventDataSerializer(serializers.Serializer[dict[str, Any]]):
    booking = ToldBookingSerializer(help_text=descriptions.BOOKING)


class EventSerializer(serializers.Serializer[dict[str, Any]]):
    """What other systems are told of an event; a webhook's body is the same."""

    example: ClassVar[dict[str, Any]] = {
        "id": example_id("event"),
        "type": "booking.confirmed",
        "timestamp": "2030-04-01T09:30:01Z",
        "organization_id": example_id("org"),
        "data": {
            "booking": {
                "id": example_id("booking"),
                "status": "CONFIRMED",
                "venue_id": example_id("venue"),
                "resource_id": example_id("resource"),
                "guest_count": 4,
                "seats": 4,
                "start_time": "2030-04-15T16:00:00Z",
                "end_time": "2030-04-15T17:30:00Z",
                "sequence": 2,
            }
        },
    }
    id = IdField(Event, help_text=descriptions.EVENT_ID)
    type = serializers.ChoiceField(choices=list(EVENT_TYPES), help_text=descriptions.EVENT_TYPE)
    timestamp = serializers.DateTimeField(help_text=descriptions.TIMESTAMP)
    organization_id = IdField(Organization)
    # The name is also one of the framework's, of instances.
    data = EventDataSerializer()  # type: ignore[assignment]


class EventFeedSerializer(serializers.Serializer[dict[str, Any]]):
    """A part of the feed, and where it goes on."""

    example: ClassVar[dict[str, Any]] = {
        "next": f"https://api.example.com/api/v1/events?after={example_id('event')}",
        "has_more": False,
        "results": [EventSerializer.example],
    }
    next = serializers.URLField(help_text="Address of what follows, or will follow.")
    has_more = serializers.BooleanField(help_text=descriptions.HAS_MORE)
    results = EventSerializer(many=True)


class EventQuery(StrictSerializer):
    organization_id = IdField(Organization, required=False, help_text=descriptions.ORGANIZATION)
    after = IdField(Event, required=False, help_text=descriptions.AFTER)
    first = serializers.IntegerField(
        default=MAX_PAGE_SIZE,
        min_value=1,
        max_value=MAX_PAGE_SIZE,
        help_text=f"How many at most, up to {MAX_PAGE_SIZE}.",
    )


class EventsView(View):
    @operation(
        "list_events",
        query=EventQuery,
        answers=EventFeedSerializer,
        login=Login.REQUIRED,
        refusals=(Forbidden, NotFound),
    )
    def get(self, request: Request) -> Response:
        """What happened to an organization's bookings, for owners and managers.

        Read on at `next`, now where `has_more` says so and later where not: no event is
        left out, however many are recorded meanwhile. Those of one booking come in order.
        """
        found = feed(actor=actor_of(request), **self.asked)
        query = request.query_params.copy()
        if found.events:
            query["after"] = found.events[-1].public_id
        address = f"{request.path}?{query.urlencode()}" if query else request.path
        return Response(
            {
                "next": request.build_absolute_uri(address),
                "has_more": found.has_more,
                "results": [envelope_of(event) for event in found.events],
            }
        )

from collections.abc import Sequence
from typing import Any, TypeVar

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import actor_of
from bookings import selectors
from bookings.api.rest.fields import VenueTimeField
from bookings.models import Slot
from bookings.rules import MAX_GUEST_COUNT, MAX_SLOT_COUNT, why_unavailable
from bookings.services.bookings import MAX_REASON
from bookings.services.slots import add_slot, change_slot
from bookings.states import SlotStatus
from reserve.core.clock import now
from reserve.core.rest.conditional import ConditionalView
from reserve.core.rest.serializers import (
    StrictBooleanField,
    StrictCharField,
    StrictInstantField,
    StrictIntegerField,
    StrictSerializer,
    StrictTextField,
    body_of,
    query_of,
)
from venues.models import Resource, Venue
from venues.selectors import require_visible_owner

Row = TypeVar("Row")


class _PartyQuery(StrictSerializer):
    """Query strings are text, so numbers are read."""

    guest_count = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_GUEST_COUNT,
        help_text="Size of the party; without it, the smallest that the venue takes.",
    )


class _RunQuery(_PartyQuery):
    slot_count = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_SLOT_COUNT,
        help_text="Consecutive slots wanted, 1 where it says nothing.",
    )


class _DaysQuery(StrictSerializer):
    """Some local days of a venue: `from` and `to`, both included."""

    def get_fields(self) -> dict[str, Any]:
        days = {
            "from": serializers.DateField(help_text="A day of the venue's calendar."),
            "to": serializers.DateField(help_text="A day of the venue's calendar, included."),
        }
        return days | super().get_fields()


class AvailabilityQuery(_RunQuery):
    """The slots of a day that can be booked."""

    date = serializers.DateField(help_text="A day of the venue's calendar.")
    resource_id = serializers.CharField(required=False)


class CalendarQuery(_PartyQuery, _DaysQuery):
    """Some days at a glance."""


class NextSlotsQuery(_RunQuery):
    """The next slots of several venues."""

    venue_id = serializers.ListField(
        child=serializers.CharField(),
        max_length=selectors.MAX_VENUES,
        help_text="Repeated for each venue.",
    )
    after = StrictInstantField(required=False, help_text="Only slots that start then or later.")
    first = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=selectors.MAX_NEXT_SLOTS,
        help_text="How many slots of each venue, 1 where it says nothing.",
    )


class SlotSerializer(serializers.Serializer[Slot]):
    id = serializers.CharField(source="public_id")
    venue_id = serializers.SerializerMethodField()
    resource_id = serializers.SerializerMethodField()
    start_time = VenueTimeField(source="starts_at")
    end_time = VenueTimeField(source="ends_at")
    status = serializers.SerializerMethodField()
    capacity = serializers.IntegerField(help_text="Seats altogether.")
    remaining_capacity = serializers.IntegerField(
        source="remaining", help_text="Seats that are free."
    )
    version = serializers.IntegerField(help_text="Grows with every change of the slot.")

    def get_venue_id(self, slot: Slot) -> str:
        return Venue.format_id(slot.venue_id)

    def get_resource_id(self, slot: Slot) -> str:
        return Resource.format_id(slot.resource_id)

    def get_status(self, slot: Slot) -> SlotStatus:
        return slot.status_at(now())


class ListedSlotSerializer(SlotSerializer):
    unavailable_reason = serializers.SerializerMethodField(
        help_text="The code with which a booking would be refused now, or null."
    )

    def get_unavailable_reason(self, slot: Slot) -> str | None:
        reason = why_unavailable(slot, now())
        return reason.code if reason else None


class NewSlotSerializer(StrictSerializer):
    """A slot beside the schedule, which then leaves it alone."""

    resource_id = StrictCharField()
    start_time = StrictInstantField(help_text="Not in the past, within the venue's horizon.")
    end_time = StrictInstantField(help_text="A minute to 24 hours after the start.")
    capacity = StrictIntegerField(
        required=False, help_text="Seats altogether; without it, the resource's."
    )

    def validate_resource_id(self, text: str) -> Any:
        return Resource.parse_id(text, field="resource_id")


class SlotChangesSerializer(StrictSerializer):
    """What is left out stays as it is."""

    capacity = StrictIntegerField(help_text="Seats altogether, not below what is taken.")
    is_closed = StrictBooleanField(help_text="Whether nobody can book it.")
    reason = StrictTextField(help_text=f"Kept in its history; at most {MAX_REASON} characters.")


class CalendarDaySerializer(serializers.Serializer[selectors.CalendarDay]):
    date = serializers.DateField(help_text="A day of the venue's calendar.")
    slot_count = serializers.IntegerField(help_text="Slots altogether, bookable or not.")
    available_slot_count = serializers.IntegerField(help_text="Slots that the party can book now.")
    remaining_capacity = serializers.IntegerField(
        help_text="Seats that are free on the available slots."
    )


class SlotsView(ConditionalView):
    @extend_schema(
        parameters=[
            OpenApiParameter("date", str, description="A day: its slots that can be booked."),
            OpenApiParameter("guest_count", int, description="With `date`: size of the party."),
            OpenApiParameter("slot_count", int, description="With `date`: consecutive slots."),
            OpenApiParameter("resource_id", str, description="With `date`: of this resource."),
            OpenApiParameter("from", str, description="Instead of `date`: every slot from then."),
            OpenApiParameter("to", str, description="With `from`: the last day, included."),
        ],
        responses=ListedSlotSerializer(many=True),
    )
    def get(self, request: Request, venue: str) -> Response:
        """The slots of a day that the caller can book now; or every slot of some days."""
        actor, venue_id = actor_of(request), Venue.parse_id(venue)
        if request.query_params.keys() & {"from", "to"}:
            days = query_of(request, _DaysQuery)
            slots = selectors.slots_between(
                actor=actor, venue_id=venue_id, first_day=days["from"], last_day=days["to"]
            )
        else:
            asked = query_of(request, AvailabilityQuery)
            day, resource = asked.pop("date"), asked.pop("resource_id", None)
            if resource:
                asked["resource_id"] = Resource.parse_id(resource, field="resource_id")
            slots = selectors.available_slots(actor=actor, venue_id=venue_id, day=day, **asked)
        return Response(_as_json(ListedSlotSerializer(), slots))

    @extend_schema(request=NewSlotSerializer, responses={201: ListedSlotSerializer})
    def post(self, request: Request, venue: str) -> Response:
        """Add a slot by hand, beside the schedule (staff)."""
        query_of(request, StrictSerializer)
        actor, venue_id = actor_of(request), Venue.parse_id(venue)
        body = body_of(request, NewSlotSerializer)
        require_visible_owner(actor=actor, venue_id=venue_id, resource_id=body["resource_id"])
        slot = add_slot(
            actor=actor,
            resource_id=body["resource_id"],
            starts_at=body["start_time"],
            ends_at=body["end_time"],
            capacity=body.get("capacity"),
        )
        location = reverse("slot", kwargs={"venue": venue, "slot": slot.public_id})
        content = ListedSlotSerializer(slot).data
        return Response(content, status=201, headers={"Location": location})


class SlotView(ConditionalView):
    @extend_schema(responses=ListedSlotSerializer)
    def get(self, request: Request, venue: str, slot: str) -> Response:
        """A slot, bookable or not."""
        query_of(request, StrictSerializer)
        return Response(ListedSlotSerializer(_slot(request, venue, slot)).data)

    @extend_schema(request=SlotChangesSerializer, responses=ListedSlotSerializer)
    def patch(self, request: Request, venue: str, slot: str) -> Response:
        """Close or reopen a slot, or give it another capacity (staff)."""
        query_of(request, StrictSerializer)
        changes = body_of(request, SlotChangesSerializer, partial=True)
        changed = change_slot(
            actor=actor_of(request), slot_id=_slot(request, venue, slot).pk, **changes
        )
        return Response(ListedSlotSerializer(changed).data)


class CalendarView(ConditionalView):
    @extend_schema(parameters=[CalendarQuery], responses=CalendarDaySerializer(many=True))
    def get(self, request: Request, venue: str) -> Response:
        """What each day of a venue offers a party now, days without slots too."""
        asked = query_of(request, CalendarQuery)
        days = selectors.availability_calendar(
            actor=actor_of(request),
            venue_id=Venue.parse_id(venue),
            first_day=asked["from"],
            last_day=asked["to"],
            guest_count=asked.get("guest_count"),
        )
        return Response(_as_json(CalendarDaySerializer(), days))


class NextSlotsView(ConditionalView):
    @extend_schema(parameters=[NextSlotsQuery], responses=ListedSlotSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Of each venue the first slots that the party can book, by their start."""
        asked = query_of(request, NextSlotsQuery, lists=("venue_id",))
        venues = asked.pop("venue_id")
        slots = selectors.next_available_slots(
            actor=actor_of(request),
            venue_ids=[Venue.parse_id(venue, field="venue_id") for venue in venues],
            **asked,
        )
        return Response(_as_json(ListedSlotSerializer(), slots))


def slots_as_json(slots: Sequence[Slot]) -> list[dict[str, Any]]:
    return _as_json(SlotSerializer(), slots)


def _as_json(serializer: serializers.Serializer[Row], rows: Sequence[Row]) -> list[dict[str, Any]]:
    # One serializer for all: making one costs more than what it does.
    return [dict(serializer.to_representation(row)) for row in rows]


def _slot(request: Request, venue: str, slot: str) -> Slot:
    return selectors.visible_slot(
        actor=actor_of(request), venue_id=Venue.parse_id(venue), slot_id=Slot.parse_id(slot)
    )

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import actor_of
from bookings import boards, selectors
from bookings.api.rest.fields import SLOT_STATUSES, StatusField, VenueTimeField
from bookings.errors import CapacityInUse, SlotBusy, SlotOverlaps
from bookings.models import Slot
from bookings.rules import MAX_GUEST_COUNT, MAX_SLOT_COUNT, why_unavailable
from bookings.services.bookings import MAX_REASON
from bookings.services.slots import add_slot, change_slot
from reserve.core import sentences
from reserve.core.clock import now
from reserve.core.errors import Forbidden, NotFound
from reserve.core.rest.examples import example_id
from reserve.core.rest.fields import IdField, OwnIdField
from reserve.core.rest.operations import Login, operation
from reserve.core.rest.serializers import (
    StrictBooleanField,
    StrictInstantField,
    StrictIntegerField,
    StrictSerializer,
    StrictTextField,
    body_of,
)
from reserve.core.rest.views import View
from venues.models import Resource, Venue
from venues.selectors import require_visible_owner
from venues.validators import MAX_CAPACITY

Row = TypeVar("Row")

_CAPACITY = {"minimum": 1, "maximum": MAX_CAPACITY}


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


class CalendarQuery(_PartyQuery, _DaysQuery):
    """Some days at a glance."""


class NextSlotsQuery(_RunQuery):
    """The next slots of several venues."""

    venue_id = serializers.ListField(
        child=IdField(Venue),
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
    example: ClassVar[dict[str, Any]] = {
        "id": example_id("slot"),
        "venue_id": example_id("venue"),
        "resource_id": example_id("resource"),
        "start_time": "2030-04-15T18:00:00+02:00",
        "end_time": "2030-04-15T19:30:00+02:00",
        "status": "AVAILABLE",
        "capacity": 40,
        "remaining_capacity": 36,
        "version": 3,
    }
    id = OwnIdField(Slot)
    venue_id = IdField(Venue)
    resource_id = IdField(Resource)
    start_time = VenueTimeField(source="starts_at")
    end_time = VenueTimeField(source="ends_at")
    status = StatusField(SLOT_STATUSES)
    capacity = serializers.IntegerField(help_text="Seats altogether.")
    remaining_capacity = serializers.IntegerField(
        source="remaining", help_text="Seats that are free."
    )
    version = serializers.IntegerField(help_text="Grows with every change of the slot.")


class ListedSlotSerializer(SlotSerializer):
    example: ClassVar[dict[str, Any]] = SlotSerializer.example | {"unavailable_reason": None}
    unavailable_reason = serializers.SerializerMethodField(
        help_text="The code with which a booking would be refused now, or null."
    )

    def get_unavailable_reason(self, slot: Slot) -> str | None:
        reason = why_unavailable(slot, now())
        return reason.code if reason else None


class NewSlotSerializer(StrictSerializer):
    """A slot beside the schedule, which then leaves it alone."""

    limits: ClassVar[Mapping[str, Any]] = {"capacity": _CAPACITY}

    resource_id = IdField(Resource)
    start_time = StrictInstantField(help_text="Not in the past, within the venue's horizon.")
    end_time = StrictInstantField(help_text="A minute to 24 hours after the start.")
    capacity = StrictIntegerField(
        required=False, help_text="Seats altogether; without it, the resource's."
    )


class SlotChangesSerializer(StrictSerializer):
    """What is left out stays as it is."""

    limits: ClassVar[Mapping[str, Any]] = {
        "capacity": _CAPACITY,
        "reason": {"maxLength": MAX_REASON},
    }

    capacity = StrictIntegerField(help_text="Seats altogether, not below what is taken.")
    is_closed = StrictBooleanField(help_text="Whether nobody can book it.")
    reason = StrictTextField(help_text=f"Kept in its history; at most {MAX_REASON} characters.")


class CalendarDaySerializer(serializers.Serializer[selectors.CalendarDay]):
    example: ClassVar[dict[str, Any]] = {
        "date": "2030-04-15",
        "slot_count": 8,
        "available_slot_count": 6,
        "remaining_capacity": 180,
    }
    date = serializers.DateField(help_text="A day of the venue's calendar.")
    slot_count = serializers.IntegerField(help_text="Slots altogether, bookable or not.")
    available_slot_count = serializers.IntegerField(help_text="Slots that the party can book now.")
    remaining_capacity = serializers.IntegerField(
        help_text="Seats that are free on the available slots."
    )


class SlotsQuery(_RunQuery):
    """Either a day, and a party: what it can book there. Or some days: every slot of them."""

    def get_fields(self) -> dict[str, Any]:
        day = "A day of the venue's calendar"
        days = {
            "date": serializers.DateField(required=False, help_text=f"{day}."),
            "from": serializers.DateField(
                required=False, help_text=f"{day}: instead of `date`, every slot from then on."
            ),
            "to": serializers.DateField(required=False, help_text=f"{day}: with `from`, the last."),
        }
        resource = IdField(Resource, required=False, help_text="With `date`: of this resource.")
        return days | super().get_fields() | {"resource_id": resource}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        range_ = {"from", "to"}
        wanted = range_ if attrs.keys() & range_ else {"date"}
        errors = {name: [sentences.REQUIRED] for name in wanted - attrs.keys()}
        if wanted == range_:
            beside = attrs.keys() & {"date", "guest_count", "slot_count", "resource_id"}
            errors |= {name: ["This does not go with `from` and `to`."] for name in beside}
        if errors:
            raise serializers.ValidationError(errors)
        return attrs


class SlotsView(View):
    @operation("list_slots", query=SlotsQuery, answers=ListedSlotSerializer(many=True))
    def get(self, request: Request, venue: str) -> Response:
        """The slots of a day that the caller can book now; or every slot of some days.

        With `date`, and a party where there is one: what can be booked. With `from` and
        `to`: every slot, bookable or not, each with the reason why it cannot be booked.
        """
        actor, venue_id, asked = actor_of(request), Venue.parse_id(venue), dict(self.asked)
        if "from" in asked:
            slots = selectors.slots_between(
                actor=actor, venue_id=venue_id, first_day=asked["from"], last_day=asked["to"]
            )
        else:
            day = asked.pop("date")
            if asked.get("slot_count", 1) == 1:
                asked.pop("slot_count", None)
                offer = boards.offer_at_once(actor=actor, venue_id=venue_id, day=day, **asked)
                return Response([slot._asdict() for slot in offer.slots])
            slots = selectors.available_slots(actor=actor, venue_id=venue_id, day=day, **asked)
        return Response(_as_json(ListedSlotSerializer(), slots))

    @operation(
        "add_slot",
        body=NewSlotSerializer,
        example={
            "resource_id": "resource_01HQ3K5W6X7Y8Z9A0B1C2D3E4F",
            "start_time": "2030-04-15T18:00:00+02:00",
            "end_time": "2030-04-15T19:30:00+02:00",
        },
        answers=ListedSlotSerializer,
        status=201,
        login=Login.REQUIRED,
        refusals=(Forbidden, SlotBusy, SlotOverlaps),
    )
    def post(self, request: Request, venue: str) -> Response:
        """Add a slot by hand, beside the schedule (staff)."""
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


class SlotView(View):
    @operation("get_slot", answers=ListedSlotSerializer)
    def get(self, request: Request, venue: str, slot: str) -> Response:
        """A slot, bookable or not."""
        return Response(ListedSlotSerializer(_slot(request, venue, slot)).data)

    @operation(
        "update_slot",
        body=SlotChangesSerializer,
        example={"is_closed": True, "reason": "A pipe has burst"},
        answers=ListedSlotSerializer,
        login=Login.REQUIRED,
        refusals=(Forbidden, CapacityInUse, SlotBusy, SlotOverlaps),
    )
    def patch(self, request: Request, venue: str, slot: str) -> Response:
        """Close or reopen a slot, or give it another capacity (staff)."""
        changes = body_of(request, SlotChangesSerializer, partial=True)
        changed = change_slot(
            actor=actor_of(request), slot_id=_slot(request, venue, slot).pk, **changes
        )
        return Response(ListedSlotSerializer(changed).data)


class CalendarView(View):
    @operation("get_calendar", query=CalendarQuery, answers=CalendarDaySerializer(many=True))
    def get(self, request: Request, venue: str) -> Response:
        """What each day of a venue offers a party now, days without slots too."""
        asked = self.asked
        days = selectors.availability_calendar(
            actor=actor_of(request),
            venue_id=Venue.parse_id(venue),
            first_day=asked["from"],
            last_day=asked["to"],
            guest_count=asked.get("guest_count"),
        )
        return Response(_as_json(CalendarDaySerializer(), days))


class NextSlotsView(View):
    @operation(
        "list_next_slots",
        query=NextSlotsQuery,
        lists=("venue_id",),
        answers=ListedSlotSerializer(many=True),
        refusals=(NotFound,),
    )
    def get(self, request: Request) -> Response:
        """Of each venue the first slots that the party can book, by their start."""
        asked = dict(self.asked)
        slots = selectors.next_available_slots(
            actor=actor_of(request),
            venue_ids=asked.pop("venue_id"),
            **asked,
        )
        return Response(_as_json(ListedSlotSerializer(), slots))


# Making one costs more than what it does, and it keeps nothing of what it has shown.
_SLOT = SlotSerializer()


def slots_as_json(slots: Sequence[Slot]) -> list[dict[str, Any]]:
    return _as_json(_SLOT, slots)


def _as_json(serializer: serializers.Serializer[Row], rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [dict(serializer.to_representation(row)) for row in rows]


def _slot(request: Request, venue: str, slot: str) -> Slot:
    return selectors.visible_slot(
        actor=actor_of(request), venue_id=Venue.parse_id(venue), slot_id=Slot.parse_id(slot)
    )

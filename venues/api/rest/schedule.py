"""How opening hours, special hours and closures are written and read by REST."""

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework import serializers

from reserve.core.rest.examples import example_id
from reserve.core.rest.fields import IdField, OwnIdField
from reserve.core.rest.serializers import (
    StrictListSerializer,
    StrictModelSerializer,
    StrictSerializer,
)
from venues.api import descriptions
from venues.models import Closure, OpeningHours, Resource, SpecialHours
from venues.services.checks import MAX_OPENINGS, MAX_SPECIAL_HOURS


class OpeningSerializer(StrictModelSerializer):
    """One stretch of one weekday, by the venue's clock, and how slots lie in it."""

    limits: ClassVar[Mapping[str, Any]] = {"weekday": {"minimum": 0, "maximum": 6}}

    class Meta:
        model = OpeningHours
        list_serializer_class = StrictListSerializer
        fields = tuple(descriptions.OPENING_HOURS)
        extra_kwargs = descriptions.help_texts(descriptions.OPENING_HOURS)


class SpecialOpeningSerializer(StrictModelSerializer):
    """One stretch of every day of a range, in place of the same owner's week."""

    class Meta:
        model = SpecialHours
        list_serializer_class = StrictListSerializer
        fields = tuple(descriptions.SPECIAL_HOURS)
        extra_kwargs = descriptions.help_texts(descriptions.SPECIAL_HOURS)


class _OwnedSerializer(StrictSerializer):
    resource_id = IdField(
        Resource, required=False, allow_null=True, help_text=descriptions.RESOURCE_ID
    )


class WeekSerializer(_OwnedSerializer):
    """The whole week of a venue or a resource."""

    limits: ClassVar[Mapping[str, Any]] = {"openings": {"maxItems": MAX_OPENINGS}}

    openings = OpeningSerializer(many=True, help_text=descriptions.OPENINGS)


class AllSpecialHoursSerializer(_OwnedSerializer):
    """All special hours of a venue or a resource."""

    limits: ClassVar[Mapping[str, Any]] = {"special_hours": {"maxItems": MAX_SPECIAL_HOURS}}

    special_hours = SpecialOpeningSerializer(many=True, help_text=descriptions.ALL_SPECIAL_HOURS)


class NewSpecialHoursSerializer(_OwnedSerializer, SpecialOpeningSerializer):
    """Special hours beside those that are there."""

    class Meta(SpecialOpeningSerializer.Meta):
        fields = ("resource_id", *SpecialOpeningSerializer.Meta.fields)


class NewClosureSerializer(_OwnedSerializer, StrictModelSerializer):
    """Days on which a venue, or one resource of it, offers nothing."""

    class Meta:
        model = Closure
        fields = ("resource_id", *descriptions.CLOSURE)
        extra_kwargs = descriptions.help_texts(descriptions.CLOSURE)


class OwnerQuery(StrictSerializer):
    """Whose rules."""

    resource_id = IdField(Resource, required=False, help_text=descriptions.RESOURCE_ID)


# --- Answers -----------------------------------------------------------------------


class _RuleSerializer(serializers.ModelSerializer[Any]):
    resource_id = IdField(Resource, allow_null=True, help_text=descriptions.RESOURCE_ID)


_LAYOUT = {
    "slot_minutes": 90,
    "interval_minutes": None,
    "buffer_before_minutes": 0,
    "buffer_after_minutes": 15,
    "capacity": None,
}


class OpeningHoursSerializer(serializers.ModelSerializer[OpeningHours]):
    example: ClassVar[dict[str, Any]] = _LAYOUT | {
        "id": example_id("hours"),
        "weekday": 0,
        "opens_at": "17:00:00",
        "closes_at": "23:00:00",
        "valid_from": None,
        "valid_until": None,
    }
    id = OwnIdField(OpeningHours)

    class Meta:
        model = OpeningHours
        fields = ("id", *descriptions.OPENING_HOURS)
        extra_kwargs = descriptions.help_texts(descriptions.OPENING_HOURS)


class SpecialHoursSerializer(_RuleSerializer):
    example: ClassVar[dict[str, Any]] = _LAYOUT | {
        "id": example_id("special"),
        "resource_id": None,
        "first_date": "2030-12-31",
        "last_date": "2030-12-31",
        "opens_at": "17:00:00",
        "closes_at": "02:00:00",
        "reason": "New Year's Eve",
    }
    id = OwnIdField(SpecialHours)

    class Meta:
        model = SpecialHours
        fields = ("id", "resource_id", *descriptions.SPECIAL_HOURS)
        extra_kwargs = descriptions.help_texts(descriptions.SPECIAL_HOURS)


class ClosureSerializer(_RuleSerializer):
    example: ClassVar[dict[str, Any]] = {
        "id": example_id("closure"),
        "resource_id": None,
        "first_date": "2030-12-24",
        "last_date": "2030-12-26",
        "reason": "Christmas",
    }
    id = OwnIdField(Closure)

    class Meta:
        model = Closure
        fields = ("id", "resource_id", *descriptions.CLOSURE)
        extra_kwargs = descriptions.help_texts(descriptions.CLOSURE)


class OwnersWeekSerializer(serializers.Serializer[Any]):
    """The week of a venue or a resource, from Monday."""

    example: ClassVar[dict[str, Any]] = {
        "resource_id": None,
        "openings": [OpeningHoursSerializer.example],
    }
    resource_id = IdField(Resource, allow_null=True, help_text=descriptions.RESOURCE_ID)
    openings = OpeningHoursSerializer(many=True)


class OwnersSpecialHoursSerializer(serializers.Serializer[Any]):
    """The special hours of a venue or a resource, by date."""

    example: ClassVar[dict[str, Any]] = {
        "resource_id": None,
        "special_hours": [SpecialHoursSerializer.example],
    }
    resource_id = IdField(Resource, allow_null=True, help_text=descriptions.RESOURCE_ID)
    special_hours = SpecialHoursSerializer(many=True)

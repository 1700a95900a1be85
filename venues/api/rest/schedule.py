"""How opening hours, special hours and closures are written and read by REST."""

from typing import Any

from rest_framework import serializers

from reserve.core.rest.serializers import (
    StrictCharField,
    StrictListSerializer,
    StrictModelSerializer,
    StrictSerializer,
)
from venues.api import descriptions
from venues.models import Closure, OpeningHours, Resource, SpecialHours


class OpeningSerializer(StrictModelSerializer):
    """One stretch of one weekday, by the venue's clock, and how slots lie in it."""

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
    resource_id = StrictCharField(
        required=False, allow_null=True, help_text=descriptions.RESOURCE_ID
    )

    def validate_resource_id(self, text: str | None) -> Any:
        return None if text is None else Resource.parse_id(text, field="resource_id")


class WeekSerializer(_OwnedSerializer):
    """The whole week of a venue or a resource."""

    openings = OpeningSerializer(many=True, help_text=descriptions.OPENINGS)


class AllSpecialHoursSerializer(_OwnedSerializer):
    """All special hours of a venue or a resource."""

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

    resource_id = serializers.CharField(required=False, help_text=descriptions.RESOURCE_ID)

    def validate_resource_id(self, text: str) -> Any:
        return Resource.parse_id(text, field="resource_id")


# --- Answers -----------------------------------------------------------------------


class _RuleSerializer(serializers.ModelSerializer[Any]):
    id = serializers.CharField(source="public_id")
    resource_id = serializers.SerializerMethodField(help_text=descriptions.RESOURCE_ID)

    def get_resource_id(self, row: SpecialHours | Closure) -> str | None:
        return Resource.format_id(row.resource_id) if row.resource_id else None


class OpeningHoursSerializer(serializers.ModelSerializer[OpeningHours]):
    id = serializers.CharField(source="public_id")

    class Meta:
        model = OpeningHours
        fields = ("id", *descriptions.OPENING_HOURS)
        extra_kwargs = descriptions.help_texts(descriptions.OPENING_HOURS)


class SpecialHoursSerializer(_RuleSerializer):
    class Meta:
        model = SpecialHours
        fields = ("id", "resource_id", *descriptions.SPECIAL_HOURS)
        extra_kwargs = descriptions.help_texts(descriptions.SPECIAL_HOURS)


class ClosureSerializer(_RuleSerializer):
    class Meta:
        model = Closure
        fields = ("id", "resource_id", *descriptions.CLOSURE)
        extra_kwargs = descriptions.help_texts(descriptions.CLOSURE)


class OwnersWeekSerializer(serializers.Serializer[Any]):
    """The week of a venue or a resource, from Monday."""

    resource_id = serializers.CharField(allow_null=True, help_text=descriptions.RESOURCE_ID)
    openings = OpeningHoursSerializer(many=True)


class OwnersSpecialHoursSerializer(serializers.Serializer[Any]):
    """The special hours of a venue or a resource, by date."""

    resource_id = serializers.CharField(allow_null=True, help_text=descriptions.RESOURCE_ID)
    special_hours = SpecialHoursSerializer(many=True)

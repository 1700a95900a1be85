"""Venues and what can be booked there."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actors import Actor
from accounts.api.authentication import actor_of
from accounts.models import Organization
from accounts.selectors import is_member, sole_managed_organization_id
from reserve.core.errors import Forbidden, NotFound
from reserve.core.rest.examples import example_id
from reserve.core.rest.fields import SLUG_PATTERN, IdField, OwnIdField
from reserve.core.rest.operations import Login, operation
from reserve.core.rest.pages import OrderingField, PageQuery, page_response, page_schema
from reserve.core.rest.serializers import (
    StrictModelSerializer,
    body_of,
)
from reserve.core.rest.views import View, changed_at
from venues.api import descriptions
from venues.models import Resource, Venue
from venues.search import (
    DEFAULT_RADIUS_KM,
    MAX_RADIUS_KM,
    MAX_SEARCH,
    WRONG_RADIUS,
    Near,
    search_venues,
)
from venues.selectors import visible_venue
from venues.services.resources import ResourceDetails
from venues.services.venues import VenueDetails, create_venue
from venues.validators import (
    MAX_DESCRIPTION,
    MAX_PICTURES,
    MAX_REMINDER,
    MAX_REMINDERS,
    MAX_URL_LENGTH,
    MIN_REMINDER,
)

_DEGREES = 2
_POINT_PATTERN = r"^-?[0-9]+(\.[0-9]+)?, ?-?[0-9]+(\.[0-9]+)?$"


@extend_schema_field({"type": "string", "pattern": _POINT_PATTERN})
class _PointField(serializers.CharField):
    """Latitude and longitude with a comma between them: 55.676,12.568."""

    def to_internal_value(self, data: Any) -> Any:
        parts = super().to_internal_value(data).split(",")
        try:
            degrees = [float(part) for part in parts]
        except ValueError:
            degrees = []
        if len(degrees) != _DEGREES:
            raise serializers.ValidationError("This must be a latitude, a comma and a longitude.")
        return degrees


@extend_schema_field(
    {"type": "number", "format": "double", "exclusiveMinimum": 0, "maximum": MAX_RADIUS_KM}
)
class _RadiusField(serializers.FloatField):
    """Kilometres, in the limits of the search also where it names no point."""

    def to_internal_value(self, data: Any) -> float:
        radius_km = super().to_internal_value(data)
        if not 0 < radius_km <= MAX_RADIUS_KM:
            raise serializers.ValidationError(WRONG_RADIUS)
        return radius_km


class VenuesQuery(PageQuery):
    """Which venues."""

    search = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=MAX_SEARCH,
        help_text="Words of a name or an address, in any order; the last may be a beginning.",
    )
    city = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=MAX_SEARCH,
        help_text="The whole name of a town.",
    )
    near = _PointField(
        required=False,
        help_text="Latitude, comma, longitude, in degrees: only venues around it, nearest first.",
    )
    radius_km = _RadiusField(
        default=DEFAULT_RADIUS_KM,
        help_text=f"With `near`: kilometres, above 0 and at most {MAX_RADIUS_KM}.",
    )
    ordering = OrderingField(name="name", distance_km="distance_km")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        column = "distance_km" if "near" in attrs else "name"
        if "ordering" in attrs and attrs["ordering"].column != column:
            sentence = f"These are in order of their {column}."
            raise serializers.ValidationError({"ordering": [sentence]})
        return attrs


class ResourceSerializer(serializers.ModelSerializer[Resource]):
    example: ClassVar[dict[str, Any]] = {
        "id": example_id("resource"),
        "name": "Dining room",
        "booking_mode": "SHARED",
        "capacity": 40,
        "position": 0,
    }
    id = OwnIdField(Resource)

    class Meta:
        model = Resource
        fields = ("id", *descriptions.RESOURCE)
        extra_kwargs = descriptions.help_texts(descriptions.RESOURCE)


_EXAMPLE: dict[str, Any] = {
    "id": example_id("venue"),
    "name": "Nordlys",
    "slug": "nordlys",
    "description": "Food from the north, by the harbour.",
    "picture_urls": ["https://example.com/nordlys.jpg"],
    "street": "Havnegade 12",
    "postal_code": "1058",
    "city": "Copenhagen",
    "region": "",
    "country": "DK",
    "latitude": 55.676,
    "longitude": 12.591,
    "timezone": "Europe/Copenhagen",
    "contact_email": "hello@example.com",
    "contact_phone": "+45 12 34 56 78",
    "website": "https://example.com",
    "is_public": True,
    "confirmation_mode": "AUTOMATIC",
    "booking_horizon_days": None,
    "minimum_notice_minutes": 60,
    "hold_seconds": None,
    "minimum_party_size": 1,
    "maximum_party_size": 12,
    "cancellation_cutoff_minutes": 120,
    "open_bookings_per_customer": None,
    "accepts_guests": True,
    "accepts_unverified": True,
    "reminder_minutes": [1440, 120],
    "address": "Havnegade 12, 1058 Copenhagen, DK",
}


class _PlaceSerializer(serializers.ModelSerializer[Venue]):
    id = OwnIdField(Venue)
    address = serializers.CharField(help_text="On one line.")


class VenueSerializer(_PlaceSerializer):
    example: ClassVar[dict[str, Any]] = _EXAMPLE | {
        "organization_id": None,
        "resources": [ResourceSerializer.example],
    }
    organization_id = serializers.SerializerMethodField(help_text="For its staff; null for others.")
    resources = ResourceSerializer(many=True)

    class Meta:
        model = Venue
        fields = ("id", "organization_id", *descriptions.VENUE, "address", "resources")
        extra_kwargs = descriptions.help_texts(descriptions.VENUE)

    def get_organization_id(self, venue: Venue) -> str | None:
        actor, organization_id = self.context["actor"], venue.organization_id
        if not is_member(actor=actor, organization_id=organization_id):
            return None
        return Organization.format_id(organization_id)


class FirstResourceSerializer(StrictModelSerializer):
    """What can be booked at a new venue."""

    limits: ClassVar[Mapping[str, Any]] = {"name": {"minLength": 1}}

    class Meta:
        model = Resource
        fields = tuple(descriptions.RESOURCE)
        extra_kwargs = descriptions.help_texts(descriptions.RESOURCE)


class VenueChangesSerializer(StrictModelSerializer):
    """What is said of a venue, and its rules."""

    limits: ClassVar[Mapping[str, Any]] = {
        "slug": {"minLength": 1, "pattern": SLUG_PATTERN},
        "name": {"minLength": 1},
        "description": {"maxLength": MAX_DESCRIPTION},
        "latitude": {"minimum": -90, "maximum": 90},
        "longitude": {"minimum": -180, "maximum": 180},
        "picture_urls": {
            "maxItems": MAX_PICTURES,
            "items": {"type": "string", "maxLength": MAX_URL_LENGTH, "pattern": "^https://"},
        },
        "reminder_minutes": {
            "maxItems": MAX_REMINDERS,
            "uniqueItems": True,
            "items": {"type": "integer", "minimum": MIN_REMINDER, "maximum": MAX_REMINDER},
        },
    }

    class Meta:
        model = Venue
        fields = tuple(descriptions.VENUE)
        extra_kwargs = descriptions.help_texts(descriptions.VENUE)


class NewVenueSerializer(VenueChangesSerializer):
    organization_id = IdField(Organization, required=False, help_text=descriptions.ORGANIZATION_ID)
    resource = FirstResourceSerializer(required=False, help_text=descriptions.FIRST_RESOURCE)

    class Meta(VenueChangesSerializer.Meta):
        fields = ("organization_id", *VenueChangesSerializer.Meta.fields, "resource")


class FoundVenueSerializer(_PlaceSerializer):
    example: ClassVar[dict[str, Any]] = _EXAMPLE | {"distance_km": 1.204}
    distance_km = serializers.SerializerMethodField(
        help_text="Kilometres, to the metre, from the point of `near`; null where none was named."
    )

    class Meta:
        model = Venue
        fields = ("id", *descriptions.VENUE, "address", "distance_km")
        extra_kwargs = descriptions.help_texts(descriptions.VENUE)

    def get_distance_km(self, venue: Venue) -> float | None:
        distance_km = getattr(venue, "distance_km", None)
        return None if distance_km is None else round(distance_km, 3)


class VenuesView(View):
    @operation("list_venues", query=VenuesQuery, answers=page_schema("Venue", FoundVenueSerializer))
    def get(self, request: Request) -> Response:
        """The venues that the caller may see, by name or by distance."""
        asked = dict(self.asked)
        point, radius_km = asked.pop("near", None), asked.pop("radius_km")
        ordering = asked.pop("ordering", None)
        page = search_venues(
            actor=actor_of(request),
            near=Near(point[0], point[1], radius_km) if point else None,
            is_descending=ordering is not None and ordering.is_descending,
            **asked,
        )
        return page_response(request, page, FoundVenueSerializer().to_representation)

    @operation(
        "create_venue",
        body=NewVenueSerializer,
        example={"name": "Nordlys", "slug": "nordlys", "timezone": "Europe/Copenhagen"},
        answers=VenueSerializer,
        status=201,
        login=Login.REQUIRED,
        refusals=(Forbidden, NotFound),
    )
    def post(self, request: Request) -> Response:
        """Add a venue with what can be booked there at first (owners and managers)."""
        fields, actor = body_of(request, NewVenueSerializer), actor_of(request)
        organization, resource = fields.pop("organization_id", None), fields.pop("resource", None)
        venue = create_venue(
            actor=actor,
            organization_id=organization
            if organization is not None
            else sole_managed_organization_id(actor=actor),
            details=VenueDetails(**fields),
            resource=ResourceDetails(**resource) if resource else None,
        )
        location = reverse("venue", kwargs={"venue": venue.public_id})
        return Response(venue_as_json(venue, actor), status=201, headers={"Location": location})


class VenueView(View):
    @operation("get_venue", answers=VenueSerializer, last_modified=True)
    def get(self, request: Request, venue: str) -> Response:
        """A venue and what can be booked there."""
        actor = actor_of(request)
        found = visible_venue(actor=actor, venue_id=Venue.parse_id(venue))
        content = venue_as_json(found, actor)
        # What its staff are told ends with their membership too, which is not among its moments.
        is_for_staff = content["organization_id"] is not None
        headers = changed_at(None if is_for_staff else found.updated_at)
        return Response(content, headers=headers)


def venue_as_json(venue: Venue, actor: Actor) -> dict[str, Any]:
    """A venue as the actor sees it."""
    return dict(VenueSerializer(venue, context={"actor": actor}).data)

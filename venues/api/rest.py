from typing import Any

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import actor_of
from reserve.core.rest.conditional import ConditionalView
from reserve.core.rest.pages import PageQuery, page_response
from reserve.core.rest.serializers import query_of
from venues.models import Resource, Venue
from venues.search import DEFAULT_RADIUS_KM, MAX_RADIUS_KM, MAX_SEARCH, Near, search_venues
from venues.selectors import visible_venue

_DEGREES = 2


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
    radius_km = serializers.FloatField(
        default=DEFAULT_RADIUS_KM, help_text=f"With `near`: kilometres, at most {MAX_RADIUS_KM}."
    )


class ResourceSerializer(serializers.ModelSerializer[Resource]):
    id = serializers.CharField(source="public_id")

    class Meta:
        model = Resource
        fields = ("id", "name", "booking_mode")


_FIELDS = (
    *("id", "name", "slug", "description", "address", "latitude", "longitude"),
    *("timezone", "confirmation_mode"),
)


class VenueSerializer(serializers.ModelSerializer[Venue]):
    id = serializers.CharField(source="public_id")
    address = serializers.CharField()
    resources = ResourceSerializer(many=True)

    class Meta:
        model = Venue
        fields = (*_FIELDS, "resources")


class FoundVenueSerializer(serializers.ModelSerializer[Venue]):
    id = serializers.CharField(source="public_id")
    address = serializers.CharField()
    distance_km = serializers.SerializerMethodField(
        help_text="Kilometres, to the metre, from the point of `near`; null where none was named."
    )

    class Meta:
        model = Venue
        fields = (*_FIELDS, "distance_km")

    def get_distance_km(self, venue: Venue) -> float | None:
        distance_km = getattr(venue, "distance_km", None)
        return None if distance_km is None else round(distance_km, 3)


_PAGE = inline_serializer(
    "VenuePage",
    {
        "count": serializers.IntegerField(help_text="How many there are altogether."),
        "next": serializers.URLField(allow_null=True),
        "previous": serializers.URLField(allow_null=True),
        "results": FoundVenueSerializer(many=True),
    },
)


class VenuesView(ConditionalView):
    @extend_schema(operation_id="venues_list", parameters=[VenuesQuery], responses=_PAGE)
    def get(self, request: Request) -> Response:
        """The venues that the caller may see, by name or by distance."""
        asked = query_of(request, VenuesQuery)
        point, radius_km = asked.pop("near", None), asked.pop("radius_km")
        page = search_venues(
            actor=actor_of(request),
            near=Near(point[0], point[1], radius_km) if point else None,
            **asked,
        )
        return page_response(request, page, FoundVenueSerializer().to_representation)


class VenueView(ConditionalView):
    @extend_schema(responses=VenueSerializer)
    def get(self, request: Request, venue: str) -> Response:
        """A venue and what can be booked there."""
        venue_id = Venue.parse_id(venue)
        return Response(
            VenueSerializer(visible_venue(actor=actor_of(request), venue_id=venue_id)).data
        )

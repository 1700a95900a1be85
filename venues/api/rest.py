from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import actor_of
from venues.models import Resource, Venue
from venues.selectors import visible_venue


class ResourceSerializer(serializers.ModelSerializer[Resource]):
    id = serializers.CharField(source="public_id")

    class Meta:
        model = Resource
        fields = ("id", "name", "booking_mode")


class VenueSerializer(serializers.ModelSerializer[Venue]):
    id = serializers.CharField(source="public_id")
    address = serializers.CharField()
    resources = ResourceSerializer(many=True)

    class Meta:
        model = Venue
        fields = (
            "id",
            "name",
            "slug",
            "description",
            "address",
            "timezone",
            "confirmation_mode",
            "resources",
        )


class VenueView(APIView):
    @extend_schema(responses=VenueSerializer)
    def get(self, request: Request, venue: str) -> Response:
        """A venue and what can be booked there."""
        venue_id = Venue.parse_id(venue)
        return Response(
            VenueSerializer(visible_venue(actor=actor_of(request), venue_id=venue_id)).data
        )

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import actor_of
from accounts.export import export_account
from accounts.models import User
from accounts.password_threads import wait_for_password_thread
from accounts.selectors import current_user
from accounts.services.deletion import delete_account
from accounts.services.users import update_profile
from reserve.core.rest.serializers import StrictCharField, StrictSerializer


class UserSerializer(serializers.ModelSerializer[User]):
    id = serializers.CharField(source="public_id")

    class Meta:
        model = User
        fields = ("id", "email", "email_verified_at", "name", "phone", "locale", "timezone")


class ProfileSerializer(StrictSerializer):
    """What is left out stays as it is."""

    name = StrictCharField(required=False)
    phone = StrictCharField(required=False, allow_blank=True)
    locale = StrictCharField(required=False, help_text="BCP 47 language tag.")
    timezone = StrictCharField(required=False, help_text="IANA name, Europe/Copenhagen.")


class PasswordSerializer(StrictSerializer):
    password = StrictCharField(trim_whitespace=False)


class MeView(APIView):
    @extend_schema(responses=UserSerializer)
    def get(self, request: Request) -> Response:
        """Whose token this is."""
        return Response(UserSerializer(current_user(actor=actor_of(request))).data)

    @extend_schema(request=ProfileSerializer, responses=UserSerializer)
    def patch(self, request: Request) -> Response:
        """Change what the account says of the caller."""
        body = ProfileSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        user = update_profile(actor=actor_of(request), **body.validated_data)
        return Response(UserSerializer(user).data)

    @extend_schema(request=PasswordSerializer, responses={204: None})
    def delete(self, request: Request) -> Response:
        """Erase the caller. Bookings stay, without a name."""
        body = PasswordSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wait_for_password_thread(delete_account, actor=actor_of(request), **body.validated_data)
        return Response(status=204)


class ExportView(APIView):
    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Everything that is held of the caller."""
        headers = {"Cache-Control": "no-store"}
        return Response(export_account(actor=actor_of(request)), headers=headers)

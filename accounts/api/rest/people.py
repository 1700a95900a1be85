from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import actor_of
from accounts.export import export_account
from accounts.hashing import PASSWORD_LIMITS
from accounts.models import User
from accounts.password_threads import wait_for_password_thread
from accounts.person import PERSON_LIMITS
from accounts.selectors import current_user
from accounts.services.deletion import delete_account
from accounts.services.users import update_profile
from reserve.core.errors import Conflict
from reserve.core.rest.examples import example_id
from reserve.core.rest.fields import OwnIdField
from reserve.core.rest.operations import Login, operation
from reserve.core.rest.serializers import StrictCharField, StrictSerializer, body_of
from reserve.core.rest.views import View, changed_at


class UserSerializer(serializers.ModelSerializer[User]):
    id = OwnIdField(User)
    example: ClassVar[dict[str, Any]] = {
        "id": example_id("user"),
        "email": "ada@example.com",
        "email_verified_at": "2030-04-01T09:30:00Z",
        "name": "Ada Lovelace",
        "phone": "+45 12 34 56 78",
        "locale": "en",
        "timezone": "Europe/Copenhagen",
    }

    class Meta:
        model = User
        fields = ("id", "email", "email_verified_at", "name", "phone", "locale", "timezone")


class ProfileSerializer(StrictSerializer):
    """What is left out stays as it is."""

    limits = PERSON_LIMITS

    name = StrictCharField(required=False)
    phone = StrictCharField(required=False, allow_blank=True)
    locale = StrictCharField(required=False, help_text="BCP 47 language tag.")
    timezone = StrictCharField(required=False, help_text="IANA name, Europe/Copenhagen.")


class PasswordSerializer(StrictSerializer):
    limits: ClassVar[Mapping[str, Any]] = {"password": PASSWORD_LIMITS}

    password = StrictCharField(trim_whitespace=False)


class MeView(View):
    @operation("get_me", answers=UserSerializer, login=Login.REQUIRED, last_modified=True)
    def get(self, request: Request) -> Response:
        """Whose token this is."""
        user = current_user(actor=actor_of(request))
        return Response(UserSerializer(user).data, headers=changed_at(user.updated_at))

    @operation(
        "update_me",
        body=ProfileSerializer,
        example={"locale": "da", "timezone": "Europe/Copenhagen"},
        answers=UserSerializer,
        login=Login.REQUIRED,
    )
    def patch(self, request: Request) -> Response:
        """Change what the account says of the caller."""
        body = body_of(request, ProfileSerializer)
        user = update_profile(actor=actor_of(request), **body)
        return Response(UserSerializer(user).data)

    @operation(
        "delete_me",
        body=PasswordSerializer,
        example={"password": "securepass"},
        status=204,
        login=Login.REQUIRED,
        refusals=(Conflict,),
    )
    def delete(self, request: Request) -> Response:
        """Erase the caller. Bookings stay, without a name."""
        body = body_of(request, PasswordSerializer)
        wait_for_password_thread(delete_account, actor=actor_of(request), **body)
        return Response(status=204)


class ExportView(View):
    @operation("export_me", answers={"type": "object"}, login=Login.REQUIRED, is_kept=False)
    def get(self, request: Request) -> Response:
        """Everything that is held of the caller."""
        headers = {"Cache-Control": "no-store"}
        return Response(export_account(actor=actor_of(request)), headers=headers)

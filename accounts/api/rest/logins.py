from typing import Any, ClassVar

from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.rest.people import UserSerializer
from accounts.errors import TokenReused
from accounts.hashing import MAX_PASSWORD, PASSWORD_LIMITS
from accounts.links import MAX_TOKEN
from accounts.password_threads import wait_for_password_thread
from accounts.person import MAX_EMAIL, PERSON_LIMITS
from accounts.services.logins import log_in, log_out, refresh_tokens
from accounts.services.users import register
from reserve.core.rest.operations import Login, operation
from reserve.core.rest.serializers import StrictCharField, StrictSerializer, body_of
from reserve.core.rest.views import View

_EXAMPLE_LOGIN = {"email": "user@example.com", "password": "securepass"}
_EXAMPLE_REFRESH = {"refresh_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl"}


class LoginSerializer(StrictSerializer):
    email = StrictCharField(max_length=MAX_EMAIL)
    password = StrictCharField(max_length=MAX_PASSWORD, trim_whitespace=False)


class RegisterSerializer(StrictSerializer):
    limits = PERSON_LIMITS | {"password": PASSWORD_LIMITS}

    email = StrictCharField()
    password = StrictCharField(trim_whitespace=False)
    name = StrictCharField()
    phone = StrictCharField(required=False, allow_blank=True)
    locale = StrictCharField(required=False, help_text="BCP 47 language tag.")
    timezone = StrictCharField(required=False, help_text="IANA name, Europe/Copenhagen.")


class RefreshTokenSerializer(StrictSerializer):
    refresh_token = StrictCharField(max_length=MAX_TOKEN)


class TokensSerializer(serializers.Serializer[object]):
    example: ClassVar[dict[str, Any]] = {
        "access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.YWNjZXNz",
        **_EXAMPLE_REFRESH,
        "user": UserSerializer.example,
    }
    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    user = UserSerializer()


class RegisterView(View):
    @operation(
        "register",
        body=RegisterSerializer,
        example=_EXAMPLE_LOGIN | {"name": "Ada Lovelace"},
        answers=TokensSerializer,
        status=201,
        login=Login.NONE,
    )
    def post(self, request: Request) -> Response:
        """Open an account, and log in. The address is sent a link that verifies it."""
        body = body_of(request, RegisterSerializer)
        registered = wait_for_password_thread(register, **body)
        headers = {"Location": reverse("me")}
        return Response(TokensSerializer(registered).data, status=201, headers=headers)


class LoginView(View):
    @operation(
        "log_in",
        body=LoginSerializer,
        example=_EXAMPLE_LOGIN,
        answers=TokensSerializer,
        login=Login.NONE,
    )
    def post(self, request: Request) -> Response:
        """Exchange an e-mail address and a password for tokens."""
        credentials = body_of(request, LoginSerializer)
        logged_in = wait_for_password_thread(log_in, **credentials)
        return Response(TokensSerializer(logged_in).data)


class RefreshView(View):
    @operation(
        "refresh_token",
        body=RefreshTokenSerializer,
        example=_EXAMPLE_REFRESH,
        answers=TokensSerializer,
        login=Login.NONE,
        refusals=(TokenReused,),
    )
    def post(self, request: Request) -> Response:
        """Exchange a refresh token for the next pair. It can be used once."""
        body = body_of(request, RefreshTokenSerializer)
        return Response(TokensSerializer(refresh_tokens(**body)).data)


class LogoutView(View):
    @operation(
        "log_out",
        body=RefreshTokenSerializer,
        example=_EXAMPLE_REFRESH,
        status=204,
        login=Login.NONE,
    )
    def post(self, request: Request) -> Response:
        """End a login: its refresh tokens are refused from now on."""
        body = body_of(request, RefreshTokenSerializer)
        log_out(**body)
        return Response(status=204)

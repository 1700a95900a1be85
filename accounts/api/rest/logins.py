from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.rest.people import UserSerializer
from accounts.password_threads import wait_for_password_thread
from accounts.services.logins import log_in, log_out, refresh_tokens
from accounts.services.users import register
from reserve.core.rest.serializers import StrictCharField, StrictSerializer


class LoginSerializer(StrictSerializer):
    email = StrictCharField(max_length=254)
    password = StrictCharField(max_length=1024, trim_whitespace=False)


class RegisterSerializer(StrictSerializer):
    email = StrictCharField()
    password = StrictCharField(trim_whitespace=False)
    name = StrictCharField()
    phone = StrictCharField(required=False, allow_blank=True)
    locale = StrictCharField(required=False, help_text="BCP 47 language tag.")
    timezone = StrictCharField(required=False, help_text="IANA name, Europe/Copenhagen.")


class RefreshTokenSerializer(StrictSerializer):
    refresh_token = StrictCharField(max_length=4096)


class TokensSerializer(serializers.Serializer[object]):
    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    user = UserSerializer()


class RegisterView(APIView):
    @extend_schema(request=RegisterSerializer, responses={201: TokensSerializer})
    def post(self, request: Request) -> Response:
        """Open an account, and log in. The address is sent a link that verifies it."""
        body = RegisterSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        registered = wait_for_password_thread(register, **body.validated_data)
        headers = {"Location": reverse("me")}
        return Response(TokensSerializer(registered).data, status=201, headers=headers)


class LoginView(APIView):
    @extend_schema(request=LoginSerializer, responses=TokensSerializer)
    def post(self, request: Request) -> Response:
        """Exchange an e-mail address and a password for tokens."""
        credentials = LoginSerializer(data=request.data)
        credentials.is_valid(raise_exception=True)
        logged_in = wait_for_password_thread(log_in, **credentials.validated_data)
        return Response(TokensSerializer(logged_in).data)


class RefreshView(APIView):
    @extend_schema(request=RefreshTokenSerializer, responses=TokensSerializer)
    def post(self, request: Request) -> Response:
        """Exchange a refresh token for the next pair. It can be used once."""
        body = RefreshTokenSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(TokensSerializer(refresh_tokens(**body.validated_data)).data)


class LogoutView(APIView):
    @extend_schema(request=RefreshTokenSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """End a login: its refresh tokens are refused from now on."""
        body = RefreshTokenSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        log_out(**body.validated_data)
        return Response(status=204)

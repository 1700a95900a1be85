from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import actor_of
from accounts.models import User
from accounts.selectors import current_user
from accounts.services.logins import log_in, log_out, refresh_tokens
from reserve.core.rest.serializers import StrictCharField, StrictSerializer


class LoginSerializer(StrictSerializer):
    email = StrictCharField(max_length=254)
    password = StrictCharField(max_length=1024, trim_whitespace=False)


class RefreshTokenSerializer(StrictSerializer):
    refresh_token = StrictCharField(max_length=4096)


class UserSerializer(serializers.ModelSerializer[User]):
    id = serializers.CharField(source="public_id")

    class Meta:
        model = User
        fields = ("id", "email", "name", "phone", "locale")


class TokensSerializer(serializers.Serializer[object]):
    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    user = UserSerializer()


class LoginView(APIView):
    @extend_schema(request=LoginSerializer, responses=TokensSerializer)
    def post(self, request: Request) -> Response:
        """Exchange an e-mail address and a password for tokens."""
        credentials = LoginSerializer(data=request.data)
        credentials.is_valid(raise_exception=True)
        return Response(TokensSerializer(log_in(**credentials.validated_data)).data)


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


class MeView(APIView):
    @extend_schema(responses=UserSerializer)
    def get(self, request: Request) -> Response:
        """Whose token this is."""
        return Response(UserSerializer(current_user(actor=actor_of(request))).data)

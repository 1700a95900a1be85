from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import actor_of
from accounts.models import User
from accounts.selectors import current_user
from accounts.services.logins import log_in
from reserve.core.rest.serializers import StrictCharField, StrictSerializer


class LoginSerializer(StrictSerializer):
    email = StrictCharField(max_length=254)
    password = StrictCharField(max_length=1024, trim_whitespace=False)


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


class MeView(APIView):
    @extend_schema(responses=UserSerializer)
    def get(self, request: Request) -> Response:
        """Whose token this is."""
        return Response(UserSerializer(current_user(actor=actor_of(request))).data)

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import actor_of
from accounts.models import Login
from accounts.selectors import logins_of
from accounts.services.logins import log_out_everywhere, revoke_login


class MyLoginSerializer(serializers.ModelSerializer[Login]):
    id = serializers.CharField(source="public_id")
    last_used_at = serializers.DateTimeField(
        source="refreshed_at", help_text="When its tokens were last issued or refreshed."
    )
    is_current = serializers.SerializerMethodField(
        help_text="Whether this request's token belongs to it."
    )

    class Meta:
        model = Login
        fields = (
            "id",
            "device",
            "network",
            "created_at",
            "last_used_at",
            "expires_at",
            "is_current",
        )

    def get_is_current(self, login: Login) -> bool:
        return bool(login.pk == self.context["current"])


class MyLoginsSerializer(serializers.Serializer[object]):
    """One page, which holds them all: there are never more than 100."""

    count = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = MyLoginSerializer(many=True)


class MyLoginsView(APIView):
    @extend_schema(responses=MyLoginsSerializer)
    def get(self, request: Request) -> Response:
        """Where the caller is logged in, the last used first."""
        actor = actor_of(request)
        logins = logins_of(actor=actor)
        page = {"count": len(logins), "next": None, "previous": None, "results": logins}
        return Response(MyLoginsSerializer(page, context={"current": actor.login_id}).data)


class MyLoginView(APIView):
    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, login: str) -> Response:
        """End one of the caller's logins: its tokens are refused from now on."""
        revoke_login(actor=actor_of(request), login_id=Login.parse_id(login))
        return Response(status=204)


class LogoutEverywhereView(APIView):
    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """End all of the caller's logins, this one included."""
        log_out_everywhere(actor=actor_of(request))
        return Response(status=204)

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import models
from accounts.api.authentication import actor_of
from accounts.selectors import logins_changed_at, logins_of
from accounts.services.logins import log_out_everywhere, revoke_login
from reserve.core.rest.examples import example_id
from reserve.core.rest.fields import OwnIdField
from reserve.core.rest.operations import Login, operation
from reserve.core.rest.pages import page_schema
from reserve.core.rest.views import View, changed_at


class MyLoginSerializer(serializers.ModelSerializer[models.Login]):
    example: ClassVar[dict[str, Any]] = {
        "id": example_id("login"),
        "device": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "network": "203.0.113.0/24",
        "created_at": "2030-04-01T09:30:00Z",
        "last_used_at": "2030-04-03T17:05:00Z",
        "expires_at": "2030-04-08T09:30:00Z",
        "is_current": True,
    }
    id = OwnIdField(models.Login)
    last_used_at = serializers.DateTimeField(
        source="refreshed_at", help_text="When its tokens were last issued or refreshed."
    )
    is_current = serializers.SerializerMethodField(
        help_text="Whether this request's token belongs to it."
    )

    class Meta:
        model = models.Login
        fields = (
            "id",
            "device",
            "network",
            "created_at",
            "last_used_at",
            "expires_at",
            "is_current",
        )

    def get_is_current(self, login: models.Login) -> bool:
        return bool(login.pk == self.context["current"])


class MyLoginsView(View):
    @operation(
        "list_my_logins",
        answers=page_schema("MyLogin", MyLoginSerializer),
        login=Login.REQUIRED,
        last_modified=True,
    )
    def get(self, request: Request) -> Response:
        """Where the caller is logged in, the last used first; one page holds them all."""
        actor = actor_of(request)
        # Before the rows: a change between the two then has its moment still to come.
        changed = changed_at(logins_changed_at(actor=actor))
        logins = logins_of(actor=actor)
        rows = MyLoginSerializer(logins, many=True, context={"current": actor.login_id}).data
        page = {"count": len(logins), "next": None, "previous": None, "results": rows}
        return Response(page, headers=changed)


class MyLoginView(View):
    @operation("revoke_login", status=204, login=Login.REQUIRED)
    def delete(self, request: Request, login: str) -> Response:
        """End one of the caller's logins: its tokens are refused from now on."""
        revoke_login(actor=actor_of(request), login_id=models.Login.parse_id(login))
        return Response(status=204)


class LogoutEverywhereView(View):
    @operation("log_out_everywhere", status=204, login=Login.REQUIRED)
    def post(self, request: Request) -> Response:
        """End all of the caller's logins, this one included."""
        log_out_everywhere(actor=actor_of(request))
        return Response(status=204)

from typing import cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.actors import ANONYMOUS, Actor
from accounts.tokens import actor_of_header


class AccessTokenAuthentication(BaseAuthentication):
    """`request.user` is the actor; a token that is refused refuses the whole request."""

    def authenticate(self, request: Request) -> tuple[Actor, None]:
        header = request.headers.get("Authorization", "")
        return (actor_of_header(header) if header else ANONYMOUS), None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def actor_of(request: Request) -> Actor:
    """Who asks; AccessTokenAuthentication is the only one and always answers."""
    return cast(Actor, request.user)


class _Scheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = AccessTokenAuthentication
    name = "accessToken"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}

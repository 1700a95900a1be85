"""Access and refresh tokens (JWT, RFC 7519), by djangorestframework-simplejwt."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts.actors import Actor, account
from accounts.errors import TokenRefused
from accounts.models import Login, User
from reserve.core.errors import Invalid

_SCHEME = "bearer"
# The login (family) that a token belongs to.
_LOGIN_CLAIM = "sid"


@dataclass(frozen=True, slots=True)
class IssuedTokens:
    access: str
    refresh: str
    refresh_jti: str
    refresh_expires_at: datetime


def issue_tokens(*, user_id: UUID, login_id: UUID) -> IssuedTokens:
    refresh = RefreshToken()
    refresh[api_settings.USER_ID_CLAIM] = User.format_id(user_id)
    refresh[_LOGIN_CLAIM] = Login.format_id(login_id)
    return IssuedTokens(
        access=str(refresh.access_token),
        refresh=str(refresh),
        refresh_jti=refresh["jti"],
        refresh_expires_at=refresh.current_time + refresh.lifetime,
    )


@dataclass(frozen=True, slots=True)
class RefreshClaims:
    user_id: UUID
    login_id: UUID
    jti: str


def read_refresh_token(token: str) -> RefreshClaims:
    """What a refresh token says.

    Raises:
        TokenRefused: not a refresh token of ours, or expired.
    """
    try:
        claims = RefreshToken(token)  # type: ignore[arg-type]
        return RefreshClaims(
            user_id=User.parse_id(claims[api_settings.USER_ID_CLAIM]),
            login_id=Login.parse_id(claims[_LOGIN_CLAIM]),
            jti=claims[api_settings.JTI_CLAIM],
        )
    except (TokenError, KeyError, Invalid):
        raise TokenRefused from None


def actor_of_header(authorization: str) -> Actor:
    """The account named by an `Authorization: Bearer …` header.

    Raises:
        TokenRefused: not a bearer token of ours, expired, or of the wrong type.
    """
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != _SCHEME or not token:
        raise TokenRefused
    try:
        claims = AccessToken(token.strip())  # type: ignore[arg-type]
        return account(
            User.parse_id(claims[api_settings.USER_ID_CLAIM]),
            Login.parse_id(claims[_LOGIN_CLAIM]),
        )
    except (TokenError, KeyError, Invalid):
        raise TokenRefused from None

"""Access and refresh tokens (JWT, RFC 7519), by djangorestframework-simplejwt.

What a token says follows from its login alone: the same login, token id and
moment give the same token, so that one need not be kept to be given again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import (
    TokenBackendError,
    TokenBackendExpiredToken,
    TokenError,
)
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from accounts.errors import TokenRefused
from accounts.models import Login, User
from reserve.core.errors import Invalid

_SCHEME = "bearer"
# The login (family) that a token belongs to.
_LOGIN_CLAIM = "sid"
# Both tokens of a pair come from one id; no two tokens have the same.
_ACCESS_SUFFIX = "a"

AnyToken = TypeVar("AnyToken", bound=Token)


class _Backend(TokenBackend):
    """Signs with the present secret, and accepts what was signed with an earlier one."""

    def __init__(self, secret: str, earlier: Sequence[str] = ()) -> None:
        super().__init__(
            api_settings.ALGORITHM,
            secret,
            audience=api_settings.AUDIENCE,
            issuer=api_settings.ISSUER,
            leeway=api_settings.LEEWAY,
        )
        self._earlier = [_Backend(one) for one in earlier]

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        try:
            return super().decode(token, verify)
        except TokenBackendExpiredToken:
            raise
        except TokenBackendError:
            for backend in self._earlier:
                try:
                    return backend.decode(token, verify)
                except TokenBackendExpiredToken:
                    raise
                except TokenBackendError:
                    continue
            raise


_backend = _Backend(settings.JWT_SECRET, settings.JWT_PREVIOUS_SECRETS)


class _Access(AccessToken):
    def get_token_backend(self) -> TokenBackend:
        return _backend


class _Refresh(RefreshToken):
    def get_token_backend(self) -> TokenBackend:
        return _backend


@dataclass(frozen=True, slots=True)
class IssuedTokens:
    access: str
    refresh: str
    refresh_jti: str
    refresh_expires_at: datetime


def issue_tokens(
    *, user_id: UUID, login_id: UUID, refresh_jti: str, issued_at: datetime
) -> IssuedTokens:
    """The pair of tokens of a login that this id and moment stand for."""

    def token(kind: Callable[[], AnyToken], jti: str) -> AnyToken:
        made = kind()
        made.set_exp(from_time=issued_at)
        made.set_iat(at_time=issued_at)
        made[api_settings.JTI_CLAIM] = jti
        made[api_settings.USER_ID_CLAIM] = User.format_id(user_id)
        made[_LOGIN_CLAIM] = Login.format_id(login_id)
        return made

    return IssuedTokens(
        access=str(token(_Access, refresh_jti + _ACCESS_SUFFIX)),
        refresh=str(token(_Refresh, refresh_jti)),
        refresh_jti=refresh_jti,
        refresh_expires_at=issued_at + api_settings.REFRESH_TOKEN_LIFETIME,
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
        claims = _Refresh(token)  # type: ignore[arg-type]
        return RefreshClaims(
            user_id=User.parse_id(claims[api_settings.USER_ID_CLAIM]),
            login_id=Login.parse_id(claims[_LOGIN_CLAIM]),
            jti=claims[api_settings.JTI_CLAIM],
        )
    except (TokenError, KeyError, Invalid):
        raise TokenRefused from None


@dataclass(frozen=True, slots=True)
class AccessClaims:
    user_id: UUID
    login_id: UUID
    expires_at: datetime


def read_authorization(authorization: str) -> AccessClaims:
    """What the token of an `Authorization: Bearer …` header says.

    Whether its login has been ended meanwhile is not in it (`accounts.revocations`).

    Raises:
        TokenRefused: not a bearer token of ours, expired, or of the wrong type.
    """
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != _SCHEME or not token:
        raise TokenRefused
    try:
        claims = _Access(token.strip())  # type: ignore[arg-type]
        # A lifetime that was made shorter counts for tokens from before, too: marks of
        # ended logins are kept no longer than that.
        lives = api_settings.ACCESS_TOKEN_LIFETIME.total_seconds()
        expires_at = datetime.fromtimestamp(min(claims["exp"], claims["iat"] + lives), UTC)
        if expires_at + api_settings.LEEWAY <= claims.current_time:
            raise TokenRefused
        return AccessClaims(
            user_id=User.parse_id(claims[api_settings.USER_ID_CLAIM]),
            login_id=Login.parse_id(claims[_LOGIN_CLAIM]),
            expires_at=expires_at,
        )
    except (TokenError, KeyError, TypeError, Invalid):
        raise TokenRefused from None

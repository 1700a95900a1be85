"""Access tokens: what they say, and whether their logins are still open."""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import cast
from uuid import UUID

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework_simplejwt.settings import api_settings

from accounts.actors import ANONYMOUS, Actor, account
from accounts.errors import TokenRefused
from accounts.revocations import is_open_by_marks, markers, open_logins
from accounts.tokens import read_authorization
from reserve.core.clock import now
from reserve.core.database import in_database
from reserve.core.ratelimit import check
from reserve.core.ratelimit.meter import bucket_of
from reserve.core.sessions import Session, admitted_session

_NOBODY = Session(ANONYMOUS)
_MAX_REMEMBERED = 10_000
_LEEWAY: timedelta = api_settings.LEEWAY


class AccessTokens:
    """The `Authentication` of both APIs and the sockets."""

    def __init__(self) -> None:
        # Logins with a mark, which stay ended. Whoever has one of their tokens is to be
        # charged as nobody, and not to empty the bucket of the person it was taken from.
        self._ended: OrderedDict[UUID, None] = OrderedDict()
        # Sessions by the header that named them: a signature that was verified is not
        # verified again with every request. Whether the session has run out, or has been
        # ended, is still asked each time.
        self._verified: OrderedDict[str, Session] = OrderedDict()

    def identify(self, authorization: str) -> Session:
        if not authorization:
            return _NOBODY
        session = self._verified.get(authorization)
        if session is None or _has_run_out(session):
            session = self._verify(authorization)
        if session.actor.login_id in self._ended:
            raise TokenRefused
        return session

    def _verify(self, authorization: str) -> Session:
        claims = read_authorization(authorization)
        actor = account(claims.user_id, claims.login_id)
        session = Session(actor, claims.expires_at, markers(claims.login_id))
        self._verified[authorization] = session
        if len(self._verified) > _MAX_REMEMBERED:
            self._verified.popitem(last=False)
        return session

    async def admit(self, session: Session, marked: frozenset[str] | None) -> None:
        if not self._is_decided(session, marked):
            _require_open(session, await in_database(open_logins, [session.actor.login_id]))

    def admit_at_once(self, session: Session) -> None:
        """As `admit`, for threads, and asks for the markers itself."""
        if not session.markers:
            return
        bucket = bucket_of(session.actor)
        marked = check(bucket=bucket, cost=0, markers=session.markers).marked
        if not self._is_decided(session, marked):
            _require_open(session, open_logins([session.actor.login_id]))

    async def ended(self, sessions: Collection[Session]) -> Sequence[Session]:
        known = [session for session in sessions if session.markers]
        if not known:
            return []
        still_open = await in_database(open_logins, [one.actor.login_id for one in known])
        return [one for one in known if still_open.get(one.actor.login_id) != one.actor.user_id]

    def _is_decided(self, session: Session, marked: frozenset[str] | None) -> bool:
        """Whether the session is let in by what Redis says; raises TokenRefused."""
        if not session.markers:
            return True
        login_id = session.actor.login_id
        is_open = is_open_by_marks(login_id, marked)
        if is_open is False:
            self._ended[login_id] = None
            while len(self._ended) > _MAX_REMEMBERED:
                self._ended.popitem(last=False)
            raise TokenRefused
        return is_open is not None


ACCESS_TOKENS = AccessTokens()


def _has_run_out(session: Session) -> bool:
    return session.expires_at is not None and session.expires_at + _LEEWAY <= now()


def _require_open(session: Session, found: dict[UUID, UUID]) -> None:
    if found.get(session.actor.login_id) != session.actor.user_id:
        raise TokenRefused


class AccessTokenAuthentication(BaseAuthentication):
    """`request.user` is the actor; a token that is refused refuses the whole request."""

    def authenticate(self, request: Request) -> tuple[Actor, None]:
        session = admitted_session()
        if session is None:
            session = ACCESS_TOKENS.identify(request.headers.get("Authorization", ""))
            ACCESS_TOKENS.admit_at_once(session)
        return session.actor, None

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

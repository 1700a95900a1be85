"""How long a browser's session lasts: since the login, and since it was last seen.

Django's own limit is the cookie's, and moves with every change of the session.
"""

from collections.abc import Callable, MutableMapping
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponseBase

from accounts.models import User
from reserve.core.clock import now
from reserve.core.logging import get_logger

log = get_logger(__name__)

_BEGAN = "began_at"
_SEEN = "seen_at"
# Seconds. A session is written at most this often for having been seen.
_PRECISION = 60


def begin(session: MutableMapping[str, Any]) -> None:
    """Start both clocks: somebody has just logged in."""
    session[_BEGAN] = session[_SEEN] = int(now().timestamp())


def is_over(session: MutableMapping[str, Any]) -> bool:
    """Whether either limit has passed. A session without clocks has not begun."""
    if _BEGAN not in session:
        return False
    moment = now().timestamp()
    return bool(
        moment - session[_BEGAN] >= settings.SESSION_AGE_LIMIT.total_seconds()
        or moment - session[_SEEN] >= settings.SESSION_IDLE_LIMIT.total_seconds()
    )


def touch(session: MutableMapping[str, Any]) -> None:
    """Note that the session is in use."""
    if _BEGAN not in session:
        begin(session)
    elif now().timestamp() - session[_SEEN] >= _PRECISION:
        session[_SEEN] = int(now().timestamp())


class SessionLimitMiddleware:
    """Logs out whoever stayed too long, or stayed away too long."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Looking into a session makes the answer vary by cookie: not for the APIs.
        if settings.SESSION_COOKIE_NAME in request.COOKIES and auth.SESSION_KEY in request.session:
            if is_over(request.session):
                user = request.user
                if isinstance(user, User):
                    log.info("session_ended", user_id=user.public_id)
                auth.logout(request)
            else:
                touch(request.session)
        return self._get_response(request)

"""A login between its two halves: the password was right, the code is missing.

Nobody is logged in yet. The session says who may give a code, for five minutes
and as long as the password stays the same.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from accounts.models import User
from reserve.core.clock import now

_KEY = "second_factor_login"
_TIME = timedelta(minutes=5)


def begin(request: HttpRequest, user: Any) -> None:
    """Note who gave the right password. The session gets a new key."""
    request.session.cycle_key()
    request.session[_KEY] = {
        "user": user.pk.hex,
        "password": user.get_session_auth_hash(),
        "until": int((now() + _TIME).timestamp()),
    }


def user_of(request: HttpRequest) -> User | None:
    """Who may give a code, if anybody."""
    noted = request.session.get(_KEY)
    if not noted or now().timestamp() >= noted["until"]:
        return None
    user = User.objects.filter(pk=UUID(noted["user"]), is_active=True, is_staff=True).first()
    if user is None or not constant_time_compare(noted["password"], user.get_session_auth_hash()):
        return None
    return user


def end(request: HttpRequest) -> None:
    request.session.pop(_KEY, None)

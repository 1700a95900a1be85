from dataclasses import dataclass

from django.contrib.auth.hashers import check_password, make_password

from accounts.errors import CredentialsRefused
from accounts.models import Login, User, normalise_email
from accounts.tokens import issue_tokens
from reserve.core.ids import new_id
from reserve.core.logging import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LoggedIn:
    access_token: str
    refresh_token: str
    user: User


def log_in(*, email: str, password: str) -> LoggedIn:
    """Open a login and issue its first pair of tokens.

    An unknown address costs the same hashing as a known one, so that the time
    of the answer does not tell them apart.

    Raises:
        CredentialsRefused: unknown address, wrong password or suspended account.
    """
    user = User.objects.filter(email=normalise_email(email)).first()
    if user is None:
        make_password(password)
        raise CredentialsRefused
    if not check_password(password, user.password) or not user.is_active:
        log.warning("login_refused", user_id=user.public_id)
        raise CredentialsRefused

    login_id = new_id()
    tokens = issue_tokens(user_id=user.pk, login_id=login_id)
    Login.objects.create(
        id=login_id,
        user=user,
        expires_at=tokens.refresh_expires_at,
        refresh_jti=tokens.refresh_jti,
    )
    log.info("logged_in", user_id=user.public_id)
    return LoggedIn(tokens.access, tokens.refresh, user)

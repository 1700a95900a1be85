from dataclasses import dataclass
from uuid import UUID

from accounts.errors import CredentialsRefused, TokenRefused, TokenReused
from accounts.hashing import is_password_of
from accounts.models import Login, User
from accounts.person import normalise_email
from accounts.tokens import issue_tokens, read_refresh_token
from reserve.core.clock import now
from reserve.core.ids import new_id
from reserve.core.logging import get_logger
from reserve.core.ratelimit import Attempt, charge_attempt

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
        TooManyAttempts: for this account or from the client's address.
        CredentialsRefused: unknown address, wrong password or suspended account.
    """
    email = normalise_email(email)
    charge_attempt(Attempt.LOGIN, account=email)
    user = User.objects.filter(email=email).first()
    is_known = is_password_of(user, password)
    if user is None:
        raise CredentialsRefused
    if not is_known or not user.is_active:
        log.warning("login_refused", user_id=user.public_id)
        raise CredentialsRefused
    logged_in = open_login(user)
    log.info("logged_in", user_id=user.public_id)
    return logged_in


def open_login(user: User) -> LoggedIn:
    """A new login of a person who has shown who they are, with its first pair of tokens."""
    login_id = new_id()
    tokens = issue_tokens(user_id=user.pk, login_id=login_id)
    Login.objects.create(
        id=login_id,
        user=user,
        expires_at=tokens.refresh_expires_at,
        refresh_jti=tokens.refresh_jti,
    )
    return LoggedIn(tokens.access, tokens.refresh, user)


def refresh_tokens(*, refresh_token: str) -> LoggedIn:
    """Exchange a refresh token for the next pair. It can be used once.

    The claim is one conditional write, so that of several callers with the same
    token one has it; the others end the login (RFC 9700, 4.14.2).

    Raises:
        TokenRefused: not a refresh token of ours, expired, or of a login that has ended.
        TokenReused: it was used before.
    """
    claims = read_refresh_token(refresh_token)
    user = User.objects.filter(pk=claims.user_id, is_active=True).first()
    if user is None:
        raise TokenRefused
    tokens = issue_tokens(user_id=user.pk, login_id=claims.login_id)
    # Conditions on the row itself only: a join would become a subquery, which
    # PostgreSQL does not check again after waiting for another caller's update.
    login = Login.objects.filter(pk=claims.login_id, revoked_at=None)
    if login.filter(refresh_jti=claims.jti).update(
        refresh_jti=tokens.refresh_jti, expires_at=tokens.refresh_expires_at
    ):
        return LoggedIn(tokens.access, tokens.refresh, user)
    if login.update(revoked_at=now()):
        log.warning("refresh_token_reused", user_id=user.public_id)
        raise TokenReused
    raise TokenRefused


def log_out(*, refresh_token: str) -> None:
    """End the login that a refresh token belongs to. One that has ended stays so.

    Raises:
        TokenRefused: not a refresh token of ours, or expired.
    """
    claims = read_refresh_token(refresh_token)
    Login.objects.filter(pk=claims.login_id, revoked_at=None).update(revoked_at=now())


def end_logins(*, user_id: UUID, except_login_id: UUID | None = None) -> int:
    """End the logins of a person, all or all but one; return how many that were."""
    logins = Login.objects.filter(user_id=user_id, revoked_at=None)
    if except_login_id is not None:
        logins = logins.exclude(pk=except_login_id)
    return logins.update(revoked_at=now())

"""Logins: opening them, exchanging their tokens, ending them.

Whatever ends a login takes effect with the next request (`accounts.revocations`).
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from rest_framework_simplejwt.settings import api_settings

from accounts.actors import Actor
from accounts.errors import CredentialsRefused, TokenRefused, TokenReused
from accounts.hashing import is_password_of
from accounts.models import Login, User
from accounts.person import normalise_email
from accounts.revocations import announce
from accounts.selectors import MAX_LOGINS, current_user, login_of, open_logins_of
from accounts.tokens import RefreshClaims, issue_tokens, read_refresh_token
from reserve.core.addresses import surroundings_of
from reserve.core.clock import database_now
from reserve.core.context import client_address, user_agent
from reserve.core.ids import new_id
from reserve.core.logging import get_logger
from reserve.core.ratelimit import Attempt, charge_attempt

log = get_logger(__name__)

# How long a used refresh token still gets the successor that its client may not have heard of.
GRACE = timedelta(seconds=10)
# An expired login stays to be looked at for so long.
_KEPT_FOR = timedelta(days=30)
_MAX_DEVICE = 200


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
    user = check_credentials(email=email, password=password)
    logged_in = open_login(user)
    log.info("logged_in", user_id=user.public_id)
    return logged_in


def check_credentials(*, email: str, password: str) -> User:
    """Whose they are, for a login of whatever kind. Raises what `log_in` does."""
    email = normalise_email(email)
    charge_attempt(Attempt.LOGIN, account=email)
    user = User.objects.filter(email=email).first()
    is_known = is_password_of(user, password)
    if user is None:
        raise CredentialsRefused
    if not is_known or not user.is_active:
        log.warning("login_refused", user_id=user.public_id)
        raise CredentialsRefused
    return user


def open_login(user: User) -> LoggedIn:
    """A new login of a person who has shown who they are, with its first pair of tokens.

    Raises:
        CredentialsRefused: the account was suspended, or its password changed, since then.
    """
    with transaction.atomic():
        # Whoever suspends the account or changes its password writes this row first and
        # ends all logins then: either they find this login, or we find what they wrote.
        unchanged = User.objects.filter(pk=user.pk, password=user.password, is_active=True)
        if not unchanged.select_for_update(no_key=True).values_list("pk").first():
            raise CredentialsRefused
        moment = database_now()
        login = Login(
            id=new_id(),
            user=user,
            refresh_jti=_new_jti(),
            refreshed_at=moment,
            device=_device(),
            network=surroundings_of(client_address()),
        )
        tokens = issue_tokens(
            user_id=user.pk,
            login_id=login.pk,
            refresh_jti=login.refresh_jti,
            issued_at=moment,
        )
        login.expires_at = tokens.refresh_expires_at
        login.save(force_insert=True)
        # The list of a person's logins has an end: those used longest ago make room.
        kept = open_logins_of(user.pk).order_by("-refreshed_at", "-pk").values("pk")[:MAX_LOGINS]
        _end(open_logins_of(user.pk).exclude(pk__in=kept))
    return LoggedIn(tokens.access, tokens.refresh, user)


# --- Refreshing ---------------------------------------------------------------------


def refresh_tokens(*, refresh_token: str) -> LoggedIn:
    """Exchange a refresh token for the next pair. It can be used once.

    A client that did not hear the answer may ask again for GRACE, by the database's
    clock, and gets the same pair, unless its successor has been used meanwhile. Any
    other second use means that somebody has a copy, and ends the login (RFC 9700,
    4.14.2).

    Raises:
        TokenRefused: not a refresh token of ours, expired, or of a login that has ended.
        TokenReused: it was used before.
    """
    claims = read_refresh_token(refresh_token)
    user = User.objects.filter(pk=claims.user_id, is_active=True).first()
    if user is None:
        raise TokenRefused
    moment = database_now()
    if successor := _claim(claims, moment):
        return _pair(user, claims.login_id, successor, moment)
    login = Login.objects.filter(pk=claims.login_id, user=user, revoked_at=None).first()
    if login is None or login.expires_at <= moment:
        raise TokenRefused
    if claims.jti == login.previous_jti and moment - login.refreshed_at <= GRACE:
        return _pair(user, login.pk, login.refresh_jti, login.refreshed_at)
    # What came before the last use has only crossed with it.
    if login.refreshed_at <= moment:
        _end(Login.objects.filter(pk=login.pk))
        log.warning("refresh_token_reused", user_id=user.public_id, login_id=login.public_id)
        raise TokenReused
    raise TokenRefused


def _pair(user: User, login_id: UUID, refresh_jti: str, issued_at: datetime) -> LoggedIn:
    tokens = issue_tokens(
        user_id=user.pk, login_id=login_id, refresh_jti=refresh_jti, issued_at=issued_at
    )
    return LoggedIn(tokens.access, tokens.refresh, user)


def _claim(claims: RefreshClaims, moment: datetime) -> str | None:
    """Use a refresh token up, if nobody has: of any number at once, one does.

    Returns the id of the next one, or None where it was not to be had.

    One conditional write, with conditions on the row itself only: a join would
    become a subquery, which PostgreSQL does not check again after waiting for
    another caller's update.
    """
    usable = Login.objects.filter(
        pk=claims.login_id,
        user_id=claims.user_id,
        refresh_jti=claims.jti,
        revoked_at=None,
        expires_at__gt=moment,
    )
    successor = _new_jti()
    claimed = usable.update(
        previous_jti=claims.jti,
        refresh_jti=successor,
        refreshed_at=moment,
        expires_at=moment + api_settings.REFRESH_TOKEN_LIFETIME,
        network=surroundings_of(client_address()),
        device=_device(),
    )
    return successor if claimed else None


# --- Ending -------------------------------------------------------------------------


def log_out(*, refresh_token: str) -> None:
    """End the login that a refresh token belongs to. One that has ended stays so.

    Raises:
        TokenRefused: not a refresh token of ours, or expired.
    """
    claims = read_refresh_token(refresh_token)
    if _end(Login.objects.filter(pk=claims.login_id, user_id=claims.user_id)):
        log.info("logged_out", user_id=User.format_id(claims.user_id))


def log_out_everywhere(*, actor: Actor) -> int:
    """End all logins of the actor, the present one included, and their browsers' sessions.

    Returns how many logins there were.

    Raises:
        Unauthenticated: nobody is logged in.
    """
    user = current_user(actor=actor)
    number = end_logins(user_id=user.pk)
    log.info("logged_out_everywhere", user_id=user.public_id)
    return number


def revoke_login(*, actor: Actor, login_id: UUID) -> None:
    """End one of the actor's logins.

    Raises:
        Unauthenticated: nobody is logged in.
        NotFound: it is not theirs, or has ended.
    """
    login = login_of(actor=actor, login_id=login_id)
    _end(Login.objects.filter(pk=login.pk))
    log.info("login_revoked", user_id=User.format_id(login.user_id), login_id=login.public_id)


def end_logins(*, user_id: UUID, except_login_id: UUID | None = None) -> int:
    """End the logins of a person, all or all but one, and all sessions of browsers.

    Within a transaction it takes effect with its commit. Returns how many logins there
    were.
    """
    logins = Login.objects.filter(user_id=user_id)
    with transaction.atomic():
        # First: `open_login` waits for this row, so that none is left behind.
        User.objects.filter(pk=user_id).update(session_generation=F("session_generation") + 1)
        return _end(logins.exclude(pk=except_login_id) if except_login_id else logins)


def erase_logins(*, user_id: UUID) -> None:
    """End the logins of a person, and keep nothing of where they were."""
    end_logins(user_id=user_id)
    Login.objects.filter(user_id=user_id).update(device="", network="")


def forget_old_logins() -> int:
    """Remove logins that expired long ago; return how many."""
    return Login.objects.filter(expires_at__lt=Now() - _KEPT_FOR).delete()[0]


def _end(logins: QuerySet[Login]) -> int:
    with transaction.atomic():
        # In order, so that two who end the same ones wait for each other.
        ids: Sequence[UUID] = list(
            logins.filter(revoked_at=None)
            .order_by("pk")
            .select_for_update(no_key=True)
            .values_list("pk", flat=True)
        )
        if ids:
            Login.objects.filter(pk__in=ids).update(revoked_at=Now())
            transaction.on_commit(partial(announce, ids))
    return len(ids)


def _new_jti() -> str:
    return secrets.token_hex(16)


def _device() -> str:
    text = "".join(character for character in user_agent() if character.isprintable())
    return text.strip()[:_MAX_DEVICE]

"""Passwords: changing them, and what to do when one is forgotten."""

from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts.actors import Actor
from accounts.errors import LinkRefused
from accounts.events import account_event
from accounts.hashing import hash_password, is_password_of, password_errors
from accounts.links import Purpose, read_token
from accounts.models import User
from accounts.person import clean_email
from accounts.selectors import current_user
from accounts.services.logins import end_logins
from reserve.core.clock import now
from reserve.core.errors import Invalid
from reserve.core.logging import get_logger
from reserve.core.ratelimit import Attempt, charge_attempt
from reserve.outbox.services import record
from reserve.outbox.wake import wake_relay

log = get_logger(__name__)


def require_password(*, actor: Actor, password: str, field: str = "password") -> User:
    """The actor's account, once they have shown that they know its password.

    Raises:
        TooManyAttempts: by this account, or from the client's address.
        Unauthenticated: nobody is logged in.
        Invalid: it is not their password.
    """
    charge_attempt(Attempt.PASSWORD, account=actor.account_name)
    user = current_user(actor=actor)
    if not is_password_of(user, password):
        log.warning("password_refused", user_id=user.public_id)
        raise Invalid.field(field, "This is not your password.")
    return user


def change_password(*, actor: Actor, current_password: str, new_password: str) -> None:
    """Set a new password and end all other logins, and all sessions of browsers.

    Raises:
        TooManyAttempts: as `require_password`.
        Unauthenticated: nobody is logged in.
        Invalid: the current password is wrong, or the new one too weak.
    """
    user = require_password(actor=actor, password=current_password, field="current_password")
    if errors := password_errors(new_password, user, field="new_password"):
        raise Invalid(errors=errors)
    changed = {"password": hash_password(new_password), "pending_email": ""}
    with transaction.atomic():
        # Somebody else may have changed it since it was checked.
        if not User.objects.filter(pk=user.pk, password=user.password).update(**changed):
            raise Invalid.field("current_password", "This is not your password.")
        end_logins(user_id=user.pk, except_login_id=actor.login_id)
        record([account_event("account.password_changed", user.pk)])
        transaction.on_commit(wake_relay)
    log.info("password_changed", user_id=user.public_id)


def request_password_reset(*, email: str) -> None:
    """Have a link sent to an address, if it has an account.

    Known and unknown addresses cost the same statements: a look and an event. What
    differs happens in the event's handler, where nobody waits for it.

    Raises:
        Invalid: it cannot be an address, whoever has it.
        TooManyAttempts: for this address, or from the client's.
    """
    address = clean_email(email)
    charge_attempt(Attempt.PASSWORD_RESET, account=address)
    known = User.objects.filter(email=address, is_active=True)
    user_id: UUID | None = known.values_list("pk", flat=True).first()
    with transaction.atomic():
        record([account_event("account.password_reset_requested", user_id)])
        transaction.on_commit(wake_relay)
    log.info("password_reset_requested")


def reset_password(*, token: str, password: str) -> None:
    """Set a new password by a link that was sent, and end every login.

    Whoever has the link has the mailbox, so the address counts as verified.

    Raises:
        TooManyAttempts: from the client's address.
        LinkRefused: the link is not ours, too old, or was used before.
        Invalid: the password is too weak.
    """
    charge_attempt(Attempt.PASSWORD_RESET)
    link = read_token(Purpose.RESET_PASSWORD, token)
    user = User.objects.filter(pk=link.subject_id, is_active=True).first()
    if user is None or not link.holds(user):
        raise LinkRefused
    if errors := password_errors(password, user, field="password"):
        raise Invalid(errors=errors)
    changed = {"password": hash_password(password), "pending_email": ""}
    with transaction.atomic():
        # The old password is what the link hangs on: of several callers one finds it.
        is_unused = Q(pk=user.pk, password=user.password, email=user.email, is_active=True)
        if not User.objects.filter(is_unused).update(**changed):
            raise LinkRefused
        User.objects.filter(pk=user.pk, email_verified_at=None).update(email_verified_at=now())
        end_logins(user_id=user.pk)
        record([account_event("account.password_changed", user.pk)])
        transaction.on_commit(wake_relay)
    log.info("password_reset", user_id=user.public_id)

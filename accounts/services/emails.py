"""E-mail addresses: showing that one is yours, and changing to another."""

from django.db import IntegrityError, transaction

from accounts.actors import Actor
from accounts.errors import InvalidState, LinkRefused
from accounts.events import account_event
from accounts.links import Purpose, read_token
from accounts.models import User
from accounts.person import clean_email
from accounts.selectors import current_user
from accounts.services.passwords import require_password
from reserve.core.clock import now
from reserve.core.errors import Invalid
from reserve.core.logging import get_logger
from reserve.core.ratelimit import Attempt, charge_attempt
from reserve.outbox.services import record
from reserve.outbox.wake import wake_relay

log = get_logger(__name__)


def request_email_verification(*, actor: Actor) -> None:
    """Have a link sent to the actor's address.

    Raises:
        TooManyAttempts: by this account, or from the client's address.
        Unauthenticated: nobody is logged in.
        InvalidState: the address is verified.
    """
    charge_attempt(Attempt.VERIFICATION, account=actor.account_name)
    user = current_user(actor=actor)
    if user.email_verified_at is not None:
        raise InvalidState("This e-mail address is verified already.")
    with transaction.atomic():
        record([account_event("account.email_verification_requested", user.pk)])
        transaction.on_commit(wake_relay)


def verify_email(*, token: str) -> None:
    """Count an address as verified, by the link that was sent to it.

    Raises:
        TooManyAttempts: from the client's address.
        LinkRefused: the link is not ours, too old, or was used before.
    """
    charge_attempt(Attempt.VERIFICATION)
    link = read_token(Purpose.VERIFY_EMAIL, token)
    user = User.objects.filter(pk=link.subject_id, is_active=True).first()
    if user is None or not link.holds(user):
        raise LinkRefused
    unverified = User.objects.filter(pk=user.pk, email=user.email, email_verified_at=None)
    if not unverified.update(email_verified_at=now()):
        raise LinkRefused
    log.info("email_verified", user_id=user.public_id)


def request_email_change(*, actor: Actor, email: str, password: str) -> None:
    """Begin to change the actor's address: a link goes to the new one, word to the old.

    The answer does not tell whether the new address has an account; the link is simply
    not sent then.

    Raises:
        TooManyAttempts: as `require_password`.
        Unauthenticated: nobody is logged in.
        Invalid: it is no address, or the address they have; or the password is wrong.
    """
    user = require_password(actor=actor, password=password)
    address = clean_email(email)
    if address == user.email:
        raise Invalid.field("email", "This is your address already.")
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(pending_email=address)
        record(
            [
                account_event("account.email_change_announced", user.pk),
                account_event("account.email_change_requested", user.pk),
            ]
        )
        transaction.on_commit(wake_relay)
    log.info("email_change_requested", user_id=user.public_id)


def confirm_email_change(*, token: str) -> None:
    """Change an address, by the link that was sent to the new one.

    Raises:
        TooManyAttempts: from the client's address.
        LinkRefused: the link is not ours, too old, was used before, or the address has
            an account meanwhile.
    """
    charge_attempt(Attempt.VERIFICATION)
    link = read_token(Purpose.CHANGE_EMAIL, token)
    user = User.objects.filter(pk=link.subject_id, is_active=True).first()
    if user is None or not user.pending_email or not link.holds(user):
        raise LinkRefused
    unused = User.objects.filter(pk=user.pk, email=user.email, pending_email=user.pending_email)
    try:
        with transaction.atomic():
            if not unused.update(
                email=user.pending_email, pending_email="", email_verified_at=now()
            ):
                raise LinkRefused
            record([account_event("account.email_changed", user.pk)])
            transaction.on_commit(wake_relay)
    except IntegrityError:
        raise LinkRefused from None
    log.info("email_changed", user_id=user.public_id)

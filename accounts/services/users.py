"""People who can log in: opening an account, and what it says of them."""

from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.actors import Actor
from accounts.events import account_event
from accounts.hashing import hash_password, password_errors
from accounts.models import User
from accounts.person import clean_person, normalise_email
from accounts.selectors import current_user
from accounts.services.logins import LoggedIn, open_login
from reserve.core.errors import Invalid, Unauthenticated
from reserve.core.logging import get_logger
from reserve.core.ratelimit import Attempt, charge_attempt
from reserve.outbox.services import record
from reserve.outbox.wake import wake_relay

log = get_logger(__name__)


def new_person(*, password: str, **fields: str) -> User:
    """Somebody who may get an account: not saved yet, the password hashed.

    For before a transaction. Raises Invalid, which names every field.
    """
    person = User()
    errors: dict[str, list[str]] = {}
    try:
        for field, value in clean_person(**fields).items():
            setattr(person, field, value)
    except Invalid as refused:
        errors |= refused.details["errors"]
    errors |= password_errors(password, person, field="password")
    if errors:
        raise Invalid(errors=errors)
    person.password = hash_password(password)
    return person


def insert_person(person: User) -> User:
    """
    Raises:
        Invalid: the address has an account; found last, when it has cost a hash as
            success does.
    """
    try:
        with transaction.atomic():
            person.save(force_insert=True)
    except IntegrityError:
        raise Invalid.field("email", "This address has an account already.") from None
    return person


def create_user(
    *,
    email: str,
    password: str,
    name: str,
    phone: str = "",
    locale: str = "en",
    timezone: str = "UTC",
    email_verified_at: datetime | None = None,
) -> User:
    """Open an account, without a word to anybody. Raises Invalid."""
    person = new_person(
        password=password, email=email, name=name, phone=phone, locale=locale, timezone=timezone
    )
    person.email_verified_at = email_verified_at
    return insert_person(person)


def register(
    *,
    email: str,
    password: str,
    name: str,
    phone: str = "",
    locale: str = "en",
    timezone: str = "UTC",
) -> LoggedIn:
    """Open an account for whoever asks, log them in, and have their address verified.

    Raises:
        TooManyAttempts: for this address, or from the client's.
        Invalid: the address has an account, a value makes no sense, or the password is
            too weak.
    """
    charge_attempt(Attempt.REGISTRATION, account=normalise_email(email))
    person = new_person(
        password=password, email=email, name=name, phone=phone, locale=locale, timezone=timezone
    )
    with transaction.atomic():
        user = insert_person(person)
        record([account_event("account.registered", user.pk)])
        logged_in = open_login(user)
        transaction.on_commit(wake_relay)
    log.info("registered", user_id=user.public_id)
    return logged_in


def update_profile(
    *,
    actor: Actor,
    name: str | None = None,
    phone: str | None = None,
    locale: str | None = None,
    timezone: str | None = None,
) -> User:
    """Change what the account says of the actor; None leaves a field as it is.

    Raises:
        Unauthenticated: nobody is logged in.
        Invalid: a value makes no sense.
    """
    user = current_user(actor=actor)
    given = {"name": name, "phone": phone, "locale": locale, "timezone": timezone}
    fields = clean_person(**{field: value for field, value in given.items() if value is not None})
    if fields:
        # Not of an account that was deleted meanwhile.
        if not User.objects.filter(pk=user.pk, is_active=True).update(**fields):
            raise Unauthenticated
        for field, value in fields.items():
            setattr(user, field, value)
    return user

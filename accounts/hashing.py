"""Checking and hashing passwords.

It takes its time on purpose: services do it before they open a transaction, and
transports call them in the threads of `accounts.password_threads`.
"""

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from accounts.models import User

MAX_PASSWORD = 1024
PASSWORD_LIMITS = {"minLength": 1, "maxLength": MAX_PASSWORD}


def is_password_of(user: User | None, password: str) -> bool:
    """Whether it is their password. One hash is computed, for nobody too."""
    if len(password) > MAX_PASSWORD:
        password = ""
    return check_password(password, user.password if user else UNUSABLE_PASSWORD_PREFIX)


def hash_password(password: str) -> str:
    return make_password(password)


def password_errors(password: str, person: User, *, field: str) -> dict[str, list[str]]:
    """What Django's validators say against a new password of a person, by the field's name."""
    if len(password) > MAX_PASSWORD:
        return {field: [f"This must not be longer than {MAX_PASSWORD} characters."]}
    try:
        validate_password(password, person)
    except ValidationError as error:
        return {field: list(error.messages)}
    return {}

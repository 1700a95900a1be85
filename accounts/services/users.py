"""People who can log in."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from accounts.models import User, normalise_email
from reserve.core.errors import Invalid


def create_user(
    *, email: str, password: str, name: str, phone: str = "", locale: str = "en"
) -> User:
    """Open an account.

    Raises:
        Invalid: the address makes no sense or has an account, or the password is too weak.
    """
    user = User(email=normalise_email(email), name=name.strip(), phone=phone, locale=locale)
    errors: dict[str, list[str]] = {}
    if not user.name:
        errors["name"] = ["This must not be empty."]
    try:
        validate_email(user.email)
    except ValidationError as error:
        errors["email"] = list(error.messages)
    try:
        validate_password(password, user)
    except ValidationError as error:
        errors["password"] = list(error.messages)
    if errors:
        raise Invalid(errors=errors)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError:
        raise Invalid.field("email", "This address has an account already.") from None
    return user

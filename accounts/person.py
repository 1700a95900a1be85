"""What is written down of a person, and in which form."""

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from reserve.core.errors import Invalid
from reserve.core.text import clean_line

MAX_EMAIL = 254
MAX_NAME = 200
MAX_PHONE = 32
MAX_LOCALE = 16
MAX_TIMEZONE = 64

# RFC 5646, 2.1: language, script, region and variants; no extensions, which say
# nothing that a mail could be written in.
_LANGUAGE_TAG = re.compile(
    r"(?P<language>[a-z]{2,3})(-(?P<script>[a-z]{4}))?(-(?P<region>[a-z]{2}|[0-9]{3}))?"
    r"(?P<variants>(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)",
    re.IGNORECASE | re.ASCII,
)
_PHONE = re.compile(r"\+?[0-9 ().\-/]{3,}", re.ASCII)


# What JSON Schema can say of a person's fields; a pattern's flags have no place there.
_TAG_PATTERN = (
    "^[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?"
    "(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*$"
)
PERSON_LIMITS = {
    "email": {"maxLength": MAX_EMAIL},
    "name": {"minLength": 1, "maxLength": MAX_NAME},
    "phone": {"maxLength": MAX_PHONE, "pattern": r"^(\+?[0-9 ().\-/]{3,})?$"},
    "locale": {"minLength": 2, "maxLength": MAX_LOCALE, "pattern": _TAG_PATTERN},
    "timezone": {"minLength": 1, "maxLength": MAX_TIMEZONE},
}


def normalise_email(email: str) -> str:
    """The one form in which an address is stored and compared.

    Compatible characters become one (Unicode NFKC: full-width letters, ligatures, the
    Kelvin sign), spaces around it go, and everything becomes lower case, the part
    before the @ too: no provider tells people apart by case. Dots and what follows a
    plus stay, since their meaning is the provider's.
    """
    composed = unicodedata.normalize("NFKC", email).strip().lower()
    # Lower case may leave what can be composed again.
    return unicodedata.normalize("NFKC", composed)


def clean_email(email: str, *, field: str = "email") -> str:
    """Raises Invalid where it is no address."""
    address = normalise_email(email) if len(email) <= 2 * MAX_EMAIL else ""
    try:
        validate_email(address)
    except ValidationError:
        address = ""
    # Django's validator takes what is not ASCII for a letter where case does not matter.
    if not address.isascii() or not 0 < len(address) <= MAX_EMAIL:
        raise Invalid.field(field, "Enter a valid e-mail address.")
    return address


def clean_name(name: str) -> str:
    return clean_line(name, field="name", maximum=MAX_NAME, required=True)


def clean_phone(phone: str) -> str:
    """A number as people write it, or nothing."""
    number = clean_line(phone, field="phone", maximum=MAX_PHONE)
    if number and not _PHONE.fullmatch(number):
        raise Invalid.field("phone", "Enter a phone number, such as +45 12 34 56 78.")
    return number


def clean_locale(locale: str) -> str:
    """A BCP 47 language tag with its customary capitals: `pt-BR`, `zh-Hant-TW`."""
    tag = _LANGUAGE_TAG.fullmatch(locale)
    if tag is None or len(locale) > MAX_LOCALE:
        raise Invalid.field("locale", "Enter a BCP 47 language tag, such as en or pt-BR.")
    parts = [tag["language"].lower()]
    if tag["script"]:
        parts.append(tag["script"].title())
    if tag["region"]:
        parts.append(tag["region"].upper())
    return "-".join(parts) + tag["variants"].lower()


def clean_timezone(timezone: str) -> str:
    if timezone not in _timezones():
        raise Invalid.field("timezone", "Enter an IANA time zone, such as Europe/Copenhagen.")
    return timezone


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


_CLEANERS: dict[str, Callable[[str], str]] = {
    "email": clean_email,
    "name": clean_name,
    "phone": clean_phone,
    "locale": clean_locale,
    "timezone": clean_timezone,
}


def clean_person(**fields: str) -> dict[str, str]:
    """The fields in the form in which they are stored.

    Raises:
        Invalid: names every field that makes no sense.
    """
    cleaned: dict[str, str] = {}
    errors: dict[str, Any] = {}
    for field, value in fields.items():
        try:
            cleaned[field] = _CLEANERS[field](value)
        except Invalid as refused:
            errors |= refused.details["errors"]
    if errors:
        raise Invalid(errors=errors)
    return cleaned

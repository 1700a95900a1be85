"""Readers of environment variables.

Each reader takes the variable's name and its default, and raises
ImproperlyConfigured with a sentence that names the variable where its value
makes no sense. An empty value counts as unset.
"""

import os
import re
from collections.abc import Collection
from datetime import timedelta

from django.core.exceptions import ImproperlyConfigured

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def choice(name: str, default: str, allowed: Collection[str]) -> str:
    value = text(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(
            f"{name} is {value!r}, but must be one of {', '.join(sorted(allowed))}."
        )
    return value


def boolean(name: str, default: bool) -> bool:
    value = text(name, str(default)).lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}, but must be true or false.")


def integer(name: str, default: int, *, minimum: int = 1, maximum: int = 2**31 - 1) -> int:
    value = text(name, str(default))
    if not re.fullmatch(r"-?[0-9]{1,12}", value) or not minimum <= int(value) <= maximum:
        raise ImproperlyConfigured(
            f"{name} is {value!r}, but must be a whole number from {minimum} to {maximum}."
        )
    return int(value)


def duration(name: str, default: str) -> timedelta:
    """A length of time written as a number and a unit: `900s`, `15m`, `12h`, `7d`."""
    value = text(name, default)
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", value)
    if not match or int(match[1]) == 0:
        raise ImproperlyConfigured(
            f"{name} is {value!r}, but must be a length of time such as 900s, 15m, 12h or 7d."
        )
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def words(name: str, default: str = "") -> list[str]:
    """A list separated by commas."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]

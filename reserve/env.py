"""Readers of environment variables.

Each reader takes the variable's name and its default, and raises
ImproperlyConfigured with a sentence that names the variable where its value
makes no sense. An empty value counts as unset.
"""

import os
import re
from collections.abc import Callable, Collection
from datetime import timedelta
from ipaddress import ip_network
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

# A host's name, `.example.com` for it and its subdomains, an address of IPv6, or any.
_HOST = re.compile(r"\*|\.?[\w-]+(\.[\w-]+)*\.?|\[[0-9A-Fa-f:.]+\]")
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


def hosts(name: str, default: str = "") -> list[str]:
    """A list of names of hosts, without scheme and port."""
    return _each(name, default, _is_host, "names of hosts such as example.com")


def origins(name: str, default: str = "") -> list[str]:
    """A list of origins, each with scheme and host and no path."""
    return _each(name, default, _is_origin, "origins such as https://example.com")


def exact_origins(name: str, default: str = "") -> list[str]:
    """A list of origins as browsers write them, in lower case and without wildcard; or `*`."""
    return _each(name, default, _is_exact_origin, "origins such as https://app.example.com, or *")


def networks(name: str, default: str = "") -> list[str]:
    """A list of networks in CIDR notation."""
    return _each(name, default, _is_network, "networks such as 10.0.0.0/8")


def _each(name: str, default: str, makes_sense: Callable[[str], bool], what: str) -> list[str]:
    values = words(name, default)
    for value in values:
        if not makes_sense(value):
            raise ImproperlyConfigured(f"{name} has {value!r}, but must be a list of {what}.")
    return values


def _is_host(value: str) -> bool:
    return _HOST.fullmatch(value) is not None


def _is_origin(value: str) -> bool:
    scheme, separator, host = value.partition("://")
    # A wildcard stands for subdomains: https://*.example.com.
    return bool(separator) and scheme in {"http", "https"} and urlsplit(value).netloc == host != ""


def _is_exact_origin(value: str) -> bool:
    is_exact = _is_origin(value) and "*" not in value and value == value.lower()
    return value == "*" or is_exact


def _is_network(value: str) -> bool:
    try:
        ip_network(value)
    except ValueError:
        return False
    return True

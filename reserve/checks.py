"""Combinations of settings that must not serve: `manage.py check --deploy`, and `make start`."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register

# Hosts whose traffic stays on the machine.
_LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}


@register(Tags.security, deploy=True)
def unsafe_settings(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """What is unsafe in production. Development has its known secret and is none of this."""
    if not settings.PRODUCTION:
        return []
    return [*_debug(), *_hosts(), *_origins(), *_cookies(), *_policy()]


def _debug() -> list[CheckMessage]:
    if not settings.DEBUG:
        return []
    return [
        Error(
            "DEBUG is true in production, which shows settings and code to everybody.",
            hint="Unset DEBUG.",
            id="reserve.E001",
        )
    ]


def _hosts() -> list[CheckMessage]:
    if "*" not in settings.ALLOWED_HOSTS:
        return []
    return [
        Error(
            "ALLOWED_HOSTS has a wildcard in production, so that links in e-mails could be "
            "made to lead to any host.",
            hint="Name the hosts; .example.com takes in its subdomains.",
            id="reserve.E002",
        )
    ]


def _origins() -> list[CheckMessage]:
    unsafe = [origin for origin in settings.CSRF_TRUSTED_ORIGINS if not _is_safe_origin(origin)]
    if not unsafe:
        return []
    return [
        Error(
            f"CSRF_TRUSTED_ORIGINS has {', '.join(unsafe)}, whose forms anybody could send.",
            hint="Name origins with https:// and a host.",
            id="reserve.E003",
        )
    ]


def _is_safe_origin(origin: str) -> bool:
    parts = urlsplit(origin)
    is_wildcard = parts.netloc.count(".") < 2 and parts.netloc.startswith("*")  # noqa: PLR2004
    return parts.netloc in _LOOPBACK or (parts.scheme == "https" and not is_wildcard)


def _cookies() -> list[CheckMessage]:
    """SECURE_COOKIES=false is for a trial on one's own machine; elsewhere it is said aloud."""
    if not settings.SECURE_COOKIES:
        if set(settings.ALLOWED_HOSTS) <= _LOOPBACK:
            return []
        return [
            checks.Warning(
                "SECURE_COOKIES is false: whoever listens on the network can take over a session.",
                hint="Unset it, and serve by HTTPS.",
                id="reserve.W001",
            )
        ]
    if settings.SESSION_COOKIE_SECURE and settings.CSRF_COOKIE_SECURE:
        return []
    return [
        Error(
            "Cookies would go over plain HTTP though SECURE_COOKIES does not say so.",
            hint="Set SECURE_COOKIES=false where that is meant.",
            id="reserve.E004",
        )
    ]


def _policy() -> list[CheckMessage]:
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    loose = sorted(
        f"{name} {value}"
        for name, values in directives.items()
        for value in values
        if value in {"'unsafe-inline'", "'unsafe-eval'", "*"}
    )
    if not loose:
        return []
    return [
        Error(
            f"The Content-Security-Policy allows {', '.join(loose)}.",
            hint="Move scripts and styles into static files.",
            id="reserve.E005",
        )
    ]

"""Attempts to get in, counted by django-ratelimit: per account, and per client address.

The API's buckets bound what a caller may ask for; here a guess is counted, so
that a thousand logins in one request are a thousand.
"""

from contextlib import suppress
from datetime import timedelta
from enum import Enum
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django_ratelimit.core import get_usage
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

from reserve.core.addresses import network_of
from reserve.core.context import client_address
from reserve.core.errors import RateLimited
from reserve.core.logging import get_logger
from reserve.core.ratelimit.figures import REFUSALS_KEY, client
from reserve.core.ratelimit.local import LocalBuckets
from reserve.core.ratelimit.outage import outage
from reserve.core.ratelimit.verdict import Size, fingerprint

log = get_logger(__name__)

_WINDOW_SECONDS = 60
# With Redis away each process counts for itself, and there may be several.
_LOCAL_SHARE = 4


class Attempt(Enum):
    """What is tried; each has counts of its own."""

    LOGIN = "login"
    PASSWORD = "password"  # noqa: S105 (its name)
    REGISTRATION = "registration"
    PASSWORD_RESET = "password_reset"  # noqa: S105 (its name)
    VERIFICATION = "verification"
    CODE_LOOKUP = "code_lookup"
    SECOND_FACTOR = "second_factor"
    HOLD = "hold"


class TooManyAttempts(RateLimited):
    message = "Too many attempts. Wait a moment."


def charge_attempt(attempt: Attempt, *, account: str = "", address: str | None = None) -> None:
    """Count an attempt, and refuse it where there were too many.

    Call it before anything that tells whether the account exists. Every attempt
    counts, good or bad. While Redis is away each process counts for itself, and
    allows a quarter.

    Args:
        account: the normalised e-mail address that is tried, or the id of whoever is
            logged in, if either is named.
        address: of the client; that of the request at work by default.

    Raises:
        TooManyAttempts: more than AUTH_RATE_LIMIT_ADDRESS or AUTH_RATE_LIMIT_ACCOUNT a minute.
    """
    address = client_address() if address is None else address
    # The address first: an account is not to be locked by one whose limit is reached.
    if address:
        network = network_of(address)
        _charge(attempt, "address", network, limit=settings.AUTH_RATE_LIMIT_ADDRESS)
    if account:
        _charge(attempt, "account", account, limit=settings.AUTH_RATE_LIMIT_ACCOUNT)


_local = LocalBuckets()


def _whose(attempt: Attempt, subject: str, value: str) -> str:
    return f"{attempt.value}.{subject}.{fingerprint(value)}"


def _charge(attempt: Attempt, subject: str, value: str, *, limit: int) -> None:
    whose = _whose(attempt, subject, value)
    usage = None if outage.is_resting else _usage(whose, limit)
    if usage is None:
        size = Size(max(1, limit // _LOCAL_SHARE), _WINDOW_SECONDS)
        allowed, left = _local.spend(whose, cost=1, size=size)
        wait = size.seconds_for(1 - left)
        is_first = False
    else:
        allowed = not usage["should_limit"]
        wait = max(1, usage["time_left"])
        is_first = usage["count"] == limit + 1
    if allowed:
        return
    if is_first:
        log.warning("attempts_limited", attempt=attempt.value, subject=subject, whose=whose)
    if usage is not None:
        with suppress(RedisError, OSError):
            client().hincrby(REFUSALS_KEY, attempt.value, 1)
    raise TooManyAttempts(retry_after=timedelta(seconds=wait))


def _usage(whose: str, limit: int) -> dict[str, Any] | None:
    """What django-ratelimit counts, this attempt included; None where it cannot."""
    try:
        usage: dict[str, Any] = get_usage(
            # It serves rules that we do not use.
            HttpRequest(),
            group="attempt",
            key=lambda _group, _request: whose,
            rate=(limit, _WINDOW_SECONDS),
            increment=True,
        )
    except (ConnectionInterrupted, RedisError, OSError) as error:
        outage.begin(error)
        return None
    if usage["time_left"] < 0:
        # The counter ended between two commands.
        return None
    outage.end()
    return usage

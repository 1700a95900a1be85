"""Logins that have been ended, as every request finds out without asking the database.

The database is the truth: `Login.revoked_at`. Redis has a *mark* for each ended
login, kept as long as its last access token could live, and a *lease*: a key
that says that no mark is missing. One call asks for both. A mark refuses; no
mark and a lease admits; anything else, Redis out of reach included, is decided
by a query. So what has to hold is:

    While the lease exists, every login whose end was committed and answered has
    its mark.

Ending a login commits, then writes the mark, then answers. The keeper, a thread
of each web process, renews the lease, which lives for LEASE:

1. It reads Redis's clock (T), then the database, then writes the marks that it
   found, and then the lease, which ends at T + LEASE whenever it is written. It
   writes it only where it was there when it began, and if the lease was not
   there, after having read all ends that could matter and not the latest alone.
   What it checks this by is lost with the marks: by FLUSHALL, or a restart
   without data. So there is no lease where marks were lost.
2. If a mark could not be written, its writer tries again until LEASE has passed
   since the commit. Any lease that exists then was renewed by somebody who read
   the database after the commit, and so wrote the mark. The same holds if the
   writer dies instead of trying; then nobody has been answered yet.
3. The lease names the run of the server. One that was restarted on an old
   snapshot is found out by the next renewal. Until then, LEASE at most, a mark
   that this server had acknowledged and lost may be missing: the one thing that
   is not excluded, and it takes a server that loses writes and is back within
   LEASE.

Evicting keys would lose marks one at a time: Redis runs with `noeviction`, which
it needs for its queues as well. The marks outlast every token by _MARGIN, and a
shorter lifetime in the settings counts for tokens from before (`accounts.tokens`).
A login that was ended never comes back, so that a mark is never removed.
"""

import secrets
import threading
import time
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now
from django_redis import get_redis_connection
from redis.exceptions import RedisError
from rest_framework_simplejwt.settings import api_settings

from accounts.models import Login
from reserve.core.broadcast import publish
from reserve.core.live import ENDED_GROUP
from reserve.core.logging import get_logger

log = get_logger(__name__)

LEASE_KEY = "reserve.revoked.complete"
LEASE = timedelta(seconds=2)
_SEEDING_KEY = "reserve.revoked.seeding"
# A lease with less than this is renewed; the others of several keepers let it be.
_RENEW_BELOW = timedelta(seconds=1.25)
_TICK_SECONDS = 0.5
_PAUSE_AFTER_FAILURE_SECONDS = 1.0
_RETRY_SECONDS = 0.1
# Clocks that differ, and the leeway of verification.
_MARGIN = timedelta(minutes=1)
# Longer than any transaction, which statement_timeout ends: an end is stamped
# before it is committed.
_LATEST = timedelta(minutes=2)
_TOGETHER = 1_000

# The time (ms), the lease, how much of it is left (ms), and which run of the server this
# is. KEYS: lease. redis-py's reading of INFO leaves circles to the garbage collector.
_LOOK = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
return {now, redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1]), run}
"""
# Writes the lease if the guard still has its value. KEYS: guard, lease. ARGV: the
# guard's value, the lease's value, the moment at which it ends (ms, Redis's clock).
_RENEW = """
local time = redis.call('TIME')
local left = tonumber(ARGV[3]) - tonumber(time[1]) * 1000 - math.floor(tonumber(time[2]) / 1000)
if left > 0 and redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[2], ARGV[2], 'PX', left)
  return 1
end
return 0
"""


def _mark(login_id: UUID) -> str:
    return f"reserve.revoked.{login_id.hex}"


def markers(login_id: UUID) -> tuple[str, str]:
    """The keys whose existence decides on a login's tokens."""
    return _mark(login_id), LEASE_KEY


def is_open_by_marks(login_id: UUID, marked: Collection[str] | None) -> bool | None:
    """Whether a login has not been ended; None where only the database can tell.

    Args:
        marked: those of its markers that exist; None where Redis did not answer.
    """
    if marked is None:
        return None
    if _mark(login_id) in marked:
        return False
    return True if LEASE_KEY in marked else None


def open_logins(login_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Those of the logins that have not been ended, by the database, with their people."""
    found = Login.objects.filter(pk__in=login_ids, revoked_at=None, user__is_active=True)
    return dict(found.values_list("pk", "user_id"))


def announce(login_ids: Collection[UUID]) -> None:
    """Have the tokens of ended logins refused from now on, everywhere.

    For right after the commit. With Redis away it takes as long as a lease does.
    """
    if not login_ids:
        return
    committed = time.monotonic()
    while True:
        try:
            _write_marks(_redis(), login_ids)
            break
        except (RedisError, OSError) as error:
            if time.monotonic() - committed > LEASE.total_seconds() + _RETRY_SECONDS:
                log.warning("revocations_unmarked", reason=type(error).__name__)
                break
        # Whoever is answered may rely on it: a lease may still say that no mark is missing.
        time.sleep(_RETRY_SECONDS)
    for login_id in login_ids:
        publish(ENDED_GROUP, login_id.hex, {"type": "ended", "markers": [_mark(login_id)]})


class Keeper:
    """Keeps the lease. Any number of them get along."""

    def __init__(self) -> None:
        self._marked: set[UUID] = set()

    def keep(self) -> bool:
        """Renew the lease if it is due; tell whether there is one now.

        Raises:
            RedisError, DatabaseError: the lease runs out, and requests ask the database.
        """
        redis = _redis()
        now, lease, left, run = redis.eval(_LOOK, 1, LEASE_KEY)
        ends_at = now + _milliseconds(LEASE)
        if lease != run:
            return self._seed(redis, run)
        if left > _milliseconds(_RENEW_BELOW):
            return True
        latest = _ended_since(_LATEST)
        _write_marks(redis, latest - self._marked)
        self._marked = latest
        return bool(redis.eval(_RENEW, 2, LEASE_KEY, LEASE_KEY, run, run, ends_at))

    def _seed(self, redis: Any, run: bytes) -> bool:
        """Write every mark that matters. Then the latest, since the first may take its time."""
        token = secrets.token_hex(8).encode()
        redis.pipeline().delete(LEASE_KEY).set(_SEEDING_KEY, token, ex=600).execute()
        _write_marks(redis, _ended_since(_mark_lifetime() + _LATEST))
        seconds, microseconds = redis.time()
        ends_at = seconds * 1000 + microseconds // 1000 + _milliseconds(LEASE)
        self._marked = _ended_since(_LATEST)
        _write_marks(redis, self._marked)
        # Another keeper's token means that it is at it, and will be done.
        done = bool(redis.eval(_RENEW, 2, _SEEDING_KEY, LEASE_KEY, token, run, ends_at))
        if done:
            log.info("revocations_marked")
        return done


def start_keeper() -> None:
    """Keep the lease from a thread of its own, as long as the process lives."""
    threading.Thread(target=_keep_for_ever, name="revocations", daemon=True).start()


def _keep_for_ever() -> None:
    keeper = Keeper()
    is_failing = False
    while True:
        try:
            keeper.keep()
        except (RedisError, OSError, DatabaseError, InterfaceError) as error:
            if not is_failing:
                log.warning("revocations_by_database", reason=type(error).__name__)
            is_failing = True
            connection.close()
            time.sleep(_PAUSE_AFTER_FAILURE_SECONDS)
        else:
            is_failing = False
            time.sleep(_TICK_SECONDS)


def _redis() -> Any:
    """Over connections whose waits are short."""
    return get_redis_connection("limits")


def _mark_lifetime() -> timedelta:
    lifetime: timedelta = api_settings.ACCESS_TOKEN_LIFETIME
    return lifetime + _MARGIN


def _milliseconds(length: timedelta) -> int:
    return length // timedelta(milliseconds=1)


def _ended_since(age: timedelta) -> set[UUID]:
    return set(Login.objects.filter(revoked_at__gt=Now() - age).values_list("pk", flat=True))


def _write_marks(redis: Any, login_ids: Iterable[UUID]) -> None:
    ordered, lifetime = list(login_ids), _milliseconds(_mark_lifetime())
    for start in range(0, len(ordered), _TOGETHER):
        pipeline = redis.pipeline(transaction=False)
        for login_id in ordered[start : start + _TOGETHER]:
            pipeline.set(_mark(login_id), 1, px=lifetime)
        pipeline.execute()

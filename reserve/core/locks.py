"""Guards: locks in Redis that thin the crowd in front of the database.

A guard proves nothing. Its lease may end while its holder still works, and
FLUSHALL frees them all; what is correct is decided under the row lock. So a
guard that cannot be had, in time or at all, is never an error.

The guards of a batch are taken by one call, in sorted order, so that two
batches never wait for each other in a circle. Whoever finds one taken waits on
a list for its turn, which the holder's release hands over at once.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

from django.core.cache import caches
from redis.exceptions import RedisError

from reserve.core import tracing
from reserve.core.breaker import Breaker
from reserve.core.carried_out import Command, carrying_out, counted
from reserve.core.entropy import entropy
from reserve.core.figures import GUARD_SECONDS, GUARDS_MISSED
from reserve.core.logging import get_logger

log = get_logger(__name__)

# Longer than the longest transaction, which statement_timeout ends.
_LEASE_MILLISECONDS = 20_000
# How long the guards of one batch are waited for altogether.
_PATIENCE_SECONDS = 1.0
# One wait on a list; shorter than the time-out of the connection.
_TURN_SECONDS = 0.2
# With Redis out of reach it is left alone for so long, and longer each time.
_FIRST_BREAK_SECONDS = 2.0
_LONGEST_BREAK_SECONDS = 60.0
# An answer is a matter of a millisecond. Slower ones may take this long together, not
# counting a tenth of the time; then a guard costs more than the crowd that it keeps off.
_SLOW_SECONDS = 0.02
_ALLOWANCE_SECONDS = 0.3

# Takes guards from the first on, until one is taken already; tells how many were
# had. Of that one it notes that somebody waits.
_TAKE = """
for position, name in ipairs(KEYS) do
  if not redis.call('SET', name, ARGV[1], 'NX', 'PX', ARGV[2]) then
    redis.call('INCR', name .. '.waiting')
    redis.call('PEXPIRE', name .. '.waiting', ARGV[3])
    return position - 1
  end
end
return #KEYS
"""
# Carries out commands. Then lets go of guards that are still ours, and hands a turn to
# one who waits.
_LET_GO = f"""{carrying_out(3)}
for _, name in ipairs(KEYS) do
  if redis.call('GET', name) == ARGV[1] then
    redis.call('DEL', name)
    local waiting = tonumber(redis.call('GET', name .. '.waiting') or '0')
    if waiting > 0 then
      redis.call('DECR', name .. '.waiting')
      redis.call('LPUSH', name .. '.turns', '1')
      redis.call('PEXPIRE', name .. '.turns', ARGV[2])
    end
  end
end
"""


class Held:
    """The guards of a batch, as far as they could be had."""

    def __init__(self, let_go: Callable[[Sequence[Command]], bool] | None = None) -> None:
        """Without `let_go` there are none."""
        self._let_go = let_go

    def let_go(self, commands: Sequence[Command] = ()) -> bool:
        """Let the guards go, once, and have Redis carry out commands in the same call.

        Returns whether Redis said that it has: not where there is nothing to let go.
        """
        let_go, self._let_go = self._let_go, None
        return let_go is not None and let_go(commands)


class _Guards:
    def __init__(self) -> None:
        self._breaker = Breaker(
            first_seconds=_FIRST_BREAK_SECONDS,
            longest_seconds=_LONGEST_BREAK_SECONDS,
            slow_seconds=_SLOW_SECONDS,
            allowance_seconds=_ALLOWANCE_SECONDS,
        )
        # Taken or not, we never heard: a call that timed out may have been
        # carried out later. They are let go with the next call that works.
        self._abandoned: deque[tuple[list[str], str]] = deque(maxlen=100)

    @contextmanager
    def hold(self, names: Iterable[str]) -> Iterator[Held]:
        ordered = sorted(f"guard.{name}" for name in set(names))
        token = entropy.randbytes(8).hex()
        taken = self._take_measured(ordered, token) if ordered else []
        held = Held(partial(self._let_go, taken, token) if taken else None)
        try:
            yield held
        finally:
            held.let_go()

    def _take_measured(self, names: list[str], token: str) -> list[str]:
        taken: list[str] = []
        if self._breaker.admits():
            with tracing.Part("guard", GUARD_SECONDS, guards=len(names)):
                taken = self._take(names, token)
        if not taken:
            GUARDS_MISSED.inc()
        return taken

    def _take(self, names: list[str], token: str) -> list[str]:
        """The guards that could be had, from the first on."""
        had = 0
        deadline = time.monotonic() + _PATIENCE_SECONDS
        try:
            redis = _client()
            self._let_go_abandoned(redis)
            while True:
                waiting_expires = int(_PATIENCE_SECONDS * 2000)
                arguments = (token, _LEASE_MILLISECONDS, waiting_expires)
                had += cast(int, self._call(redis, _TAKE, names[had:], *arguments))
                if had == len(names) or time.monotonic() >= deadline:
                    break
                redis.blpop([f"{names[had]}.turns"], timeout=_TURN_SECONDS)
        except (RedisError, OSError) as error:
            self._leave_alone(type(error).__name__)
            self._abandoned.append((names, token))
            return []
        return names[:had]

    def _let_go_abandoned(self, redis: Any) -> None:
        deadline = time.monotonic() + _SLOW_SECONDS
        while time.monotonic() < deadline:
            # Off the pile before the call: two committers come here at once.
            try:
                names, token = self._abandoned.pop()
            except IndexError:
                return
            try:
                self._release(redis, names, token)
            except BaseException:
                self._abandoned.append((names, token))
                raise

    def _let_go(self, names: list[str], token: str, commands: Sequence[Command]) -> bool:
        try:
            self._release(_client(), names, token, commands)
        except (RedisError, OSError) as error:
            self._leave_alone(type(error).__name__)
            self._abandoned.append((names, token))
            return False
        return True

    def _release(
        self, redis: Any, names: Sequence[str], token: str, commands: Sequence[Command] = ()
    ) -> None:
        patience = int(_PATIENCE_SECONDS * 1000)
        self._call(redis, _LET_GO, names, token, patience, *counted(commands))

    def _call(self, redis: Any, script: str, names: Sequence[str], *arguments: object) -> Any:
        began = time.monotonic()
        answer = redis.eval(script, len(names), *names, *arguments)
        if self._breaker.is_too_slow(time.monotonic() - began):
            self._leave_alone("slow")
        elif self._breaker.reset():
            log.warning("guards_on")
        return answer

    def _leave_alone(self, reason: str) -> None:
        # One line for an outage, however long it lasts and however often it is tried.
        if self._breaker.trip():
            log.warning("guards_off", reason=reason)


def _client() -> Any:
    """The client of django-redis, over connections whose waits are short."""
    cache: Any = caches["guards"]
    return cache.client.get_client()


_guards = _Guards()


@contextmanager
def guards(names: Iterable[str]) -> Iterator[Held]:
    """Hold the guards of these names, as far as they can be had in time."""
    with _guards.hold(names) as held:
        yield held

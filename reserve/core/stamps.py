"""Stamps in Redis, by which every process knows whether what it keeps is still so.

Whoever keeps an answer keeps with it the stamp that its subject had before the
answer was read, and uses it while the stamp is the same. A change takes the stamp
away, after its commit and before anybody is told of it; one that is missing is
made anew, and none ever comes twice. So an answer that was read before a change is
never used after somebody has heard of the change, and an answer that was read
before and is kept after it has a stamp that is gone.

Subjects come in groups (the days of a venue), which can be changed as a whole.
With Redis out of reach there is no stamp, and so nothing kept is used. What a
stamp cannot tell is a change whose process died between commit and word, or could
not reach a Redis that others reach: hence whoever keeps answers lets none grow old.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django_redis import get_redis_connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from reserve.core.breaker import Breaker
from reserve.core.carried_out import Command
from reserve.core.entropy import entropy
from reserve.core.grouping import Grouped
from reserve.core.logging import get_logger
from reserve.core.redis_address import parse_redis_address

log = get_logger(__name__)

Subject = tuple[str, str]
"""A group, and what it is within the group."""

# As long as the time-outs of the cache `guards`, which the threads use.
_PATIENCE_SECONDS = 0.3
_FIRST_BREAK_SECONDS = 0.5
_LONGEST_BREAK_SECONDS = 2.0
_MAX_TOGETHER = 200
# A group that nobody has asked about for so long is forgotten.
_KEPT_MILLISECONDS = 600_000
_PREFIX = "reserve.stamps."

# KEYS: the group of each subject. ARGV: what a missing stamp becomes, how long
# groups are kept, the name of each subject. Answers with the stamps as one text.
_CURRENT = """
local stamps = {}
for position, group in ipairs(KEYS) do
  local name = ARGV[2 + position]
  local stamp = redis.call('HGET', group, name)
  if not stamp then
    stamp = ARGV[1]
    redis.call('HSET', group, name, stamp)
    redis.call('PEXPIRE', group, ARGV[2])
  end
  stamps[position] = stamp
end
return table.concat(stamps, ' ')
"""


class _LoopClient:
    """A connection of one event loop to Redis, and those who wait for it."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        client = parse_redis_address(settings.REDIS_URL).async_client(
            socket_timeout=_PATIENCE_SECONDS,
            socket_connect_timeout=_PATIENCE_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._script = client.register_script(_CURRENT)
        self.group: Grouped[Subject, str | None] = Grouped(self._ask, most=_MAX_TOGETHER)

    async def _ask(self, subjects: Sequence[Subject]) -> Sequence[str | None]:
        distinct = list(dict.fromkeys(subjects))
        if _breaker.is_tripped:
            return [None] * len(subjects)
        keys, arguments = _call(distinct)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                answer = await self._script(keys=keys, args=arguments)
        except (RedisError, OSError) as error:
            _leave_alone(error)
            return [None] * len(subjects)
        _breaker.reset()
        found = dict(zip(distinct, answer.decode().split(), strict=True))
        return [found[subject] for subject in subjects]


_breaker = Breaker(first_seconds=_FIRST_BREAK_SECONDS, longest_seconds=_LONGEST_BREAK_SECONDS)
_client: _LoopClient | None = None


async def acurrent(subject: Subject) -> str | None:
    """The stamp of a subject now, or None where Redis does not answer. Never fails.

    Calls of one process that come together share one round trip.
    """
    global _client  # noqa: PLW0603 (one for each event loop, of which a process has one)
    if _client is None or _client.loop is not asyncio.get_running_loop():
        _client = _LoopClient()
    return await _client.group.join(subject)


def current(subject: Subject) -> str | None:
    """As `acurrent`, for threads."""
    if _breaker.is_tripped:
        return None
    keys, arguments = _call([subject])
    try:
        answer: bytes = _redis().eval(_CURRENT, len(keys), *keys, *arguments)
    except (RedisError, OSError) as error:
        _leave_alone(error)
        return None
    _breaker.reset()
    return answer.decode()


def voiding(subjects: Iterable[Subject]) -> list[Command]:
    """What takes the stamps of subjects away, for whoever speaks to Redis anyway."""
    by_group: dict[str, set[str]] = {}
    for group, name in subjects:
        by_group.setdefault(group, set()).add(name)
    return [("HDEL", _PREFIX + group, *names) for group, names in by_group.items()]


def void(subjects: Iterable[Subject]) -> None:
    """Take the stamps of subjects away, after the commit that changed them. Never fails."""
    commands = voiding(subjects)
    if commands and not _breaker.is_tripped:
        pipeline = _redis().pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        _run(pipeline)


def void_group(group: str) -> None:
    """Take the stamps of all subjects of a group away."""
    if not _breaker.is_tripped:
        pipeline = _redis().pipeline(transaction=False)
        pipeline.delete(_PREFIX + group)
        _run(pipeline)


def _run(pipeline: Any) -> None:
    try:
        pipeline.execute()
    except (RedisError, OSError) as error:
        _leave_alone(error)
    else:
        _breaker.reset()


def _call(subjects: Sequence[Subject]) -> tuple[list[str], list[str | int]]:
    """Keys and arguments of the script."""
    names = [name for _, name in subjects]
    keys = [_PREFIX + group for group, _ in subjects]
    return keys, [entropy.randbytes(8).hex(), _KEPT_MILLISECONDS, *names]


def _leave_alone(error: Exception) -> None:
    seconds = _breaker.trip()
    log.warning("stamps_off", reason=type(error).__name__, seconds=seconds)


def _redis() -> Any:
    """Over connections whose waits are short."""
    return get_redis_connection("guards")

"""Token buckets in Redis, filled and emptied by one script on Redis's own clock.

A bucket is one key: the tokens in it, and when they were counted. It expires
when it would be full, which is what no key means. Redis runs a script alone, so
that of callers at once exactly as many pass as there are tokens.

Whoever asks may name keys of others' (markers), and hears in the same round
trip which of them exist.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from reserve.core.grouping import Grouped
from reserve.core.ratelimit.figures import REFUSALS_KEY, client
from reserve.core.ratelimit.local import LocalBuckets
from reserve.core.ratelimit.outage import outage
from reserve.core.ratelimit.verdict import Size, Verdict
from reserve.core.redis_address import parse_redis_address

# As long as the time-outs of the cache `limits`, which the threads use.
_PATIENCE_SECONDS = 0.3
_MAX_TOGETHER = 200
_PREFIX = "reserve.limit."
_KIND = "request"

# KEYS: the hash of refusals, the buckets, the markers. ARGV: tokens and seconds of
# a bucket, the kind of refusal, the cost for each bucket. Answers for each bucket
# whether it had as much and thousandths of tokens left; for each marker 1 or 0: as
# one text, since the client takes its time over each number of an array.
_SPEND = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local size, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local buckets = #ARGV - 3
local answer = {}
for position = 1, buckets do
  local name, cost = KEYS[1 + position], tonumber(ARGV[3 + position])
  local tokens = size
  local kept = redis.call('GET', name)
  if kept then
    local level, since = struct.unpack('dd', kept)
    tokens = math.min(size, level + math.max(0, now - since) * size / window)
  end
  -- Parts of tokens are added up in floating point.
  local allowed = tokens + 0.000001 >= cost
  if allowed then
    tokens = math.max(0, tokens - cost)
    local full_in = math.ceil((size - tokens) * window / size * 1000) + 1
    redis.call('SET', name, struct.pack('dd', tokens, now), 'PX', full_in)
  else
    redis.call('HINCRBY', KEYS[1], ARGV[3], 1)
  end
  answer[#answer + 1] = allowed and 1 or 0
  answer[#answer + 1] = string.format('%d', tokens * 1000 + 0.001)
end
for position = 2 + buckets, #KEYS do
  answer[#answer + 1] = redis.call('EXISTS', KEYS[position])
end
return table.concat(answer, ' ')
"""


@dataclass(frozen=True, slots=True)
class _Charge:
    bucket: str
    cost: int
    markers: Sequence[str]


class _LoopClient:
    """A connection of one event loop to Redis, and those who wait for it."""

    def __init__(self, local: Callable[[Sequence[_Charge], Size], list[Verdict]]) -> None:
        self.loop = asyncio.get_running_loop()
        self.redis = parse_redis_address(settings.REDIS_URL).async_client(
            socket_timeout=_PATIENCE_SECONDS,
            socket_connect_timeout=_PATIENCE_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._local = local
        self._script = self.redis.register_script(_SPEND)
        self.group = Grouped(self._ask, most=_MAX_TOGETHER)

    async def _ask(self, charges: Sequence[_Charge]) -> list[Verdict]:
        size = Size.of_api()
        if outage.is_resting:
            return self._local(charges, size)
        keys, arguments = _call(charges, size)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                answer = await self._script(keys=keys, args=arguments)
        except (RedisError, OSError) as error:
            outage.begin(error)
            return self._local(charges, size)
        outage.end()
        return _verdicts(charges, answer, size)


class _Limiter:
    """One per process: buckets in Redis, or in its own memory while that is away."""

    def __init__(self) -> None:
        self._local = LocalBuckets()
        self._client: _LoopClient | None = None

    def check(self, charge: _Charge) -> Verdict:
        size = Size.of_api()
        if not outage.is_resting:
            keys, arguments = _call([charge], size)
            try:
                answer = client().register_script(_SPEND)(keys=keys, args=arguments)
            except (RedisError, OSError) as error:
                outage.begin(error)
            else:
                outage.end()
                return _verdicts([charge], answer, size)[0]
        return self.judge_alone([charge], size)[0]

    async def acheck(self, charge: _Charge) -> Verdict:
        return await self._loop_client().group.join(charge)

    async def connect(self) -> None:
        """Connect before the first request. A Redis that is away is not this method's to report."""
        with suppress(RedisError, OSError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._loop_client().redis.ping()

    def judge_alone(self, charges: Sequence[_Charge], size: Size) -> list[Verdict]:
        verdicts = []
        for charge in charges:
            allowed, left = self._local.spend(charge.bucket, cost=charge.cost, size=size)
            verdict = Verdict.of(size, cost=charge.cost, allowed=allowed, left=left, marked=None)
            verdicts.append(verdict)
        return verdicts

    def _loop_client(self) -> _LoopClient:
        if self._client is None or self._client.loop is not asyncio.get_running_loop():
            self._client = _LoopClient(self.judge_alone)
        return self._client


def _call(charges: Sequence[_Charge], size: Size) -> tuple[list[str], list[Any]]:
    """Keys and arguments of the script."""
    keys = [REFUSALS_KEY]
    keys += [_PREFIX + charge.bucket for charge in charges]
    for charge in charges:
        keys += charge.markers
    return keys, [size.tokens, size.window_seconds, _KIND, *(charge.cost for charge in charges)]


def _verdicts(charges: Sequence[_Charge], text: bytes, size: Size) -> list[Verdict]:
    """The script's answer for each charge."""
    answer = [int(number) for number in text.split()]
    verdicts = []
    found = 2 * len(charges)
    for position, charge in enumerate(charges):
        allowed, left = answer[2 * position], answer[2 * position + 1] / 1000
        marks = zip(charge.markers, answer[found:], strict=False)
        found += len(charge.markers)
        verdicts.append(
            Verdict.of(
                size,
                cost=charge.cost,
                allowed=bool(allowed),
                left=left,
                marked=frozenset(marker for marker, exists in marks if exists),
            )
        )
    return verdicts


_limiter = _Limiter()


def check(*, bucket: str, cost: int = 1, markers: Sequence[str] = ()) -> Verdict:
    """Charge a bucket, if it holds as much, and look whether keys of Redis exist. Never fails.

    For threads; `acheck` is for the event loop. While Redis is away each process
    has buckets of its own, of the same size, and `marked` is None.

    Args:
        bucket: whose, without personal data: it becomes a key.
        markers: whole keys, as whoever sets them writes them.
    """
    return _limiter.check(_Charge(bucket, cost, markers))


async def acheck(*, bucket: str, cost: int = 1, markers: Sequence[str] = ()) -> Verdict:
    """As `check`; calls of one process that come together share one round trip."""
    return await _limiter.acheck(_Charge(bucket, cost, markers))


async def open_limiter() -> None:
    """Connect to Redis, so that no request waits for it."""
    await _limiter.connect()

"""The limiter and the tokens in a process like a web process: `python -m bench.limiter`.

Arguments: calls of a run, repeats, numbers of callers. Writes one line of JSON.
"""

import asyncio
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import django
import uvloop

os.environ["RATE_LIMIT_MAX_REQUESTS"] = "1000000"
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reserve.settings")
django.setup()

from accounts.tokens import issue_tokens, read_authorization  # noqa: E402
from bench.results import percentile  # noqa: E402
from reserve.core.clock import now  # noqa: E402
from reserve.core.ids import new_id  # noqa: E402
from reserve.core.ratelimit import acheck, check, open_limiter  # noqa: E402

_BUCKETS, _TOKENS = 50, 50
_WARM_CALLS = 200


def _access_token() -> str:
    tokens = issue_tokens(
        user_id=new_id(), login_id=new_id(), refresh_jti=new_id().hex, issued_at=now()
    )
    return tokens.access


class Bench:
    def __init__(self, *, calls: int) -> None:
        self._calls = calls
        self._buckets = [f"user.{new_id().hex}" for _ in range(_BUCKETS)]
        self._headers = [f"Bearer {_access_token()}" for _ in range(_TOKENS)]
        self.faults: list[str] = []

    async def limiter(self, number: int) -> None:
        """As a request of GraphQL or REST pays it, with one marker."""
        bucket = self._buckets[number % _BUCKETS]
        verdict = await acheck(bucket=bucket, markers=(f"reserve.{bucket}",))
        if verdict.marked is None and not self.faults:
            self.faults.append("limits: Redis was out of reach")

    async def limiter_of_threads(self, number: int) -> None:
        check(bucket=self._buckets[number % _BUCKETS])

    async def token(self, number: int) -> None:
        read_authorization(self._headers[number % _TOKENS])

    async def measure(
        self, call: Callable[[int], Awaitable[None]], callers: int
    ) -> dict[str, float]:
        latencies: list[float] = []
        each = self._calls // callers

        async def caller(first: int) -> None:
            for number in range(first, first + each):
                began = time.perf_counter()
                await call(number)
                latencies.append(time.perf_counter() - began)

        began, worked = time.perf_counter(), time.process_time()
        await asyncio.gather(*(caller(index * each) for index in range(callers)))
        seconds, worked = time.perf_counter() - began, time.process_time() - worked
        latencies.sort()
        return {
            "p50_ms": percentile(latencies, 0.5) * 1000,
            "p99_ms": percentile(latencies, 0.99) * 1000,
            "ms_per_call": seconds / len(latencies) * 1000,
            "process_us_per_call": worked / len(latencies) * 1_000_000,
            "per_second": len(latencies) / seconds,
        }


async def run(calls: int, repeats: int, callers: list[int]) -> dict[str, Any]:
    bench = Bench(calls=calls)
    cases = [("limiter", bench.limiter, number) for number in callers]
    cases += [("limiter, in a thread", bench.limiter_of_threads, 1), ("token", bench.token, 1)]
    await open_limiter()
    for _, call, _ in cases:
        for number in range(_WARM_CALLS):
            await call(number)
    figures: dict[str, dict[int, list[dict[str, float]]]] = defaultdict(lambda: defaultdict(list))
    for _ in range(repeats):
        for name, call, number in cases:
            figures[name][number].append(await bench.measure(call, number))
    return {"cases": figures, "faults": bench.faults}


def main() -> None:
    calls, repeats, *callers = map(int, sys.argv[1:])
    # The loop of uvicorn, as it comes with its standard extras.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(run(calls, repeats, callers))))


if __name__ == "__main__":
    main()

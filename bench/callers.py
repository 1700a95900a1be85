"""Callers of the service layer, in a process like a web process: `python -m bench.callers`.

Each line of standard input is a case, answered by one line of JSON. The process
stays between cases, as a web process does between requests, and ends with its
input, so that it cannot outlive whoever started it.
"""

import asyncio
import json
import os
import resource
import sys
import time
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import django
import uvloop

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reserve.settings")
django.setup()

from accounts.actors import Actor, account  # noqa: E402
from accounts.models import User  # noqa: E402
from bench.profiles import ThreadProfiles  # noqa: E402
from bench.results import percentile  # noqa: E402
from bookings.models import Slot  # noqa: E402
from bookings.requests.create import SeatsWanted  # noqa: E402
from bookings.services.bookings import acreate_booking  # noqa: E402
from reserve.core.context import begin_request  # noqa: E402
from reserve.core.errors import DomainError  # noqa: E402
from reserve.core.interpreter import settle  # noqa: E402

NOTES = "Window seat preferred"
SPREAD_SLOTS = 1_000
# A refusal that takes no time must not keep the loop from its other work.
_PAUSE_AFTER_REFUSAL = 0.001
_UNAVAILABLE = "SLOT_UNAVAILABLE"

Place = tuple[UUID, UUID]
"""A venue and one of its slots."""


@dataclass(frozen=True)
class Rows:
    """What can be booked, and by whom."""

    spread: list[Place]
    hot: Place
    race: list[Place]
    customers: list[Actor]

    @classmethod
    def read(cls) -> "Rows":
        slots = Slot.objects.order_by("pk").values_list("venue_id", "pk")
        endless = list(slots.exclude(venue__slug="race"))
        return cls(
            spread=endless[:SPREAD_SLOTS],
            hot=endless[-1],
            race=list(slots.filter(venue__slug="race")),
            customers=[account(user_id) for user_id in User.objects.values_list("pk", flat=True)],
        )


@dataclass
class _Tally:
    latencies: list[float] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)

    async def book(self, actor: Actor, place: Place) -> None:
        """One booking, and what came of it."""
        begin_request()
        began = time.perf_counter()
        try:
            await acreate_booking(actor=actor, seats=SeatsWanted(*place, 1, notes=NOTES))
        except DomainError as refused:
            self.refusals[refused.code] += 1
        except Exception as error:  # noqa: BLE001 (counted, and the run fails)
            self.refusals[type(error).__name__] += 1
        else:
            self.latencies.append(time.perf_counter() - began)
            return
        await asyncio.sleep(_PAUSE_AFTER_REFUSAL)


@dataclass(frozen=True)
class _Sample:
    at: float
    successes: int
    processor_seconds: float


class Callers:
    def __init__(self, rows: Rows, *, index: int, processes: int) -> None:
        self._rows = rows
        # Each process has slots of its own, as if the crowd had spread.
        self._spread = rows.spread[index::processes]
        self._customers = rows.customers[index::processes]

    async def closed_loop(self, case: dict[str, Any]) -> dict[str, Any]:
        """N callers that each book again as soon as they are answered.

        Args:
            case: `slots` (spread or hot), `callers`, `begin` (on the monotonic
                clock, seconds), `warm_seconds`, `seconds`.
        """
        tally = _Tally()
        free = deque(self._spread) if case["slots"] == "spread" else deque([self._rows.hot])
        first, last = case["begin"] + case["warm_seconds"], 0.0
        last = first + case["seconds"]

        async def call(number: int) -> None:
            actor = self._customers[number % len(self._customers)]
            while time.monotonic() < last:
                async with _a_slot(free, is_shared=len(free) == 1) as place:
                    await tally.book(actor, place)

        await asyncio.sleep(case["begin"] - time.monotonic())
        async with asyncio.TaskGroup() as group:
            begin = group.create_task(_sample(tally, first))
            end = group.create_task(_sample(tally, last))
            for number in range(case["callers"]):
                group.create_task(call(number))
        return _figures(tally, begin.result(), end.result())

    async def race(self, case: dict[str, Any]) -> dict[str, Any]:
        """`callers` at once for the seats of one slot, `races` times, each on a fresh slot."""
        seconds, winners, refusals = [], [], Counter[str]()
        for place in self._rows.race[: case["races"]]:
            tally, start = _Tally(), asyncio.Event()

            async def call(actor: Actor, place: Place, tally: _Tally, start: asyncio.Event) -> None:
                await start.wait()
                await tally.book(actor, place)

            async with asyncio.TaskGroup() as group:
                for number in range(case["callers"]):
                    actor = self._customers[number % len(self._customers)]
                    group.create_task(call(actor, place, tally, start))
                await asyncio.sleep(0.01)
                began = time.perf_counter()
                start.set()
            seconds.append(time.perf_counter() - began)
            winners.append(len(tally.latencies))
            refusals += tally.refusals
        return {
            "seconds": seconds,
            "winners": winners,
            "successes": sum(winners),
            "errors": {code: number for code, number in refusals.items() if code != _UNAVAILABLE},
            "refused": refusals[_UNAVAILABLE],
        }


@asynccontextmanager
async def _a_slot(free: deque[Place], *, is_shared: bool) -> AsyncIterator[Place]:
    """The slot that has rested longest; nobody else has it meanwhile, unless all share one."""
    if is_shared:
        yield free[0]
        return
    place = free.popleft()
    try:
        yield place
    finally:
        free.append(place)


async def _sample(tally: _Tally, moment: float) -> _Sample:
    await asyncio.sleep(moment - time.monotonic())
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return _Sample(time.perf_counter(), len(tally.latencies), usage.ru_utime + usage.ru_stime)


def _figures(tally: _Tally, begin: _Sample, end: _Sample) -> dict[str, Any]:
    """The measured part by itself; `successes` is of the whole, for the audit."""
    measured = sorted(tally.latencies[begin.successes : end.successes])
    return {
        "per_second": len(measured) / (end.at - begin.at),
        "processor_seconds": end.processor_seconds - begin.processor_seconds,
        "measured": len(measured),
        "latency_ms": {
            name: percentile(measured, part) * 1000
            for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
            if measured
        },
        "successes": len(tally.latencies),
        "errors": dict(tally.refusals),
    }


async def serve(callers: Callers, profiles: ThreadProfiles) -> None:
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        case = json.loads(line)
        match case["do"]:
            case "closed_loop":
                answer = await callers.closed_loop(case)
            case "race":
                answer = await callers.race(case)
            case "profile":
                answer = profiles.save(case["file"])
            case unknown:
                answer = {"fault": f"There is nothing called {unknown!r} to do."}
        print(json.dumps(answer), flush=True)


def main() -> None:
    index, processes, *options = sys.argv[1:]
    profiles = ThreadProfiles()
    callers = Callers(Rows.read(), index=int(index), processes=int(processes))
    if "--profile" in options:
        profiles.begin()
    settle()
    print(json.dumps({"ready": True}), flush=True)
    # The loop of uvicorn, as it comes with its standard extras.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(callers, profiles))


if __name__ == "__main__":
    main()

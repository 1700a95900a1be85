"""A process of callers: `python -m tests.fuzz.worker`.

Reads orders, one JSON object a line, and answers each with one line when its
operations are done. Ends with its standard input.
"""

import gc
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from itertools import count
from types import SimpleNamespace
from typing import Any, BinaryIO
from unittest.mock import patch

import django
import orjson

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reserve.settings")
django.setup()

from django.db import DatabaseError, connection  # noqa: E402
from django.db.models import QuerySet  # noqa: E402
from django.db.models.functions import Random  # noqa: E402

from bookings import batches  # noqa: E402
from bookings.models import BookingSlot  # noqa: E402
from reserve.core.locks import Held  # noqa: E402
from tests.fuzz.defects import planted  # noqa: E402
from tests.fuzz.desks import Desks  # noqa: E402
from tests.fuzz.operations import Caller, Pool  # noqa: E402
from tests.fuzz.world import DESKS, Order, World  # noqa: E402


class _Faults:
    """What the database found wrong with a batch, also where the desk tried it again."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def counted(self) -> Iterator[None]:
        transact = batches._transact

        def observed(*arguments: Any) -> Any:
            try:
                return transact(*arguments)
            except DatabaseError as error:
                cause = error.__cause__ or error
                broken = getattr(getattr(cause, "diag", None), "constraint_name", None)
                with self._lock:
                    self.counts[f"{type(cause).__name__} {broken or ''}".strip()] += 1
                raise

        with patch.object(batches, "_transact", observed):
            yield


_STALE_LOOKUPS = 0.05


@contextmanager
def _stale_lookups() -> Iterator[None]:
    """Now and then a booking's slots are looked up as if it had them from a move just since.

    Too seldom does a booking really move between the lookup and the lock.
    """

    def lately(**conditions: Any) -> QuerySet[BookingSlot]:
        links = BookingSlot.objects.annotate(chance=Random())
        return links.filter(chance__gt=_STALE_LOOKUPS, **conditions)

    lookup = SimpleNamespace(objects=SimpleNamespace(filter=lately))
    with patch.object(batches, "BookingSlot", lookup):
        yield


def work(order: Order, desks: Desks, say: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Carry out an order; its history is in the file that it names."""
    world, pool, faults = World.from_message(order.world), Pool(), _Faults()
    taken, writing = count(), threading.Lock()
    per_thread = order.operations // order.threads
    outcomes: Counter[str] = Counter()

    def run(thread: int, history: BinaryIO) -> None:
        desks.sit_at(thread)
        name = f"{order.name}.{thread}"
        caller = Caller(name=name, seed=order.seed, world=world, pool=pool, ask=desks.ask)
        try:
            for _ in range(per_thread):
                record = caller.step()
                with writing:
                    outcomes[f"{record['op']} {record['outcome']}"] += 1
                    history.write(orjson.dumps(record) + b"\n")
                    if next(taken) == order.operations // 2:
                        say({"halfway": True})
        finally:
            connection.close()

    unguarded = patch.object(batches, "guards", lambda _names: nullcontext(Held()))
    with (
        planted(order.defect),
        faults.counted(),
        _stale_lookups(),
        desks.put_up(order.desks),
        nullcontext() if order.has_guards else unguarded,
        open(order.history, "wb") as history,  # noqa: PTH123
        ThreadPoolExecutor(order.threads) as threads,
    ):
        list(threads.map(run, range(order.threads), [history] * order.threads))
    return {
        "operations": per_thread * order.threads,
        "outcomes": outcomes,
        "faults": faults.counts,
    }


def main() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    # Whatever else is printed must not be taken for an answer.
    os.dup2(2, 1)

    def say(message: dict[str, Any]) -> None:
        answers.write(orjson.dumps(message) + b"\n")
        answers.flush()

    # What is imported stays, and need not be gone through for garbage again and again.
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    desks = Desks(DESKS)
    for line in sys.stdin.buffer:
        say(work(Order(**orjson.loads(line)), desks, say))


if __name__ == "__main__":
    main()

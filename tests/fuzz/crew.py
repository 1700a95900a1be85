"""The workers of a run, and its rounds: a world, its operations, its audit."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson
from django.db.models.functions import Now

from bookings.models import Booking
from bookings.states import BookingStatus
from reserve.outbox.models import Event
from reserve.outbox.services import relay_pending_events
from tests.fuzz.defects import DEFECTS
from tests.fuzz.evidence import Finding, read_history
from tests.fuzz.invariants import Audit, check_deliveries, check_faults
from tests.fuzz.world import DESKS, Order, World, make_world

PROJECT = Path(__file__).parent.parent.parent
PROCESSES = 2
# Callers of a worker. Many make large batches, which are cheap; in a short round, where
# all begin at once, fewer meet as often and do not wait for each other too long.
MOST_THREADS = 48
FEWEST_THREADS = 12
_OPERATIONS_OF_A_THREAD = 25
# Small rounds: a fresh world has little to read, and what is found is near its cause.
ROUND = 2_500
_PATIENCE_SECONDS = 240.0


@dataclass
class Report:
    """What came of a run."""

    seed: str
    operations: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def tells_of(self, kinds: Collection[str]) -> bool:
        """Whether something of these kinds was found; of any kind, where none are named."""
        return any(finding.kind in kinds or not kinds for finding in self.findings)

    @property
    def progress(self) -> str:
        rate = self.operations / self.seconds if self.seconds else 0
        return (
            f"{self.operations:,} operations in {self.seconds:,.0f} s, {rate:.0f} per second, "
            f"seed {self.seed}"
        )

    def __str__(self) -> str:
        lines = [
            self.progress,
            *(f"  {name:40} {number:>9,}" for name, number in sorted(self.outcomes.items())),
            *(f"  fault {name:34} {number:>9,}" for name, number in sorted(self.faults.items())),
            *(f"  FOUND {finding}" for finding in self.findings[:30]),
        ]
        return "\n".join(lines)


class Worker:
    def __init__(self, name: str, directory: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = directory / f"{name}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz.worker"],
                cwd=PROJECT,
                env={"LOG_LEVEL": "WARNING", **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._orders, self._answers = self._process.stdin, self._process.stdout

    def carry_out(self, order: Order, on_halfway: Callable[[], None]) -> dict[str, Any]:
        """Have a round done; `on_halfway` is called in its middle."""
        stuck = threading.Timer(_PATIENCE_SECONDS, self._process.kill)
        stuck.start()
        try:
            self._orders.write(orjson.dumps(asdict(order)) + b"\n")
            self._orders.flush()
            for line in self._answers:
                answer: dict[str, Any] = orjson.loads(line)
                if not answer.get("halfway"):
                    return answer
                on_halfway()
        finally:
            stuck.cancel()
        raise RuntimeError(f"{self.name} died or was stuck: {self.log.read_text()[-2000:]}")

    def end(self) -> None:
        self._orders.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()


class Crew:
    """Some workers on one database, round after round."""

    def __init__(self, workers: Sequence[Worker], directory: Path) -> None:
        self._workers = workers
        self._directory = directory

    def run(
        self,
        *,
        seed: str,
        operations: int,
        round_size: int = ROUND,
        defect: str | None = None,
        has_guards: Callable[[int], bool] = lambda number: number % 2 == 0,
        on_halfway: Callable[[], None] = lambda: None,
        on_round: Callable[[Report], None] = lambda _report: None,
    ) -> Report:
        """Work in rounds until something is found or all is done.

        Args:
            defect: planted in the workers; the run then ends with what tells of it.
            has_guards: whether the round of that number has guards, which hide races
                between processes and which nothing may depend on.
            on_halfway: called once, in the middle of the first round.
        """
        report = Report(seed)
        began, number = time.monotonic(), 0
        wanted = DEFECTS[defect].kinds if defect else frozenset()
        while report.operations < operations and not report.tells_of(wanted):
            size = min(round_size, operations - report.operations)
            self._round(
                report,
                number,
                size=max(size // len(self._workers), FEWEST_THREADS),
                defect=defect,
                has_guards=has_guards(number),
                on_halfway=on_halfway if number == 0 else lambda: None,
            )
            number += 1
            report.seconds = time.monotonic() - began
            on_round(report)
        return report

    def _round(
        self,
        report: Report,
        number: int,
        *,
        size: int,
        defect: str | None,
        has_guards: bool,
        on_halfway: Callable[[], None],
    ) -> None:
        world = make_world()
        threads = min(max(size // _OPERATIONS_OF_A_THREAD, FEWEST_THREADS), MOST_THREADS)
        orders = [
            Order(
                name=worker.name,
                seed=f"{report.seed}/{number}",
                operations=size,
                threads=threads,
                # With one queue batches are large; with several they meet in the database.
                desks=1 if has_guards else DESKS,
                has_guards=has_guards,
                defect=defect,
                history=str(self._directory / f"{worker.name}.jsonl"),
                world=world.to_message(),
            )
            for worker in self._workers
        ]
        callbacks = [on_halfway, *[lambda: None] * (len(orders) - 1)]
        with ThreadPoolExecutor(len(orders)) as pool:
            answers = list(pool.map(Worker.carry_out, self._workers, orders, callbacks))
        faults: Counter[str] = Counter()
        for answer in answers:
            report.operations += answer["operations"]
            report.outcomes.update(answer["outcomes"])
            faults.update(answer["faults"])
        report.faults.update(faults)
        history = read_history(Path(order.history) for order in orders)
        report.findings += check_faults(faults)
        report.findings += Audit(world, history).run()
        if report.findings or defect:
            _retire(world)
            return
        while relay_pending_events():
            pass
        report.findings += check_deliveries(world)
        # What the relay did is part of the log too.
        report.findings += Audit(world, history).run()


def _retire(world: World) -> None:
    """Leave nothing of a damaged world for the tasks of later rounds to stumble upon."""
    held = Booking.objects.filter(organization=world.organization, status=BookingStatus.HELD)
    held.update(status=BookingStatus.EXPIRED)
    Event.objects.filter(organization_id=world.organization).update(delivered_at=Now())


@contextmanager
def crew(
    directory: Path, environment: Mapping[str, str] | None = None, *, processes: int = PROCESSES
) -> Iterator[Crew]:
    """Start the workers, and end them with the block."""
    directory.mkdir(parents=True, exist_ok=True)
    variables = os.environ | (environment or {})
    workers = [Worker(f"worker{number}", directory, variables) for number in range(processes)]
    try:
        yield Crew(workers, directory)
    finally:
        for worker in workers:
            worker.end()

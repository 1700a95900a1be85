"""Cases of Schemathesis in rounds, each on a fresh world, until so many were answered.

Nothing stops at the first finding, and nothing is shrunk: what is found is told
once per operation and kind, with the command that sends the case again.
"""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Protocol

import hypothesis
import requests
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import APIOperation, Case, GenerationMode, Response

from tests.contract_fuzz.world import Tokens, World, make_world

# No more than one process lets wait for a password: it turns the others away.
_THREADS = 3
_ANSWER_SECONDS = 30
# Cases in one round where the server hashes a password for each, on purpose slowly.
_SLOW_CHUNK = 1


@dataclass(frozen=True)
class Finding:
    operation: str
    kind: str
    text: str


@dataclass
class Report:
    """What came of the cases; shared by threads."""

    cases: int = 0
    seconds: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    succeeded: Counter[str] = field(default_factory=Counter)
    findings: dict[tuple[str, str], Finding] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, operation: str, outcome: "Outcome") -> None:
        with self._lock:
            self.cases += 1
            self.operations[operation] += 1
            self.succeeded[operation] += outcome.is_success
            self.answers[outcome.name] += 1
            for kind, text in outcome.problems.items():
                finding = Finding(operation, kind, text)
                self.findings.setdefault((operation, kind), finding)

    def __str__(self) -> str:
        answers = ", ".join(f"{what} {number}" for what, number in self.answers.most_common())
        found = "".join(
            f"\n\n{each.operation}: {each.kind}\n{each.text}" for each in self.findings.values()
        )
        return f"{self.summary}\n{answers}{found}"

    @property
    def summary(self) -> str:
        reached = sum(1 for number in self.succeeded.values() if number)
        return (
            f"{self.cases} cases of {len(self.operations)} operations, of which {reached} "
            f"succeeded, in {self.seconds:.0f} s: {len(self.findings)} findings"
        )


@dataclass(frozen=True)
class Outcome:
    """What an answer was, for the statistics, and what is wrong with it."""

    name: str
    is_success: bool
    problems: dict[str, str] = field(default_factory=dict)
    """By kind; each with the command that sends the case again."""


@dataclass(frozen=True)
class Target:
    """One operation of a schema, as one API has it."""

    valid: APIOperation
    invalid: APIOperation
    """The operation as valid cases, and those with something wrong, are drawn from it."""
    is_slow: bool = False
    """The server hashes a password for each of its cases."""
    is_destructive: bool = False
    """Takes from others what they need: comes last in its round."""


class Api(Protocol):
    """How the cases of one API are made, sent and judged."""

    path: str
    chunk: int
    """Cases of one operation, actor and mode in one round: some 5,000 of all."""

    def targets(self, world: World) -> list[Target]: ...
    def judge(self, case: Case, response: Response) -> Outcome: ...


@dataclass(frozen=True)
class _Sender:
    """Sends what others make: drawing is not safe in threads before Python 3.12."""

    api: Api
    address: str
    report: Report
    cases: "queue.Queue[tuple[Case, Tokens | None] | None]"

    def run(self) -> None:
        with requests.Session() as session:
            while work := self.cases.get():
                self._send(session, *work)

    def _send(self, session: requests.Session, case: Case, tokens: Tokens | None) -> None:
        token = tokens() if tokens else ""
        headers = {"Authorization": f"Bearer {token}"} if token else None
        response = case.call(
            self.address, session=session, headers=headers, timeout=_ANSWER_SECONDS
        )
        self.report.add(case.operation.label, self.api.judge(case, response))
        if tokens and response.status_code == HTTPStatus.UNAUTHORIZED:
            tokens(refused=token)


def run(
    api: Api,
    server: str,
    *,
    cases: int,
    seed: str,
    on_round: Callable[[Report], None] = lambda _: None,
) -> Report:
    """Send cases until at least so many are answered, whole rounds of all operations.

    Args:
        server: the address of a web process that works on the database of this process.
        seed: the same seed sends the same cases, apart from the ids in them.
        on_round: told what came of all rounds so far, after each.
    """
    report = Report()
    begin = time.monotonic()
    number = 0
    while report.cases < cases:
        before = report.cases
        world = make_world(has_texts=number % 2 == 0)
        _round(api, server + api.path, f"{seed}/{number}", world, report)
        assert report.cases > before, "A round had no cases."
        number += 1
        report.seconds = time.monotonic() - begin
        on_round(report)
    return report


def _round(api: Api, address: str, seed: str, world: World, report: Report) -> None:
    sender = _Sender(api, address, report, queue.Queue(maxsize=2 * _THREADS))
    targets = sorted(api.targets(world), key=lambda each: each.is_destructive)
    with ThreadPoolExecutor(_THREADS) as threads:
        running = [threads.submit(sender.run) for _ in range(_THREADS)]
        try:
            for target in targets:
                for actor, tokens in world.actors.items():
                    for mode in GenerationMode:
                        number = _SLOW_CHUNK if target.is_slow else api.chunk
                        use = partial(_put, sender, tokens)
                        _draw(target, mode, number, f"{seed}/{actor}", use)
        finally:
            for _ in running:
                sender.cases.put(None)
    for each in running:
        each.result()


def _put(sender: _Sender, tokens: Tokens | None, case: Case) -> None:
    sender.cases.put((case, tokens), timeout=2 * _ANSWER_SECONDS)


def _draw(
    target: Target, mode: GenerationMode, number: int, seed: str, use: Callable[[Case], None]
) -> None:
    """Give so many cases of one operation to `use`, or all that there are."""
    operation = target.valid if mode.is_positive else target.invalid

    @hypothesis.seed(f"{seed}/{operation.label}/{mode.value}")
    @settings(
        max_examples=number,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def draw(case: Case) -> None:
        use(case)

    draw()

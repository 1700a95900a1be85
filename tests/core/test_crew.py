"""How many processes do one kind of work at once, and that none who asks is forgotten."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from reserve.core.crew import Crew
from tests.processes import wait_until

LONG = timedelta(seconds=20)


def _forked(act: Callable[[], object]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            act()
        finally:
            os._exit(0)
    return pid


def _busy(crew: Crew, seconds: float) -> tuple[int, int]:
    """A process that works for so long; its id, and a descriptor that tells of each round."""
    reading, writing = os.pipe()

    def work() -> int:
        os.write(writing, b".")
        time.sleep(seconds)
        return 1

    pid = _forked(lambda: crew.do(work, within=LONG))
    os.close(writing)
    assert os.read(reading, 1) == b"."
    return pid, reading


def test_whoever_asks_while_another_works_is_served_by_that_one() -> None:
    crew = Crew(1)
    pid, rounds = _busy(crew, 0.3)
    began_at = time.monotonic()
    assert crew.do(lambda: 1, within=LONG) == 0
    assert time.monotonic() - began_at < 0.2
    assert crew.is_asked
    assert os.read(rounds, 1) == b"."
    os.waitpid(pid, 0)
    assert not crew.is_asked
    assert os.read(rounds, 1) == b""
    assert crew.do(lambda: 1, within=LONG) == 1


def test_as_many_work_as_may() -> None:
    crew = Crew(2)
    pid, _ = _busy(crew, 0.3)
    assert crew.do(lambda: 1, within=LONG) == 1
    os.waitpid(pid, 0)


def test_the_place_of_one_who_is_killed_is_free() -> None:
    crew = Crew(1)
    pid, _ = _busy(crew, 30)
    assert crew.do(lambda: 1, within=LONG) == 0
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    wait_until(lambda: crew.do(lambda: 1, within=LONG) == 1, seconds=2)


def test_a_failure_frees_the_place_and_time_ends_the_work() -> None:
    crew = Crew(1)

    def ask_again() -> int:
        crew._asked[0] = 1
        time.sleep(0.02)
        return 1

    assert 1 <= crew.do(ask_again, within=timedelta(seconds=0.1)) <= 6
    assert crew.is_asked
    with suppress(ZeroDivisionError):
        crew.do(lambda: 1 // 0, within=LONG)
    assert crew.do(lambda: 1, within=LONG) == 1

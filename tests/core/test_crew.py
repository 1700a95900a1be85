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


class _Busy:
    """A process that works until it is let go, round by round."""

    def __init__(self, crew: Crew) -> None:
        self._rounds, begun = os.pipe()
        leave, self._leave = os.pipe()

        def work() -> int:
            os.write(begun, b".")
            os.read(leave, 1)
            return 1

        self.pid = _forked(lambda: crew.do(work, within=LONG))
        os.close(begun)
        assert self.begins_a_round()

    def begins_a_round(self) -> bool:
        """Waits for it; False where it has ended instead."""
        return os.read(self._rounds, 1) == b"."

    def end_the_round(self) -> None:
        os.write(self._leave, b".")

    def wait(self) -> None:
        os.waitpid(self.pid, 0)


def test_whoever_asks_while_another_works_is_served_by_that_one() -> None:
    crew = Crew(1)
    busy = _Busy(crew)
    assert crew.do(lambda: 1, within=LONG) == 0
    assert crew.is_asked
    for _ in range(2):
        busy.end_the_round()
    assert busy.begins_a_round()
    busy.wait()
    assert not crew.is_asked
    assert not busy.begins_a_round()
    assert crew.do(lambda: 1, within=LONG) == 1


def test_as_many_work_as_may() -> None:
    crew = Crew(2)
    busy = _Busy(crew)
    assert crew.do(lambda: 1, within=LONG) == 1
    busy.end_the_round()
    busy.wait()


def test_the_place_of_one_who_is_killed_is_free() -> None:
    crew = Crew(1)
    busy = _Busy(crew)
    assert crew.do(lambda: 1, within=LONG) == 0
    os.kill(busy.pid, signal.SIGKILL)
    busy.wait()
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

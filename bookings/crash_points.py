"""Places at which a test may have the process die, to see what is left (docs/concurrency.md)."""

import os
import signal

CRASH_POINTS = frozenset(
    {
        "after write, before commit",
        "after commit, before answer",
        "after commit, before the relay is woken",
    }
)
_wanted = os.environ.get("RESERVE_CRASH_POINT", "")


def reach(point: str) -> None:
    """Die here, as by a power cut, where the environment asks for it."""
    if point == _wanted:
        os.kill(os.getpid(), signal.SIGKILL)

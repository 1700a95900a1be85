"""How much of a process telling may take: all that is idle, and little of what others want."""

import time
from pathlib import Path

# The part of telling in the processor's time while the process has other work, and the
# part of the time in which it has none that makes up for telling.
_SHARE_OF_BUSY = 1 / 20
_SHARE_OF_IDLE = 1 / 2
# Seconds of telling at once before any of this counts.
CREDIT_SECONDS = 0.05
LONGEST_REST_SECONDS = 0.5
# Telling a few costs next to nothing, and need not wait for those who have many to tell.
_CHEAP_SECONDS = 0.0005
_NANOSECONDS = 1e9


class Pace:
    """Of all that one event loop tells: what it has cost, and how long to rest for it.

    Time is the processor's, the kernel's part included: that a machine is busy with
    something else is no reason to tell later, and no idleness either.
    """

    def __init__(self) -> None:
        self._debt = 0.0
        self._clocks = _clocks()

    def rest_after(self, cost: float) -> float:
        """How long whoever has been told with this effort waits for the next telling, seconds."""
        if cost < _CHEAP_SECONDS:
            self._debt += cost
            return 0.0
        before, self._clocks = self._clocks, _clocks()
        passed, busy, kept_waiting = (
            now - then for now, then in zip(self._clocks, before, strict=True)
        )
        worked = max(0.0, busy - cost)
        idle = max(0.0, passed - busy - kept_waiting)
        # Whoever is kept waiting would have worked, or had nothing to do, as at other times.
        idle += kept_waiting * idle / (idle + worked) if idle else 0.0
        made_up = worked * _SHARE_OF_BUSY + idle * _SHARE_OF_IDLE
        self._debt = max(0.0, self._debt - made_up) + cost
        owed = max(0.0, self._debt - CREDIT_SECONDS)
        # As much of the time that comes will make up for it as of that which has passed.
        share = max(_SHARE_OF_BUSY, made_up / passed if passed > 0 else 0.0)
        return min(owed / share, LONGEST_REST_SECONDS)


def _clocks() -> tuple[float, float, float]:
    """By the clock, of the processor in this process, and of waiting for a processor; seconds."""
    return time.perf_counter(), time.process_time(), _kept_waiting()


def _kept_waiting() -> float:
    """How long this thread could have run and others did. 0 where the system does not tell."""
    try:
        # https://docs.kernel.org/scheduler/sched-stats.html: the second of three figures.
        return int(Path("/proc/thread-self/schedstat").read_bytes().split()[1]) / _NANOSECONDS
    except (OSError, ValueError, IndexError):
        return 0.0

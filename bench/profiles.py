"""cProfile for every thread of a process, which by itself sees only its own."""

import cProfile
import io
import pstats
import sys
import threading
import time
from types import FrameType
from typing import Any


class _Profile(cProfile.Profile):
    def create_stats(self) -> None:
        # Disabling, as the original does, would close another thread's open calls
        # by this thread's clock.
        self.snapshot_stats()


class ThreadProfiles:
    def __init__(self) -> None:
        self._profiles: list[_Profile] = []

    def begin(self) -> None:
        """Profile this thread and those that start from now on."""
        threading.setprofile(self._begin_thread)
        self._enable()

    def save(self, file: str) -> dict[str, Any]:
        """Write all profiles as one, for pstats or a viewer; return its longest lines as text."""
        text = io.StringIO()
        stats: pstats.Stats | None = None
        for profile in self._profiles:
            if stats is None:
                stats = pstats.Stats(profile, stream=text)
            else:
                stats.add(profile)
        if stats is not None:
            stats.dump_stats(file)
            stats.sort_stats("tottime").print_stats(40)
        return {"text": text.getvalue()}

    def _begin_thread(self, _frame: FrameType, _event: str, _argument: Any) -> None:
        # Called at the thread's first call; enabling replaces this very function.
        sys.setprofile(None)
        self._enable()

    def _enable(self) -> None:
        # Processor time: these threads wait for most of the day.
        profile = _Profile(time.thread_time)
        try:
            profile.enable()
        except ValueError:
            # From Python 3.12 on there is one profiler at a time, which sees all threads.
            return
        self._profiles.append(profile)

"""How many processes of a worker do one kind of work at once.

Work that is asked for all the time, as relaying under load, would take every process of a
worker and leave none for what comes after it. So no more than half of them do one kind;
whoever is asked while they do leaves word, and goes on to something else.
"""

import fcntl
import mmap
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta


class Crew:
    """The processes that do a kind of work; to be made before they are forked.

    Args:
        most: how many may do it at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        # Locks of bytes of a file: the system takes them back from a process that is killed.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (as long as the process)
        self._asked = mmap.mmap(-1, 1)
        # Such locks do not keep threads apart.
        self._ours = threading.Lock()

    def do(self, act: Callable[[], int], *, within: timedelta) -> int:
        """Do it, for as long as it is asked for meanwhile; returns the sum of the answers.

        Does nothing where as many others are at it as may be: one of them goes on.

        Args:
            within: when to begin it no more.
        """
        ends_at = time.monotonic() + within.total_seconds()
        total = 0
        self._asked[0] = 1
        # Asked before the attempt to enter, and looked at after leaving: either the one who
        # asks can enter, or whoever is inside sees it.
        while self._asked[0] and time.monotonic() < ends_at:
            with self._entered() as is_inside:
                if not is_inside:
                    break
                self._asked[0] = 0
                total += act()
        return total

    @property
    def is_asked(self) -> bool:
        """Whether somebody asked whom nobody has served."""
        return bool(self._asked[0])

    @contextmanager
    def _entered(self) -> Iterator[bool]:
        if not self._ours.acquire(blocking=False):
            yield False
            return
        try:
            place = next(filter(self._can_take, range(self._most)), None)
            try:
                yield place is not None
            finally:
                if place is not None:
                    fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)
        finally:
            self._ours.release()

    def _can_take(self, place: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except OSError:
            return False
        return True

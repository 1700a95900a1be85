"""Turns at servers, each in a thread: a server that keeps us waiting keeps nobody else.

A turn takes some messages to one server. Posting knows nothing of the database. What
became of each message is written down by whoever began the turn. If the server takes its
time, that one goes on to others, nobody else joins the wait (`lanes`), and the thread
writes down the rest itself, whenever the server has answered.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import copy_context
from datetime import timedelta
from types import TracebackType

from django.db import Error, connection

from notifications.services import lanes
from reserve.core.logging import get_logger

log = get_logger(__name__)

# A turn that takes longer is left to its thread, seconds.
PATIENCE_SECONDS = 0.5
# Threads of a process, one for a server at most. Servers that have failed get no more than
# half of them: the rest is for those of which nothing bad is known.
_MOST = 32
_MOST_TRIALS = _MOST // 2

Recording = Callable[[], bool]
"""Writes down what became of a message; answers whether it went out."""

_threads: dict[str, threading.Thread] = {}


class Turn(ABC):
    """Some messages to one server.

    Args:
        leave: by which its lane was entered.
    """

    def __init__(self, lane: str, leave: lanes.Pass) -> None:
        self.lane = lane
        self.leave = leave
        # How often the server has answered, whatever it was.
        self.answers = 0
        self.has_failed = False

    @abstractmethod
    def post(self) -> Iterator[Recording]:
        """Take the messages to the server, one by one: without the database, and not for ever."""

    @abstractmethod
    def release(self) -> None:
        """Give back the claims of what was not tried."""

    def fail(self, reason: str) -> timedelta:
        """Tell the lane that the server failed; returns for how long it is left alone."""
        self.has_failed = True
        return lanes.report_failure(self.lane, reason)

    def wait(self) -> None:
        """Tell the lane that the server keeps us waiting."""
        if not self.leave.is_trial:
            self.leave = lanes.report_wait(self.lane)

    def go_on(self) -> None:
        """Tell the lane, once the server has answered, that others may come."""
        if self.answers and not self.has_failed:
            lanes.report_success(self.lane, self.leave)
            self.leave = lanes.Pass(is_trial=False)

    def end(self) -> None:
        """Give back what was not tried, and tell the lane how its server did."""
        self.release()
        self.go_on()
        if not self.has_failed:
            lanes.leave_untried(self.lane, self.leave)


class Floor:
    """The turns that a sender has begun. Whoever leaves it has ended them, or left them to threads.

    Args:
        more: called by a thread that was left with a turn, once it has ended it.
    """

    def __init__(self, more: Callable[[], None] | None = None) -> None:
        self.sent = 0
        self._more = more
        self._told = threading.Event()
        self._postings: dict[str, _Posting] = {}

    def __enter__(self) -> "Floor":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            # Whatever has happened here, the threads do what they have begun.
            for posting in self._postings.values():
                posting.disown()
            return
        while self._postings:
            self.wait(PATIENCE_SECONDS)

    def __len__(self) -> int:
        return len(self._postings)

    def has(self, lane: str) -> bool:
        return lane in self._postings

    def enter(self, lane: str) -> lanes.Pass | None:
        """Leave to begin a turn on a lane; None while it is left alone or no thread is free."""
        if lane in _threads or len(_threads) >= _MOST:
            return None
        leave = lanes.enter(lane)
        if leave is not None and leave.is_trial and len(_threads) >= _MOST_TRIALS:
            lanes.leave_untried(lane, leave)
            return None
        return leave

    def begin(self, turn: Turn) -> None:
        self._postings[turn.lane] = _Posting(turn, self._told, self._more)

    def wait(self, seconds: float) -> bool:
        """Write down what is told until a turn is over for us; returns whether one is in time."""
        ends_at = time.monotonic() + seconds
        count = len(self._postings)
        while count and len(self._postings) == count:
            now = time.monotonic()
            if now >= ends_at:
                return False
            began_at = min(posting.began_at for posting in self._postings.values())
            self._told.wait(max(0.0, min(ends_at, began_at + PATIENCE_SECONDS) - now))
            # Before they are looked at: who tells something from now on is not missed.
            self._told.clear()
            for lane, posting in list(self._postings.items()):
                self.sent += posting.record()
                if not posting.has_ended and posting.is_overdue:
                    self.sent += posting.leave()
                if posting.has_ended or posting.is_left:
                    posting.part()
                    del self._postings[lane]
        return True


class _Posting:
    """A turn under way, in a thread of its own."""

    def __init__(self, turn: Turn, told: threading.Event, more: Callable[[], None] | None) -> None:
        self.began_at = time.monotonic()
        self.has_ended = self.is_left = False
        self._turn = turn
        self._told = told
        self._more = more
        self._recordings: deque[Recording] = deque()
        self._lock = threading.Lock()
        # A process that ends waits for it as long as `finish` says; then its claims lapse.
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._run,), name=turn.lane, daemon=True
        )
        _threads[turn.lane] = self._thread
        self._thread.start()

    # --- For whoever began it ---------------------------------------------------------

    @property
    def is_overdue(self) -> bool:
        return time.monotonic() - self.began_at >= PATIENCE_SECONDS

    def record(self) -> int:
        """Write down what has been told; returns how many messages went out."""
        sent = 0
        while self._recordings:
            sent += self._recordings.popleft()()
        return sent

    def leave(self) -> int:
        """Let the thread write down the rest; nobody else joins the wait for the next answer."""
        self._turn.wait()
        with self._lock:
            self.is_left = True
            # What was told before goes before what the thread writes down.
            return self.record()

    def part(self) -> None:
        """Be done with it; where it has ended, its lane is free for the next turn."""
        if self.has_ended:
            self._thread.join()

    def disown(self) -> None:
        """Let the thread write down the rest."""
        with self._lock:
            self.is_left = True

    # --- The thread -------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._post()
        except Error as error:
            # The claim lapses, and the message comes again under its id.
            log.warning("turn_not_recorded", lane=self._turn.lane, reason=type(error).__name__)
        finally:
            connection.close()
            del _threads[self._turn.lane]
        if self.is_left and self._more is not None:
            self._more()

    def _post(self) -> None:
        try:
            for recording in self._turn.post():
                self._tell(recording)
        except Error:
            raise
        except Exception:
            # A fault of ours, and nobody is there to hear of it.
            log.exception("turn_failed", lane=self._turn.lane)
        self._tell(self._end)

    def _tell(self, recording: Recording) -> None:
        with self._lock:
            if not self.is_left:
                self._recordings.append(recording)
                self._told.set()
                return
        recording()
        self._turn.go_on()

    def _end(self) -> bool:
        self._turn.end()
        self.has_ended = True
        return False


def finish(within: timedelta, unless: Callable[[], bool] = lambda: False) -> None:
    """Wait for what servers are still to answer, so that it is written down; not for ever.

    Args:
        unless: whether to wait no longer; asked now and then.
    """
    ends_at = time.monotonic() + within.total_seconds()
    while _threads and time.monotonic() < ends_at and not unless():
        for thread in tuple(_threads.values()):
            thread.join(0.1)

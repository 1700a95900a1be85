"""Keeps named processes running, and ends them together."""

import os
import queue
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from reserve.embedded.privileges import die_with_parent

_FIRST_PAUSE_SECONDS = 0.5
_MAXIMUM_PAUSE_SECONDS = 10.0
_HEALTHY_SECONDS = 30.0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Program:
    """Something to keep running.

    Attributes:
        descriptors: open files, such as a listening socket, that it inherits.
        waits: whether it starts only when somebody calls `start_waiting`.
    """

    name: str
    argv: Sequence[str]
    descriptors: tuple[int, ...] = ()
    waits: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


class Supervisor:
    """Runs programs, each in a session of its own, until told to stop.

    The sessions keep a Ctrl-C at the terminal to the supervisor, which then
    ends the programs in order. When the supervisor itself is killed, the
    kernel kills the programs (PR_SET_PDEATHSIG), so `run` belongs on the main
    thread.

    Args:
        patience_seconds: how long a program may take to end before it is killed.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        directory: Path,
        say: Callable[[str], None],
        patience_seconds: float = 10.0,
    ) -> None:
        self._children = {program.name: _Child(program, directory, say) for program in programs}
        self._say = say
        self._patience_seconds = patience_seconds
        self._posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._stop_requests = 0
        self._awake, self._alarm = socket.socketpair()
        self._awake.setblocking(False)
        self._alarm.setblocking(False)

    def run(self) -> int:
        """Start everything, and return when a signal said so and everything has ended."""
        previous = {number: signal.signal(number, self._hear) for number in _STOP_SIGNALS}
        previous[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        # Python handlers run between two steps of the loop; this ends its sleep.
        previous_alarm = signal.set_wakeup_fd(self._alarm.fileno(), warn_on_full_buffer=False)
        try:
            for child in self._children.values():
                if not child.program.waits:
                    child.start()
            while not self._stop_requests:
                self._sleep(min(child.seconds_until_due() for child in self._children.values()))
                while not self._posted.empty():
                    self._posted.get()()
                for child in self._children.values():
                    child.look_after()
        finally:
            try:
                self._end(list(self._children.values()))
            finally:
                signal.set_wakeup_fd(previous_alarm)
                for number, handler in previous.items():
                    signal.signal(number, handler)
        return 0

    def post(self, work: Callable[[], None]) -> None:
        """Have the loop do this. The only method for other threads."""
        self._posted.put(work)
        self._wake()

    def start_waiting(self) -> None:
        """Start the programs that wait."""
        for child in self._children.values():
            if child.program.waits and not child.wanted:
                child.start()

    def restart(self) -> None:
        """End the programs that run, and start each anew as soon as it has ended."""
        for child in self._children.values():
            if child.wanted:
                child.restart(self._patience_seconds)

    def stop(self) -> None:
        """As a signal would do."""
        self._stop_requests += 1
        self._wake()

    def _end(self, children: list["_Child"]) -> None:
        for child in children:
            child.ask_to_end()
        requests = self._stop_requests
        deadline = time.monotonic() + self._patience_seconds
        while any(child.lives() for child in children):
            # Whoever asks a second time means now.
            if time.monotonic() > deadline or self._stop_requests > max(requests, 1):
                break
            self._sleep(0.2)
        for child in children:
            child.kill()

    def _sleep(self, seconds: float) -> None:
        select.select([self._awake], [], [], max(0.0, seconds))
        with suppress(BlockingIOError):
            self._awake.recv(4096)

    def _wake(self) -> None:
        with suppress(BlockingIOError):
            self._alarm.send(b"\0")

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_requests += 1


class _Child:
    """One program and its process."""

    def __init__(self, program: Program, directory: Path, say: Callable[[str], None]) -> None:
        self.program = program
        self.wanted = False
        self._directory = directory
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._starts_at: float | None = None
        self._restarts_by: float | None = None
        self._pause_seconds = _FIRST_PAUSE_SECONDS

    def start(self) -> None:
        self.wanted = True
        self._starts_at = self._restarts_by = None
        self._started_at = time.monotonic()
        self._process = subprocess.Popen(
            self.program.argv,
            cwd=self._directory,
            env=os.environ | self.program.environment,
            stdin=subprocess.DEVNULL,
            pass_fds=self.program.descriptors,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509
        )

    def restart(self, patience_seconds: float) -> None:
        if self._restarts_by is None:
            self.ask_to_end()
            self._restarts_by = time.monotonic() + (patience_seconds if self.lives() else 0)

    def lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def seconds_until_due(self) -> float:
        """How long the loop may sleep for the sake of this program."""
        due = [moment for moment in (self._starts_at, self._restarts_by) if moment is not None]
        return min([5.0, *(moment - time.monotonic() for moment in due)])

    def look_after(self) -> None:
        """Start it again if it has died, after a pause that grows."""
        now = time.monotonic()
        if self._restarts_by is not None:
            if not self.lives() or now >= self._restarts_by:
                self.kill()
                self.start()
            return
        if self._process is not None and self._process.poll() is not None:
            if now - self._started_at > _HEALTHY_SECONDS:
                self._pause_seconds = _FIRST_PAUSE_SECONDS
            self._say(
                f"{self.program.name} {_ending(self._process.returncode)}. "
                f"Starting it again in {self._pause_seconds:g} s."
            )
            self.kill()
            self._starts_at = now + self._pause_seconds
            self._pause_seconds = min(2 * self._pause_seconds, _MAXIMUM_PAUSE_SECONDS)
        if self._starts_at is not None and now >= self._starts_at:
            self.start()

    def ask_to_end(self) -> None:
        self._starts_at = self._restarts_by = None
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        if self._process is not None and self._process.poll() is None:
            # Only the first process: Celery's ends its pool in order.
            self._process.terminate()

    def kill(self) -> None:
        """End what is left of the program, its own children included."""
        process, self._process = self._process, None
        if process is None:
            return
        # The group outlives its first process while any member lives, and its
        # number is not given away meanwhile. Without members this finds nothing.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _ending(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def say(sentence: str) -> None:
    """Tell the person at the terminal."""
    mark = "\033[36mreserve\033[0m" if sys.stderr.isatty() else "reserve"
    print(f"{mark}: {sentence}", file=sys.stderr, flush=True)

"""Using the embedded servers: taking a lease, and starting the keeper if there is none.

A lease is a shared lock on a file, so that the kernel gives it back however
its holder ends. It is taken before the keeper is looked for. A keeper that is
about to stop a server holds the same file exclusively until it has stopped,
so that a newcomer waits and then finds either the server or no keeper.
"""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from reserve.embedded.binaries import EmbeddedError
from reserve.embedded.processes import open_log, wait_until
from reserve.embedded.state import (
    HURRY,
    Addresses,
    Paths,
    State,
    open_lock,
    read_state,
    try_lock,
    unlock,
)

PROJECT = Path(__file__).resolve().parent.parent.parent
_STOP_SECONDS = 40.0
_START_SECONDS = 120.0


class Lease:
    """The right to use some of the servers of one root, until `release`."""

    def __init__(self, root: Path, *, postgres: bool, redis: bool) -> None:
        self._root = root.resolve()
        wanted = {"postgres": postgres, "redis": redis}
        self._services = [name for name, asked in wanted.items() if asked]
        self._paths = Paths(self._root)
        self._held = ExitStack()

    def acquire(self) -> Addresses:
        """Take the lease, and wait until the servers answer.

        Raises:
            EmbeddedError: a server does not start, or the root cannot be written.
        """
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            self._paths.run.mkdir(mode=0o700, exist_ok=True)
            for service in self._services:
                descriptor = self._open(self._paths.lease(service))
                self._wait_for(descriptor, fcntl.LOCK_SH, _STOP_SECONDS)
            return self.ensure()
        except PermissionError as error:
            self.release()
            raise EmbeddedError(
                f"{error.filename or self._root} belongs to another user. Run as that user, or "
                "set DATABASE_URL and REDIS_URL to servers of your own."
            ) from error
        except OSError as error:
            self.release()
            raise EmbeddedError(
                f"{error.filename or self._root} cannot be used: {error.strerror}. Remove what is "
                "in its place, make room, or set DATABASE_URL and REDIS_URL to servers of your own."
            ) from error
        except BaseException:
            self.release()
            raise

    def ensure(self) -> Addresses:
        """Start the keeper if none lives, and wait until the servers answer."""
        with ExitStack() as stack:
            # One user at a time looks and starts, or two would misread each other.
            start = open_lock(self._paths.start_lock)
            stack.callback(os.close, start)
            self._wait_for(start, fcntl.LOCK_EX, _START_SECONDS)
            for _ in range(3):
                self._start_keeper()
                state = self._wait_for_servers()
                if state is not None:
                    urls = {name: state.urls[name] for name in self._services}
                    return Addresses(urls.get("postgres"), urls.get("redis"))
        raise EmbeddedError(
            f"The embedded servers do not start. The log is {self._root / 'log' / 'keeper.log'}."
        )

    def keeper_lives(self) -> bool:
        descriptor = open_lock(self._paths.keeper_lock)
        try:
            return not try_lock(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    def release(self, *, wait: bool = False) -> None:
        """Give the lease back.

        Args:
            wait: return only when the servers have stopped, unless others use them.
        """
        self._held.close()
        if wait:
            state = read_state(self._paths.state)
            if state is not None and self.keeper_lives():
                with suppress(ProcessLookupError):
                    os.kill(state.keeper, HURRY)
            wait_until(lambda: not self.keeper_lives() or self._others_use(), _STOP_SECONDS)

    def _others_use(self) -> bool:
        for service in self._services:
            descriptor = open_lock(self._paths.lease(service))
            try:
                # A stopping keeper holds it exclusively, other users in common.
                if try_lock(descriptor, fcntl.LOCK_SH):
                    unlock(descriptor)
                    if not try_lock(descriptor, fcntl.LOCK_EX):
                        return True
            finally:
                os.close(descriptor)
        return False

    def _open(self, path: Path) -> int:
        descriptor = open_lock(path)
        self._held.callback(os.close, descriptor)
        return descriptor

    def _wait_for(self, descriptor: int, kind: int, seconds: float) -> None:
        if not wait_until(lambda: try_lock(descriptor, kind), seconds):
            raise EmbeddedError(
                f"Another process keeps the servers of {self._root} locked. End it and try again."
            )

    def _start_keeper(self) -> None:
        """Start a keeper unless one lives. It inherits the lock, so there is no moment between."""
        lock = open_lock(self._paths.keeper_lock)
        try:
            if not try_lock(lock, fcntl.LOCK_EX):
                return
            if self._paths.state.exists():
                self._paths.state.replace(self._paths.previous)
            with open_log(self._root / "log" / "keeper.log") as log:
                subprocess.Popen(
                    [
                        *(sys.executable, "-m", "reserve.embedded.keeper"),
                        *(str(self._root), str(lock)),
                    ],
                    cwd=PROJECT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=(lock,),
                    start_new_session=True,
                )
        finally:
            os.close(lock)

    def _wait_for_servers(self) -> State | None:
        """What the keeper says once it has what we need; None if it is gone."""

        def settled() -> bool:
            state = read_state(self._paths.state)
            if state is not None and (state.error or set(self._services) <= set(state.urls)):
                return True
            return not self.keeper_lives()

        wait_until(settled, _START_SECONDS)
        state = read_state(self._paths.state)
        if state is None:
            return None
        if state.error:
            raise EmbeddedError(state.error)
        return state if set(self._services) <= set(state.urls) else None


@contextmanager
def servers(
    root: Path, *, postgres: bool, redis: bool, wait_for_stop: bool = False
) -> Iterator[Addresses]:
    """Use the embedded servers of this root, starting them if need be.

    Args:
        wait_for_stop: leave only when the servers have stopped, unless others use them.

    Raises:
        EmbeddedError: a server does not start; its text says what to do.
    """
    lease = Lease(root, postgres=postgres, redis=redis)
    addresses = lease.acquire()
    try:
        yield addresses
    finally:
        lease.release(wait=wait_for_stop)

"""The guardian of the servers of one root: `python -m reserve.embedded.keeper ROOT LOCK`.

It starts a server while somebody holds its lease, restarts one that dies, and
stops it and itself a moment after the last lease is gone. Killed with -9, the
servers hear of it from the kernel and stop by themselves; what is left after
all is healed by the next keeper.
"""

import contextlib
import fcntl
import os
import signal
import stat
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from reserve.embedded.binaries import EmbeddedError
from reserve.embedded.postgres import Postgres
from reserve.embedded.redis import Redis
from reserve.embedded.state import (
    HURRY,
    SERVICES,
    Paths,
    State,
    open_lock,
    read_state,
    try_lock,
    unlock,
)

_POLL_SECONDS = 0.2
# One command often follows another; its servers need not start anew.
_GRACE_SECONDS = 1.0
_MAXIMUM_PAUSE_SECONDS = 10.0
# The system limits a socket's path to 104 or 108 bytes, the file's name included.
_MAXIMUM_DIRECTORY_BYTES = 80


class Service:
    """One server and its lease."""

    def __init__(self, server: Postgres | Redis, paths: Paths) -> None:
        self.server = server
        self.running = False
        self.unused_since = time.monotonic()
        self.pause = 0.0
        self.next_attempt = 0.0
        self._lease = open_lock(paths.lease(server.name))

    def in_use(self) -> bool:
        if not self.seize():
            return True
        unlock(self._lease)
        return False

    def seize(self) -> bool:
        """Keep newcomers waiting, unless somebody has a lease."""
        return try_lock(self._lease, fcntl.LOCK_EX)

    def let_go(self) -> None:
        unlock(self._lease)


class Keeper:
    """Runs the servers of one root until nobody needs them."""

    def __init__(self, root: Path) -> None:
        self._paths = Paths(root)
        self._stopping = False
        self._grace_seconds = _GRACE_SECONDS
        directory = _socket_directory(self._paths)
        self._directory = directory
        self._services = [
            Service(Redis(root, directory), self._paths),
            Service(Postgres(root, directory), self._paths),
        ]
        assert {service.server.name for service in self._services} == set(SERVICES)
        self._state = State(keeper=os.getpid(), directory=str(directory))

    def run(self) -> int:
        """Serve until the last lease is gone, or until told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        signal.signal(HURRY, self._hurry)
        self._publish(self._state)
        self._paths.previous.unlink(missing_ok=True)
        try:
            for service in self._services:
                service.server.heal()
            while not self._stopping and not self._is_done():
                for service in self._services:
                    self._attend(service)
                time.sleep(_POLL_SECONDS)
        except EmbeddedError as error:
            _say(str(error))
            self._stop_all()
            self._publish(State(os.getpid(), str(self._directory), error=str(error)))
            self._remove_directory()
            return 1
        self._stop_all()
        # Told to stop while there are users: a successor serves them at the same addresses.
        if not any(service.in_use() for service in self._services):
            self._paths.state.unlink(missing_ok=True)
            self._remove_directory()
        return 0

    def _remove_directory(self) -> None:
        with contextlib.suppress(OSError):
            self._directory.rmdir()

    def _attend(self, service: Service) -> None:
        now = time.monotonic()
        if service.in_use():
            service.unused_since = now
            if not service.running:
                self._start(service)
            elif service.server.died() and now >= service.next_attempt:
                self._restart(service)
        elif (
            service.running and now - service.unused_since > self._grace_seconds and service.seize()
        ):
            try:
                self._stop_one(service)
            finally:
                service.let_go()

    def _start(self, service: Service) -> None:
        self._grace_seconds = _GRACE_SECONDS
        service.server.start()
        service.running = True
        _say(f"{service.server.name} runs as process {service.server.pid}.")
        self._publish(
            self._state.with_server(service.server.name, service.server.url, service.server.pid)
        )

    def _restart(self, service: Service) -> None:
        _say(f"{service.server.name} died. Starting it again.")
        # Users keep their addresses, so it must come back in the same place.
        self._directory.mkdir(mode=0o700, exist_ok=True)
        try:
            service.server.stop()
            self._start(service)
        except EmbeddedError as error:
            service.pause = min(max(0.5, 2 * service.pause), _MAXIMUM_PAUSE_SECONDS)
            service.next_attempt = time.monotonic() + service.pause
            _say(f"{error} Trying again in {service.pause:g} s.")
        else:
            service.pause = 0.0

    def _stop_one(self, service: Service) -> None:
        self._publish(self._state.without_server(service.server.name))
        service.server.stop()
        service.running = False
        _say(f"{service.server.name} stopped.")

    def _stop_all(self) -> None:
        for service in self._services:
            if service.running:
                self._stop_one(service)

    def _is_done(self) -> bool:
        """Whether nothing runs and nobody came; newcomers then wait for this process to end."""
        now = time.monotonic()
        for service in self._services:
            if service.running or now - service.unused_since <= self._grace_seconds:
                return False
        seized = [service for service in self._services if service.seize()]
        if len(seized) == len(self._services):
            return True
        for service in seized:
            service.let_go()
        return False

    def _publish(self, state: State) -> None:
        self._state = state
        state.write(self._paths.state)

    def _hurry(self, _number: int, _frame: FrameType | None) -> None:
        self._grace_seconds = 0.0

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True


def _socket_directory(paths: Paths) -> Path:
    """A directory for sockets with a short path.

    After a keeper that was killed, its directory is used again: those who
    still hold leases then keep their addresses.
    """
    previous = read_state(paths.previous)
    if previous is not None:
        directory = Path(previous.directory)
        if _is_private(directory):
            return directory
    for parent in (tempfile.gettempdir(), "/tmp", "/var/tmp"):  # noqa: S108
        if len(os.fsencode(parent)) + 20 <= _MAXIMUM_DIRECTORY_BYTES:
            try:
                return Path(tempfile.mkdtemp(prefix="reserve-", dir=parent))
            except OSError:
                continue
    raise EmbeddedError("No temporary directory can be written. Set TMPDIR to one that can.")


def _is_private(directory: Path) -> bool:
    """Whether nobody else can have put something in this directory's place."""
    try:
        found = directory.lstat()
    except OSError:
        return False
    mine = found.st_uid == os.geteuid() or os.geteuid() == 0
    return stat.S_ISDIR(found.st_mode) and mine and stat.S_IMODE(found.st_mode) == stat.S_IRWXU


def _say(sentence: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} [{os.getpid()}] {sentence}", flush=True)


def main() -> int:
    root, lock = Path(sys.argv[1]), int(sys.argv[2])
    # The lock came with the descriptor; the servers must not inherit it.
    os.set_inheritable(lock, False)
    try:
        return Keeper(root).run()
    except (EmbeddedError, OSError) as error:
        _say(str(error))
        State(os.getpid(), "", error=str(error)).write(Paths(root).state)
        return 1


if __name__ == "__main__":
    sys.exit(main())

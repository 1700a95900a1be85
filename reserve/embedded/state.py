"""What the keeper of a data directory tells its users, and the files they meet at."""

import fcntl
import json
import os
import signal
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

SERVICES = ("postgres", "redis")
# By this signal a user tells the keeper that it waits for the end.
HURRY = signal.SIGUSR1


@dataclass(frozen=True)
class Addresses:
    """Where the servers are heard; None for one that was not asked for."""

    database_url: str | None
    redis_url: str | None


@dataclass(frozen=True)
class Paths:
    """The files under `<root>/run`.

    keeper.lock: held exclusively by the one keeper.
    start.lock: held by a user while it looks for a keeper or starts one.
    postgres.lease, redis.lease: held in common by the users of that server.
    servers.json: what the living keeper says.
    previous.json: what a keeper said that did not end in order.
    """

    root: Path

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def keeper_lock(self) -> Path:
        return self.run / "keeper.lock"

    @property
    def start_lock(self) -> Path:
        return self.run / "start.lock"

    @property
    def state(self) -> Path:
        return self.run / "servers.json"

    @property
    def previous(self) -> Path:
        return self.run / "previous.json"

    def lease(self, service: str) -> Path:
        return self.run / f"{service}.lease"


@dataclass(frozen=True)
class State:
    """The content of servers.json."""

    keeper: int
    directory: str
    urls: dict[str, str] = field(default_factory=dict)
    pids: dict[str, int] = field(default_factory=dict)
    error: str = ""

    def with_server(self, name: str, url: str, pid: int | None) -> "State":
        pids = self.pids | ({name: pid} if pid else {})
        return replace(self, urls=self.urls | {name: url}, pids=pids)

    def without_server(self, name: str) -> "State":
        return replace(
            self,
            urls={key: value for key, value in self.urls.items() if key != name},
            pids={key: value for key, value in self.pids.items() if key != name},
        )

    def write(self, path: Path) -> None:
        """Replace the file at once, readable by its owner only."""
        partial = path.with_suffix(".partial")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(self), file, indent=1)
        partial.replace(path)


def read_state(path: Path) -> State | None:
    """What the file says; None where there is none or it makes no sense."""
    try:
        return State(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def open_lock(path: Path) -> int:
    """A descriptor to lock by; the kernel frees its locks when the process is gone."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(descriptor: int, kind: int) -> bool:
    """Take the lock (`fcntl.LOCK_EX` or `LOCK_SH`) if it is free now."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_UN)

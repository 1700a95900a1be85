"""Processes of the application as production runs them, for benchmarks to call."""

import http.client
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from bench.place import PROJECT, Place

_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_LAST_LINES = 2_000
# Logins count against the address, and they all have one.
_HIGH = "1000000"


class Production:
    """Web and worker processes on one database, each with its own log file."""

    def __init__(
        self, place: Place, folder: Path, stack: ExitStack, variables: Mapping[str, str]
    ) -> None:
        self._folder = folder
        self._stack = stack
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.pids: dict[str, int] = {}
        """Of web processes (or the parent of several) by address; of worker and beat by name."""
        self._variables = place.variables() | {
            "RESERVE_MODE": "production",
            "JWT_SECRET": secrets.token_hex(32),
            "JWT_ACCESS_EXPIRES_IN": "12h",
            "HOST": "127.0.0.1",
            "ALLOWED_HOSTS": "127.0.0.1",
            "EMAIL_URL": "smtp://127.0.0.1:1",
            "RATE_LIMIT_MAX_REQUESTS": _HIGH,
            "RATE_LIMIT_WINDOW_SECONDS": "1",
            "AUTH_RATE_LIMIT_ACCOUNT": _HIGH,
            "AUTH_RATE_LIMIT_ADDRESS": _HIGH,
            **variables,
        }

    def web(
        self,
        *,
        processes: int = 1,
        variables: Mapping[str, str] | None = None,
        module: str | None = None,
    ) -> str:
        """Start web processes on a port of their own; return their address.

        Args:
            module: of the project, which serves on HOST and PORT in place of `make start`.
        """
        port = _free_port()
        own = {"PORT": str(port), "WEB_CONCURRENCY": str(processes), **(variables or {})}
        command = (module,) if module else ("reserve.serve", "web")
        running, log = self._start("web", own, command)
        address = f"http://127.0.0.1:{port}"
        self.pids[address] = running.pid
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(address):
            if running.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"No web process began:\n{log.read_text()[-_LAST_LINES:]}")
            time.sleep(0.1)
        return address

    def worker(self) -> None:
        """Start a worker and beat, so that bookings are confirmed meanwhile."""
        for process in ("worker", "beat"):
            running, _ = self._start(process, {}, ("reserve.serve", process))
            self.pids[process] = running.pid

    def ended(self) -> list[str]:
        """What has ended though it should run, with the last lines that it wrote."""
        return [
            f"{name} ended: {(self._folder / name).read_text()[-_LAST_LINES:]}"
            for name, running in self._running.items()
            if running.poll() is not None
        ]

    def errors_logged(self) -> list[str]:
        """The first lines of the logs that tell of an error."""
        found = []
        for log in sorted(self._folder.glob("*.log")):
            with log.open(errors="replace") as lines:
                found += [line.strip() for line in lines if '"level":"error"' in line][:3]
        return found

    def _start(
        self, process: str, variables: Mapping[str, str], command: Sequence[str]
    ) -> tuple[subprocess.Popen[bytes], Path]:
        log = self._folder / f"{process}{len(list(self._folder.iterdir()))}.log"
        with log.open("wb") as file:
            running = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=PROJECT,
                env=self._variables | variables,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                # An interrupt is for the parent, whose end is theirs.
                start_new_session=True,
            )
        self._running[log.name] = running
        self._stack.callback(_end, running)
        return running, log


@contextmanager
def production(place: Place, **variables: str) -> Iterator[Production]:
    """What is started here ends with the block."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        yield Production(place, Path(folder), stack, variables)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _answers(address: str) -> bool:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2)
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/health/live")
        return connection.getresponse().status == http.client.OK
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

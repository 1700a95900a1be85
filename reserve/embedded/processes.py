"""Finding, judging and ending processes of servers."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_PROC = Path("/proc")
_MAXIMUM_LOG_BYTES = 5 << 20


def wait_until(condition: Callable[[], bool], seconds: float, *, interval: float = 0.02) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True


def spawn(
    argv: Sequence[str | Path], *, log: Path, prepare: Callable[[], None]
) -> subprocess.Popen[bytes]:
    """Start a server in the background with its output in a log file."""
    with open_log(log) as output:
        return subprocess.Popen(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=server_environment(),
            umask=0o077,
            # Its own session: a Ctrl-C at the terminal is for the keeper's users.
            start_new_session=True,
            preexec_fn=prepare,  # noqa: PLW1509
        )


def server_environment() -> dict[str, str]:
    """What a server may know of the environment: PGDATA, PGPORT and the like would mislead it."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def open_log(path: Path) -> BinaryIO:
    """The log file, open for appending; a large one is set aside first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if path.stat().st_size > _MAXIMUM_LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def is_server_of(pid: int, program: str, data: Path) -> bool:
    """Whether this process is that server on that data, and not a later owner of its number.

    Both servers are started with their data directory as an argument.
    """
    arguments = _arguments(pid)
    return bool(arguments) and Path(arguments[0]).name == program and str(data) in arguments


def stop(
    pid: int, signals: Sequence[tuple[signal.Signals, float]], gone: Callable[[], bool]
) -> None:
    """Send each signal in turn and wait that many seconds, until the process is gone."""
    for number, seconds in signals:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        if wait_until(gone, seconds):
            return


def read_pid(path: Path) -> int | None:
    """The number in the first line of a pid file, if there is one."""
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _arguments(pid: int) -> list[str]:
    if _PROC.is_dir():
        try:
            raw = (_PROC / str(pid) / "cmdline").read_bytes()
        except OSError:
            return []
        return [os.fsdecode(part) for part in raw.split(b"\0")[:-1]]
    # No /proc (macOS). Arguments with spaces fall apart here, and such a server is not found.
    shown = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.split()

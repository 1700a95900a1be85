"""The supervisor restarts what dies and leaves nothing behind."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from reserve.embedded.processes import wait_until
from tests.embedded.children import Child, ends, lives

# Writes its number and that of a child of its own to a file.
_PROGRAM = """
import os, signal, subprocess, sys, time
if sys.argv[2] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "600"])
open(sys.argv[1], "a").write(f"{os.getpid()} {child.pid}\\n")
time.sleep(600)
"""
_SUPERVISE = """
    import sys, threading
    from pathlib import Path
    from reserve.embedded.supervisor import Program, Supervisor
    folder, kind, text, patience = Path(sys.argv[1]), *sys.argv[2:]
    programs = [
        Program(name, [sys.executable, "-c", text, str(folder / name), kind])
        for name in ("one", "two")
    ]
    supervisor = Supervisor(
        programs, directory=folder, say=print, patience_seconds=float(patience)
    )
    def obey():
        for line in sys.stdin:
            supervisor.post(getattr(supervisor, line.strip()))
    threading.Thread(target=obey, daemon=True).start()
    sys.exit(supervisor.run())
"""


@pytest.fixture
def supervise(tmp_path: Path, python: Callable[..., Child]) -> Callable[..., Child]:
    def start(kind: str = "willing", patience_seconds: float = 1) -> Child:
        child = python(_SUPERVISE, tmp_path, kind, _PROGRAM, patience_seconds)
        for name in ("one", "two"):
            assert _started(tmp_path / name, 1)
        return child

    return start


def _starts(path: Path) -> list[list[int]]:
    """The numbers of a program and its child, for each start."""
    if not path.exists():
        return []
    return [[int(word) for word in line.split()] for line in path.read_text().splitlines()]


def _started(path: Path, times: int) -> bool:
    return wait_until(lambda: len(_starts(path)) == times, 20)


def _all_numbers(folder: Path) -> list[int]:
    return [
        number for name in ("one", "two") for start in _starts(folder / name) for number in start
    ]


def test_a_killed_program_is_started_again(tmp_path: Path, supervise: Callable[..., Child]) -> None:
    child = supervise()
    first = _starts(tmp_path / "one")[0]
    os.kill(first[0], signal.SIGKILL)
    assert _started(tmp_path / "one", 2)
    assert child.line() == "one was killed by SIGKILL. Starting it again in 0.5 s."
    assert not lives(first[1]), "the child of a killed program goes with it"
    assert len(_starts(tmp_path / "two")) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_nothing_is_left_whatever_ends_the_supervisor(
    tmp_path: Path, supervise: Callable[..., Child], number: signal.Signals
) -> None:
    child = supervise()
    child.process.send_signal(number)
    assert child.process.wait(10) == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    programs = [_starts(tmp_path / name)[0][0] for name in ("one", "two")]
    assert all(ends(pid, 3) for pid in programs)
    if number == signal.SIGKILL:
        # The kernel ends the programs; their own children are theirs to watch,
        # as Celery's pool watches its parent. These here do not.
        for pid in programs:
            os.killpg(pid, signal.SIGKILL)
    assert all(ends(pid, 3) for pid in _all_numbers(tmp_path))


def test_a_stubborn_program_is_killed(tmp_path: Path, supervise: Callable[..., Child]) -> None:
    child = supervise("stubborn")
    child.process.terminate()
    assert child.process.wait(10) == 0
    assert all(ends(pid, 3) for pid in _all_numbers(tmp_path))


def test_a_second_signal_means_now(tmp_path: Path, supervise: Callable[..., Child]) -> None:
    child = supervise("stubborn", patience_seconds=60)
    child.process.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        child.process.wait(0.3)
    child.process.terminate()
    assert child.process.wait(10) == 0
    assert all(ends(pid, 3) for pid in _all_numbers(tmp_path))


def test_restart_replaces_every_program(tmp_path: Path, supervise: Callable[..., Child]) -> None:
    child = supervise()
    assert child.process.stdin is not None
    child.process.stdin.write("restart\n")
    child.process.stdin.flush()
    for name in ("one", "two"):
        assert _started(tmp_path / name, 2)
        old, new = _starts(tmp_path / name)
        assert not lives(old[0])
        assert lives(new[0])
    child.process.terminate()
    assert child.process.wait(10) == 0
    assert all(ends(pid, 3) for pid in _all_numbers(tmp_path))

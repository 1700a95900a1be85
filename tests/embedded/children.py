"""Processes that the tests of the embedded servers start, and what they look at."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reserve.embedded import installed
from reserve.embedded.processes import wait_until

needs_servers = pytest.mark.skipif(not installed(), reason="the servers' wheels are not installed")


class Child:
    """A Python process that runs a snippet and answers in lines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


def state_of(root: Path) -> dict[str, Any]:
    """What the keeper of this root says."""
    found: dict[str, Any] = json.loads((root / "run" / "servers.json").read_text())
    return found


def lives(pid: int) -> bool:
    """Whether the process is there, and not only its entry waiting to be read."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def ends(pid: int, seconds: float = 15) -> bool:
    return wait_until(lambda: not lives(pid), seconds)

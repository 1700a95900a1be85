"""Clones of this project in which tests run `make` itself."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from bench.clone import copy_project, plain_environment, residents
from tests.embedded.children import state_of
from tests.processes import free_port, wait_until


class Clone:
    """A copy of the working tree, with our environment of Python linked into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self._log = folder.with_name(f"{folder.name}.log")
        self._running: subprocess.Popen[bytes] | None = None
        copy_project(folder, installed=True)

    def start(self) -> None:
        """`make dev`, as a terminal starts it: in a process group of its own."""
        with self._log.open("wb") as log:
            self._running = subprocess.Popen(
                ["make", "dev"],
                cwd=self.folder,
                env=plain_environment(PORT=str(self.port), RATE_LIMIT_MAX_REQUESTS="100000"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Whoever runs the tests in the background has it ignored.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
            )

    @property
    def make(self) -> subprocess.Popen[bytes]:
        assert self._running is not None
        return self._running

    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def says(self, text: str, seconds: float = 60) -> None:
        """Wait for a text in the output; fails with all of it where the text does not come."""

        def said() -> bool:
            assert self.make.poll() is None or text in self.output(), self.output()
            return text in self.output()

        try:
            wait_until(said, seconds=seconds)
        except AssertionError as error:
            raise AssertionError(f"No {text!r} in:\n{self.output()}") from error

    def is_ready(self, seconds: float = 60) -> float:
        """Wait for the greeting; how many seconds it took from here."""
        started = time.monotonic()
        self.says("ReserveAPI is ready at", seconds)
        return time.monotonic() - started

    def ends(self, seconds: float = 20) -> int:
        """Wait until `make` and all that it started are gone; its return code."""
        sockets = self._sockets()
        code = self.make.wait(seconds)
        wait_until(lambda: not self.residents(), seconds=10)
        assert not sockets.exists()
        return code

    def residents(self) -> dict[int, list[str]]:
        return residents(self.folder)

    def resident(self, *words: str) -> int:
        """The eldest process whose command line has all these words."""
        return min(pid for pid, argv in self.residents().items() if set(words) <= set(argv))

    def lose_power(self) -> None:
        """Kill everything at once, before anything can tidy up."""
        pids = list(self.residents())
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
        self.make.wait(10)
        wait_until(lambda: not self.residents(), seconds=10)

    def tidy(self) -> None:
        """End what a failed test left."""
        if self.residents():
            self.lose_power()
            shutil.rmtree(self._sockets())

    def servers(self) -> dict[str, Any]:
        """What the keeper of the servers says."""
        return state_of(self.folder / "var")

    def query(self, document: str, token: str = "") -> Any:
        """The data of the only root field; asked again while the database is away."""

        def answer() -> Any:
            response = httpx.post(
                f"{self.url}/graphql",
                json={"query": document},
                headers={"Authorization": f"Bearer {token}"} if token else {},
                timeout=20,
            )
            return None if "SERVICE_UNAVAILABLE" in response.text else response.json()

        found = wait_until(answer)
        assert "errors" not in found, found
        return next(iter(found["data"].values()))

    def change(self, name: str, edit: Callable[[str], str]) -> None:
        """Edit a file of the clone."""
        path = self.folder / name
        before = path.read_text()
        after = edit(before)
        assert after != before
        path.write_text(after)

    def _sockets(self) -> Path:
        """Where the servers are heard: outside the clone, whose path may be too long."""
        return Path(self.servers()["directory"])

"""Processes of ours that tests start and end."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

import httpx
from django.db import connection
from psycopg.conninfo import make_conninfo

Result = TypeVar("Result")

PROJECT = Path(__file__).parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(**variables: str) -> dict[str, str]:
    """The environment of a process that works on the test database."""
    database = make_conninfo(os.environ["DATABASE_URL"], dbname=connection.settings_dict["NAME"])
    return os.environ | {"DATABASE_URL": database} | variables


def wait_until(
    condition: Callable[[], Result], *, seconds: float = 60.0, interval: float = 0.05
) -> Result:
    """The first true value of a condition; fails the test where it stays false."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{condition} stayed false for {seconds} s"
        time.sleep(interval)
    return value


def children_of(pid: int) -> list[int]:
    """The ids of a process' own children; none where it is gone."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    with suppress(OSError):
        return [int(child) for task in tasks for child in task.read_text().split()]
    return []


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def process(
    *command: str, log: BinaryIO | None = None, **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python module or script of the project; end it by SIGTERM.

    Args:
        log: where its standard error goes, if not to ours.
    """
    running = subprocess.Popen(
        [sys.executable, *command], cwd=PROJECT, env=environment(**variables), stderr=log
    )
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(15)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


@contextmanager
def web_process(*, log: BinaryIO | None = None, **variables: str) -> Iterator[str]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = ("-m", "reserve.embedded.web", "--bind", "127.0.0.1", str(port))
    with process(*command, log=log, **variables) as running:
        wait_until(lambda: running.poll() is not None or answers(f"{address}/health/live"))
        assert running.poll() is None, "The web process ended at once."
        yield address


@contextmanager
def worker_process(**variables: str) -> Iterator[None]:
    """A Celery worker with its own beat."""
    command = ("-m", "celery", "-A", "reserve", "worker", "--concurrency", "2", "--beat")
    with process(*command, **variables):
        yield

"""The whole of `make dev` on a database of its own, with the demo data."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo

from tests.processes import PROJECT, answers, free_port, wait_until
from tests.workers import WORKER, redis_database

DATABASE = f"reserve_stack{WORKER}"


def _fresh_database() -> str:
    server = os.environ["DATABASE_URL"]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {DATABASE}")
    return make_conninfo(server, dbname=DATABASE)


@contextmanager
def make_dev() -> Iterator[str]:
    """Start everything as `make dev` does, and give its address once it is ready."""
    port = free_port()
    address = f"http://localhost:{port}"
    variables = {
        "DATABASE_URL": _fresh_database(),
        "REDIS_URL": redis_database(os.environ["REDIS_URL"], 1),
        "PORT": str(port),
        "RESERVE_MODE": "development",
        "HOT_RELOAD": "off",
    }
    running = subprocess.Popen(
        [sys.executable, "-m", "reserve.embedded.dev"],
        cwd=PROJECT,
        env=os.environ | variables,
        stdin=subprocess.DEVNULL,
    )
    try:
        wait_until(
            lambda: running.poll() is not None or answers(f"{address}/health/ready"),
            seconds=90,
            interval=0.2,
        )
        assert running.poll() is None, "make dev ended at once."
        yield address
    finally:
        running.terminate()
        running.wait(30)

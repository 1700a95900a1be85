"""Where benchmarks run: the servers, and a database of their own that is dropped at the end.

The process that orchestrates a benchmark does not import Django; what needs it
runs in processes of its own.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import psycopg
import redis
from psycopg.conninfo import make_conninfo

from reserve.embedded import development_environment

PROJECT = Path(__file__).resolve().parent.parent
DATABASE = "reserve_bench"
# Of Redis: somebody's own server may have other work in database 0.
_REDIS_DATABASE = "15"
_OUR_KEYS = "reserve*"
_MODULE_SECONDS = 120.0


@dataclass(frozen=True)
class Place:
    database_url: str
    redis_url: str

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.database_url, autocommit=True)

    def variables(self) -> dict[str, str]:
        """The environment of processes that work here."""
        return os.environ | {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}

    def run_module(self, *command: str, seconds: float = _MODULE_SECONDS) -> None:
        """Run a Python module of the project to its end.

        Raises:
            subprocess.CalledProcessError: it failed; its standard error was shown.
        """
        subprocess.run(
            [sys.executable, "-m", *command],
            cwd=PROJECT,
            env=self.variables(),
            stdin=subprocess.DEVNULL,
            check=True,
            timeout=seconds,
        )

    def figures_of(self, module: str, *arguments: int, seconds: float) -> dict[str, Any]:
        """What a module prints, as one JSON object, that measures in a process of its own.

        Raises:
            subprocess.CalledProcessError, subprocess.TimeoutExpired: it failed, or took longer.
        """
        process = subprocess.run(
            [sys.executable, "-m", module, *map(str, arguments)],
            cwd=PROJECT,
            env=self.variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=True,
            timeout=seconds,
        )
        figures: dict[str, Any] = json.loads(process.stdout)
        return figures


@contextmanager
def place() -> Iterator[Place]:
    """An empty database on the servers of DATABASE_URL and REDIS_URL, or on embedded ones."""
    with development_environment(PROJECT / "var" / "bench", wait_for_stop=True):
        server = os.environ["DATABASE_URL"]
        redis_url = _with_redis_database(os.environ["REDIS_URL"])
        _drop(server)
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        try:
            yield Place(make_conninfo(server, dbname=DATABASE), redis_url)
        finally:
            _forget_keys(redis_url)
            _drop(server)


def _drop(server: str) -> None:
    drop = f"DROP DATABASE IF EXISTS {DATABASE}"
    with psycopg.connect(server, autocommit=True) as connection:
        try:
            # Sends autovacuum away and waits some seconds for others to leave; by
            # force would need rights over autovacuum's processes.
            connection.execute(drop)
        except psycopg.errors.ObjectInUse:
            connection.execute(f"{drop} WITH (FORCE)")


def _with_redis_database(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme == "unix":
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return f"unix://{parts.path}?{urlencode(query | {'db': _REDIS_DATABASE})}"
    return urlunsplit(parts._replace(path=f"/{_REDIS_DATABASE}"))


def _forget_keys(redis_url: str) -> None:
    with suppress(redis.RedisError), redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter(_OUR_KEYS):
            client.delete(key)

"""What keeps `make dev` and `make start` from starting is told in a sentence, with what to do."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from bench.clone import plain_environment
from tests.contracts.test_env_example import entries
from tests.processes import PROJECT, environment, free_port

_SECRET = "a secret that only this test has, and long enough"
_DEV = ("reserve.embedded.dev",)
_START = ("reserve.serve", "web")
# Nobody listens on the first port of all.
_NOBODY = {"DATABASE_URL": "postgresql://reserve@localhost:1/reserve"}
_NO_REDIS = {"REDIS_URL": "redis://localhost:1"}
_DEVELOPMENT = {"RESERVE_MODE": "development"} | _NOBODY | _NO_REDIS
_PRODUCTION = {"RESERVE_MODE": "production", "JWT_SECRET": _SECRET} | _NOBODY | _NO_REDIS

_Case = tuple[Sequence[str], dict[str, str], str]
# Module and arguments, variables, and what is said.
_CASES: list[_Case] = [
    (_DEV, {"PORT": "abc"}, "PORT is 'abc', but must be a whole number from 1 to 65535."),
    (_DEV, {"HOST": "192.0.2.1"}, "HOST is '192.0.2.1', which is no address of this machine."),
    (_DEV, {"HOT_RELOAD": "maybe"}, "HOT_RELOAD is 'maybe', but must be true or false."),
    (_DEV, _DEVELOPMENT, "PostgreSQL cannot be reached: .* Start it, or correct DATABASE_URL."),
    (_DEV, _DEVELOPMENT | {"HOLD_TTL_SECONDS": "soon"}, "HOLD_TTL_SECONDS is 'soon', but must .*"),
    (_DEV, {"RESERVE_MODE": "production"}, "JWT_SECRET is not set. Set it to .*"),
    (_START, {}, "JWT_SECRET is not set. Set it to at least 32 random bytes."),
    (_START, {"JWT_SECRET": "short"}, "JWT_SECRET is too short. Set it to .*"),
    (_START, {"JWT_SECRET": _SECRET}, "DATABASE_URL is not set. Set it to postgresql://.*"),
    (_START, _PRODUCTION, "PostgreSQL cannot be reached: .* Start it, or correct DATABASE_URL."),
    (("reserve.serve", "worker"), _PRODUCTION, "PostgreSQL cannot be reached: .*"),
    (("reserve.serve", "beat"), {"JWT_SECRET": _SECRET}, "DATABASE_URL is not set. Set it to .*"),
]


def _assert_refused(case: _Case) -> None:
    """One line, the sentence, and exit code 1."""
    (module, *arguments), variables, said = case
    result = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=PROJECT,
        env=plain_environment(**({"PORT": str(free_port())} | variables)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    lines = (result.stdout + result.stderr).strip().splitlines()
    assert result.returncode == 1, (case, lines)
    assert re.fullmatch(f"reserve: {said}", lines[-1]), (case, lines)
    # Work on a database may have been announced before.
    assert not [line for line in lines[:-1] if not line.endswith("…")], (case, lines)


def _assert_all_refused(cases: list[_Case]) -> None:
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(_assert_refused, cases))


def test_what_cannot_start_says_why_and_what_to_do() -> None:
    _assert_all_refused(_CASES)


@pytest.mark.django_db
def test_what_cannot_start_on_a_good_database_says_why_too() -> None:
    database = environment()["DATABASE_URL"]
    good = {"DATABASE_URL": database, "JWT_SECRET": _SECRET}
    redis = good | {"REDIS_URL": os.environ["REDIS_URL"]}
    missing = make_conninfo(database, dbname="reserve_missing")
    closing_it = "REVOKE ALL ON SCHEMA public FROM pg_database_owner, PUBLIC"
    freezing_it = "ALTER DATABASE reserve_frozen SET default_transaction_read_only = on"
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        _database("reserve_closed", closing_it) as closed,
        _database("reserve_frozen", freezing_it) as frozen,
        _database("reserve_empty", "SELECT 1") as empty,
    ):
        port = taken.getsockname()[1]
        in_use = f"Port {port} is in use. Stop what uses it or start with PORT={port + 1} make"
        _assert_all_refused(
            [
                (_DEV, redis | {"PORT": str(port)}, f"{in_use} dev."),
                (_START, redis | {"PORT": str(port)}, f"{in_use} start."),
                (_START, redis | {"WEB_CONCURRENCY": "many"}, "WEB_CONCURRENCY is 'many', but .*"),
                (_START, good | _NO_REDIS, "Redis cannot be reached: .* or correct REDIS_URL."),
                (_START, redis | {"DATABASE_URL": empty}, ".* Run `make migrate` first."),
                (
                    _DEV,
                    redis | {"DATABASE_URL": missing},
                    ".*does not exist.*DATABASE_URL.",
                ),
                (_DEV, redis | {"DATABASE_URL": closed}, "PostgreSQL refuses: .*DATABASE_URL."),
                (
                    _DEV,
                    redis | {"DATABASE_URL": frozen},
                    "PostgreSQL refuses: .*read-only.* that can be written.",
                ),
            ]
        )


@contextmanager
def _database(name: str, statement: str) -> Iterator[str]:
    """A database of its own, after that statement in it."""
    server = os.environ["DATABASE_URL"]
    address = make_conninfo(server, dbname=name)
    drop = f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"
    with closing(psycopg.connect(server, autocommit=True)) as connection:
        connection.execute(drop)
        connection.execute(f"CREATE DATABASE {name}")
        with closing(psycopg.connect(address, autocommit=True)) as inside:
            inside.execute(statement)
        try:
            yield address
        finally:
            connection.execute(drop)


# Reads the settings once for each variable, which makes no sense in that turn.
_READ_SETTINGS = """
import importlib, json, os, sys
from django.core.exceptions import ImproperlyConfigured
said = {}
for name in json.loads(sys.argv[1]):
    before = os.environ.get(name)
    os.environ[name] = "?! no sense"
    try:
        for module in [each for each in sys.modules if each.startswith("reserve.settings")]:
            del sys.modules[module]
        importlib.import_module("reserve.settings")
    except ImproperlyConfigured as error:
        said[name] = str(error)
    if before is None:
        del os.environ[name]
    else:
        os.environ[name] = before
print(json.dumps(said))
"""
# Any text does for a password; these others are refused where they are read, see above.
_READ_ELSEWHERE = {"POSTGRES_PASSWORD", "HOST", "WEB_CONCURRENCY", "PYTHON", "HOT_RELOAD"}


def test_no_variable_takes_a_value_that_makes_no_sense() -> None:
    names = sorted(entries().keys() - _READ_ELSEWHERE)
    result = subprocess.run(
        [sys.executable, "-c", _READ_SETTINGS, json.dumps(names)],
        cwd=PROJECT,
        env=plain_environment(**_PRODUCTION),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    said = json.loads(result.stdout)
    unsaid = {
        name: said.get(name)
        for name in names
        if not re.fullmatch(rf"{name} .*\.", said.get(name, ""))
    }
    assert unsaid == {}

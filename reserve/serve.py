"""What is checked before a process of the application starts.

`python -m reserve.serve web|worker|beat` is `make start`, `make worker` and
`make beat`: it refuses to start on what would fail later, each with one
sentence, and then becomes that process. `prepare` is the beginning of
`make dev`.
"""

import os
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import NoReturn

import django
import psycopg
import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor
from redis.sentinel import MasterNotFoundError

from reserve.checks import unsafe_settings
from reserve.core.redis_address import parse_redis_address
from reserve.database_errors import circumstances, first_line, unreachable
from reserve.embedded import commands
from reserve.embedded.figures import begin_shared_figures
from reserve.embedded.ports import PortError, bind, port_from_environment
from reserve.pooler import differing_settings

CONNECT_SECONDS = 5
_MAXIMUM_PROCESSES = 256
# Of workers. At the same niceness, on two cores, one that was behind kept a web process that
# was asked all the time at two thirds of a core.
_NICENESS = 10


class Refusal(Exception):
    """The process must not start. Its text is one sentence, or two: what is wrong, what to do."""


def set_up() -> None:
    """Load the settings and apps, and see that PostgreSQL and Redis answer.

    Raises:
        Refusal: a variable makes no sense, or a server does not answer.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reserve.settings")
    try:
        django.setup()
    except ImproperlyConfigured as error:
        raise Refusal(str(error)) from error
    _check_database()
    _check_redis()


def unapplied_migrations() -> int:
    """How many migrations the database lacks."""
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def prepare(port: int, answer: int) -> None:
    """Bring an embedded or given database up to date, and load the demo data if it is empty.

    Args:
        port: where the application will be served, for the text that greets.
        answer: the descriptor of a file that takes this text.
    """
    set_up()
    number = unapplied_migrations()
    if number:
        print(f"Applying {number} migrations …", file=sys.stderr, flush=True)
        call_command("migrate", interactive=False, verbosity=0)
    call_command("load_demo", if_empty=True)
    # Where static files would be collected; WhiteNoise warns of its absence.
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    with os.fdopen(answer, "w") as file:
        call_command("demo_banner", port=port, stdout=file)


def refuse_incomplete() -> None:
    """See that a process can start in production.

    Raises:
        Refusal: as in `set_up`, the settings are unsafe, or migrations are unapplied.
    """
    set_up()
    for problem in unsafe_settings():
        if problem.is_serious():
            raise Refusal(f"{problem.msg} {problem.hint}")
    number = unapplied_migrations()
    if number:
        raise Refusal(f"The database lacks {number} migrations. Run `make migrate` first.")


def web_command() -> list[str]:
    """The supervisor of the web processes, after a look at the port.

    Raises:
        Refusal: a variable makes no sense, or the port is in use.
    """
    host = os.environ.get("HOST", "").strip() or "0.0.0.0"  # noqa: S104
    text = os.environ.get("WEB_CONCURRENCY", "").strip() or str(os.cpu_count() or 1)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MAXIMUM_PROCESSES):
        raise Refusal(
            f"WEB_CONCURRENCY is {text!r}, but must be a whole number from "
            f"1 to {_MAXIMUM_PROCESSES}."
        )
    try:
        port = port_from_environment()
        # Another instance would share the port unnoticed: theirs are bound so.
        for listener in bind(host, port, command="make start"):
            listener.close()
    except PortError as error:
        raise Refusal(str(error)) from error
    return [sys.executable, "-m", "reserve.embedded.workers", host, str(port), text]


def command_for(process: str) -> list[str]:
    """The command line of that process.

    Raises:
        Refusal: there is no such process, or a variable of its makes no sense.
    """
    match process:
        case "web":
            return web_command()
        case "worker":
            begin_shared_figures()
            _give_way()
            return commands.worker()
        case "beat":
            return commands.beat()
        case _:
            raise Refusal("Usage: python -m reserve.serve web|worker|beat")


def main(process: str = "", *arguments: str) -> None:
    """Check, and then become the process that was asked for."""
    try:
        if process == "prepare":
            port, answer = arguments
            prepare(int(port), int(answer))
            return
        refuse_incomplete()
        command = command_for(process)
    except Refusal as refusal:
        _refuse(str(refusal))
    except DatabaseError as error:
        sentence = circumstances(error)
        if sentence is None:
            raise
        _refuse(sentence)
    for connection in connections.all(initialized_only=True):
        connection.close()
    sys.stdout.flush()
    os.execv(command[0], command)  # noqa: S606


def _give_way() -> None:
    """Let processes of others go first: somebody waits for a web process' answer.

    Where sessions of processes are scheduled as groups (autogroup, sched(7)), niceness
    counts within a group only, and the group has its own.
    """
    if os.getpriority(os.PRIO_PROCESS, 0) < _NICENESS:
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(_NICENESS))


def _refuse(sentence: str) -> NoReturn:
    print(f"reserve: {sentence}", file=sys.stderr)
    sys.exit(1)


def _check_database() -> None:
    parameters = connections[DEFAULT_DB_ALIAS].get_connection_params()
    parameters["connect_timeout"] = CONNECT_SECONDS
    try:
        with closing(psycopg.connect(**parameters)) as connection:
            differing = settings.DATABASE_POOLED and differing_settings(
                connection, settings.SESSION_SETTINGS
            )
    except psycopg.OperationalError as error:
        raise Refusal(unreachable(error)) from error
    if differing:
        name, value = next(iter(differing.items()))
        raise Refusal(
            f"Sessions behind the pooler begin with {name} = {value}, but must with "
            f"{settings.SESSION_SETTINGS[name]}. Run `manage.py set_role_defaults`, and have the "
            "pooler reconnect."
        )


def _check_redis() -> None:
    client = parse_redis_address(settings.REDIS_URL).client(
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=CONNECT_SECONDS,
    )
    try:
        client.ping()
    except MasterNotFoundError as error:
        raise Refusal(
            "Redis cannot be reached: no Sentinel in REDIS_URL knows a master of that name. "
            "Start them, or correct REDIS_URL."
        ) from error
    except redis.RedisError as error:
        raise Refusal(
            f"Redis cannot be reached: {first_line(error)} Start it, or correct REDIS_URL."
        ) from error
    finally:
        client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

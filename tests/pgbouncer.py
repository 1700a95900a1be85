"""PgBouncer in transaction mode before the test database, as Debian packages it."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from django.db import connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from reserve.embedded.privileges import account_for, become
from tests.processes import environment, wait_until

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
_PORT = 6432
# Fewer than one web process opens, so that they are shared.
_POOL_SIZE = 3


class Pooler:
    """A running PgBouncer.

    Attributes:
        url: the test database through it.
    """

    def __init__(self, folder: Path) -> None:
        self.url = make_conninfo(
            host=str(folder), port=_PORT, user="reserve", dbname=connection.settings_dict["NAME"]
        )
        self._console = make_conninfo(self.url, dbname="pgbouncer", user="console")

    def is_up(self) -> bool:
        with suppress(psycopg.OperationalError):
            return self.ask("SHOW VERSION") is not None
        return False

    def ask(self, command: str) -> list[tuple[object, ...]] | None:
        """Give the console a command; it knows the simple protocol only."""
        with psycopg.ClientCursor(psycopg.connect(self._console, autocommit=True)) as cursor:
            cursor.execute(command)
            rows = cursor.fetchall() if cursor.description else None
            cursor.connection.close()
        return rows


@contextmanager
def pooler() -> Iterator[Pooler]:
    assert PROGRAM is not None
    server = conninfo_to_dict(environment()["DATABASE_URL"])
    route = " ".join(
        f"{name}={server[name]}" for name in ("host", "port", "user", "password") if name in server
    )
    with tempfile.TemporaryDirectory(prefix="reserve-pooler-") as name:
        folder = Path(name)
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = {route}\n[pgbouncer]\nlisten_port = {_PORT}\n"
            f"unix_socket_dir = {folder}\npool_mode = transaction\nauth_type = any\n"
            f"default_pool_size = {_POOL_SIZE}\nadmin_users = console\nlogfile =\n"
        )
        account = account_for(folder)
        if account is not None:
            os.chown(folder, account.uid, account.gid)
        running = subprocess.Popen(
            [PROGRAM, "-q", str(folder / "pgbouncer.ini")],
            preexec_fn=become(account, signal.SIGINT),  # noqa: PLW1509
        )
        try:
            pooler = Pooler(folder)
            wait_until(pooler.is_up)
            yield pooler
        finally:
            running.terminate()
            running.wait(10)

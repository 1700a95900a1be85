"""A PostgreSQL of a test's own, and a standby that follows it by streaming."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from reserve.embedded.binaries import postgres_directory
from reserve.embedded.postgres import Postgres
from reserve.embedded.privileges import account_for, become
from reserve.embedded.processes import server_environment
from tests.processes import children_of, environment

_SUPERUSER = "postgres"
_SENDING = {"wal_level": "replica", "max_wal_senders": "4"}


class Pair:
    """A primary with what the test database holds now, and its standby.

    Attributes:
        url: of the primary.
        standby_url: of the standby.
    """

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self._stack = stack
        primary = self._server(root / "primary")
        primary.start()
        self.url = primary.url
        self._copy_test_database(root / "dump")
        self._standby = self._server(root / "standby")
        self._copy_primary(primary)
        self._standby.start()
        self.standby_url = self._standby.url
        self._frozen: list[int] = []
        stack.callback(self.thaw)

    def pause(self) -> None:
        """Have the standby replay nothing; it goes on to receive and to answer."""
        self._tell("SELECT pg_wal_replay_pause()")

    def resume(self) -> None:
        self._tell("SELECT pg_wal_replay_resume()")

    def freeze(self) -> None:
        """Stop all of the standby's processes where they are: it is silent, and takes calls."""
        assert self._standby.pid
        self._frozen = [self._standby.pid, *children_of(self._standby.pid)]
        for pid in self._frozen:
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self._frozen:
            os.kill(pid, signal.SIGCONT)
        self._frozen = []

    def _server(self, root: Path) -> Postgres:
        root.mkdir()
        sockets = Path(tempfile.mkdtemp(prefix="reserve-pair-"))
        self._stack.callback(shutil.rmtree, sockets)
        server = Postgres(root, sockets, settings=_SENDING)
        self._stack.callback(server.stop)
        return server

    def _copy_test_database(self, dump: Path) -> None:
        _run("pg_dump", "--format=custom", f"--file={dump}", environment()["DATABASE_URL"])
        _run("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={self.url}", str(dump))

    def _copy_primary(self, primary: Postgres) -> None:
        self._standby.data.mkdir(mode=0o700)
        account = account_for(primary.data)
        if account is not None:
            os.chown(self._standby.data, account.uid, account.gid)
        options = ("--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast")
        source = make_conninfo(self.url, user=_SUPERUSER, dbname="")
        binaries = postgres_directory()
        assert binaries is not None
        subprocess.run(
            [binaries / "pg_basebackup", *options, f"--pgdata={self._standby.data}", "-d", source],
            env=server_environment(),
            preexec_fn=become(account, signal.SIGTERM),
            umask=0o077,
            check=True,
            timeout=60,
        )

    def _tell(self, statement: str) -> None:
        address = make_conninfo(self.standby_url, user=_SUPERUSER)
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def standby_pair(root: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(root, stack)


def _run(program: str, *arguments: str) -> None:
    binaries = postgres_directory()
    assert binaries is not None
    subprocess.run([binaries / program, *arguments], check=True, timeout=60)

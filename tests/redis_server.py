"""A Redis server of a test's own, to be emptied, killed and started again."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from reserve.embedded.redis import Redis


class OwnRedis:
    def __init__(self, root: Path) -> None:
        for folder in ("log", "run"):
            (root / folder).mkdir()
        self._server = Redis(root, root)
        self._server.start()
        self.url = self._server.url
        self.client = redis.Redis.from_url(self.url)

    def kill(self) -> None:
        assert self._server.pid
        os.kill(self._server.pid, signal.SIGKILL)

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()


@contextmanager
def own_redis_server() -> Iterator[OwnRedis]:
    with tempfile.TemporaryDirectory() as root:
        server = OwnRedis(Path(root))
        try:
            yield server
        finally:
            server.stop()

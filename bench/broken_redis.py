"""Addresses at which Redis is gone, frozen or slow, to see what that costs."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

_HOST = "127.0.0.1"
_PIECE = 65_536


@contextmanager
def gone() -> Iterator[str]:
    """Nobody listens: connections are refused."""
    with socket.socket() as taken:
        taken.bind((_HOST, 0))
        yield _address(taken)


@contextmanager
def frozen() -> Iterator[str]:
    """Connections are had, and nothing is ever answered, as by a stopped process."""
    with socket.create_server((_HOST, 0), backlog=1_000) as silent:
        yield _address(silent)


@contextmanager
def slow(url: str, *, seconds: float) -> Iterator[str]:
    """A way to the server at `url` on which each piece of an answer takes so long."""
    ends: list[socket.socket] = []

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = _connect(url)
                ends.extend((near, far))
                _start(_carry, near, far, 0.0)
                _start(_carry, far, near, seconds)

    with socket.create_server((_HOST, 0), backlog=1_000) as listener:
        _start(accept, listener)
        try:
            yield _address(listener)
        finally:
            # Closing alone would leave the thread in accept.
            listener.shutdown(socket.SHUT_RDWR)
            for end in ends:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()


def _address(bound: socket.socket) -> str:
    return f"redis://{_HOST}:{bound.getsockname()[1]}/0"


def _connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        far = socket.socket(socket.AF_UNIX)
        far.connect(parts.path)
    else:
        far = socket.create_connection((parts.hostname or "localhost", parts.port or 6379))
    return far


def _start(run: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=run, args=arguments, daemon=True).start()


def _carry(source: socket.socket, target: socket.socket, seconds: float) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            time.sleep(seconds)
            target.sendall(piece)

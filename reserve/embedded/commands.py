"""The command lines of the application's processes, for development and production alike."""

import sys


def web(
    *, descriptors: tuple[int, ...] = (), address: tuple[str, int] | None = None, graceful: int = 10
) -> list[str]:
    """One web process, on inherited sockets or on one of its own.

    Args:
        graceful: how many seconds open requests and sockets may take at the end.
    """
    argv = [sys.executable, "-m", "reserve.embedded.web", "--graceful-seconds", str(graceful)]
    for descriptor in descriptors:
        argv += ["--descriptor", str(descriptor)]
    if address is not None:
        argv += ["--bind", address[0], str(address[1])]
    return argv


def worker() -> list[str]:
    """A Celery worker, with the concurrency and queues of the settings.

    Workers have nothing to say to each other, and what they would say costs
    Redis a message each second.
    """
    return [
        *(sys.executable, "-m", "celery", "-A", "reserve", "--quiet"),
        *("worker", "--pool", "prefork"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        # The settings choose the level and the handlers.
        *("--loglevel", "INFO"),
    ]


def beat() -> list[str]:
    """Celery beat. It keeps no file: what is due every few seconds needs no memory of last runs."""
    return [
        *(sys.executable, "-m", "celery", "-A", "reserve", "--quiet", "beat", "--loglevel", "INFO"),
        # Beat refuses to start while a pid file of a killed one is there.
        *("--pidfile", ""),
    ]

"""The environment that commands of a clone find themselves in."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from reserve.embedded.binaries import installed
from reserve.embedded.lease import PROJECT, Lease

_MODE = "RESERVE_MODE"
_DATABASE = "DATABASE_URL"
_REDIS = "REDIS_URL"


@contextmanager
def development_environment(
    root: Path | None = None, *, wait_for_stop: bool = False
) -> Iterator[Lease | None]:
    """Fill in the variables that a clone without configuration lacks.

    RESERVE_MODE becomes `development` where the servers' wheels are installed,
    and otherwise `production`. In development, DATABASE_URL and REDIS_URL
    become those of the embedded servers, which run until the block is left.
    What is set already stays; an empty value counts as unset. Yields the lease
    on the servers, if any are used.

    Args:
        root: where the servers keep their data; `var/` of the clone by default.
        wait_for_stop: leave only when the servers have stopped, unless others use them.

    Raises:
        EmbeddedError: a server does not start; its text says what to do.
    """
    lease: Lease | None = None
    with ExitStack() as stack:
        if not _is_set(_MODE):
            _set(stack, _MODE, "development" if installed() else "production")
        if os.environ[_MODE] == "development":
            missing = [name for name in (_DATABASE, _REDIS) if not _is_set(name)]
            if missing:
                lease = Lease(
                    root or PROJECT / "var",
                    postgres=_DATABASE in missing,
                    redis=_REDIS in missing,
                )
                addresses = lease.acquire()
                stack.callback(lease.release, wait=wait_for_stop)
                if addresses.database_url:
                    _set(stack, _DATABASE, addresses.database_url)
                if addresses.redis_url:
                    _set(stack, _REDIS, addresses.redis_url)
        yield lease


def _is_set(name: str) -> bool:
    return bool(os.environ.get(name, "").strip())


def _set(stack: ExitStack, name: str, value: str) -> None:
    """Set the variable until the block is left: an address is void without its lease."""
    before = os.environ.get(name)

    def restore() -> None:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before

    os.environ[name] = value
    stack.callback(restore)

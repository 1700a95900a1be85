"""Clones of this project in which `make` runs, and the processes that belong to one. Linux only."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from bench.place import PROJECT

# What only a clone that has been used has.
_NOT_CLONED = (
    *(".git", ".venv", "var", "node_modules", "build", "__pycache__", "*.egg-info"),
    *(".*_cache", ".coverage*", "htmlcov", ".hypothesis", "output", "results", ".env"),
)
# What our own environment says of servers, modes and the `make` above us.
_NOT_INHERITED = (
    *("DATABASE_URL", "REDIS_URL", "RESERVE_MODE", "PORT", "HOST", "HOT_RELOAD"),
    *("LOG_LEVEL", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"),
)
_NOT_INHERITED_PREFIXES = ("COV_", "COVERAGE_", "RATE_LIMIT_", "AUTH_RATE_LIMIT_")


def copy_project(folder: Path, *, installed: bool) -> None:
    """Copy the working tree.

    Args:
        installed: with our environment of Python linked into it, and the pages
            as they are built. They are no older than their sources, so that
            make leaves them alone.
    """
    left_out = _NOT_CLONED if installed else (*_NOT_CLONED, "dist")
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns(*left_out), symlinks=True)
    if installed:
        (folder / ".venv").symlink_to(PROJECT / ".venv")


def plain_environment(**variables: str) -> dict[str, str]:
    """Our environment as a shell has it in which nobody has set anything of ours."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _NOT_INHERITED and not name.startswith(_NOT_INHERITED_PREFIXES)
    }
    return kept | variables


def residents(folder: Path) -> dict[int, list[str]]:
    """The living processes that belong to a clone, with their command lines.

    By their directory, arguments or environment: whatever session or user they
    have moved to.
    """
    mark = str(folder)
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            arguments = os.fsdecode((entry / "cmdline").read_bytes())
            variables = os.fsdecode((entry / "environ").read_bytes())
            # One that waits for its parent to hear of its end has no command line.
            if arguments and mark in f"{arguments} {variables} {(entry / 'cwd').readlink()}":
                found[int(entry.name)] = arguments.split("\0")
    return found


def resident_bytes(pid: int) -> int:
    """Its proportional share of memory (PSS): shared pages are divided among their users."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0

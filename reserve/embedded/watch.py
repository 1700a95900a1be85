"""Hears of changed code."""

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from watchfiles import Change, watch

_SUFFIXES = (".py", ".html", ".graphql")
_IGNORED = {"var", "node_modules", "tests", "bench", "docs", "frontend", "build", "dist"}


def code_directories(project: Path) -> list[Path]:
    """The project's folders that hold code: a new app is found without being listed."""
    return sorted(
        folder
        for folder in project.iterdir()
        if folder.is_dir()
        and folder.name not in _IGNORED
        and not folder.name.startswith((".", "__"))
        and any(next(folder.rglob(f"*{suffix}"), None) for suffix in _SUFFIXES)
    )


def watch_code(project: Path, changed: Callable[[str], None], stop: threading.Event) -> None:
    """Call `changed` with the name of a changed file, once for several at a time, until `stop`."""
    for changes in watch(
        *code_directories(project),
        watch_filter=_matters,
        debounce=300,
        stop_event=stop,
        raise_interrupt=False,
    ):
        changed(_first_name(changes, project))


def _matters(_change: Change, path: str) -> bool:
    return path.endswith(_SUFFIXES) and "__pycache__" not in path


def _first_name(changes: Iterable[tuple[Change, str]], project: Path) -> str:
    path = Path(min(path for _, path in changes))
    return str(path.relative_to(project)) if path.is_relative_to(project) else str(path)

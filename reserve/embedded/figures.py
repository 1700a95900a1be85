"""The folder in which processes that belong together leave their figures.

`prometheus_client` chooses by this variable, when it is first imported, whether its
figures are this process's alone or go into files that every process can add up.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def _own_prefix() -> str:
    """How the names of this process's folders begin: children inherit the variable, too."""
    return f"reserve-figures-{os.getpid()}-"


@contextmanager
def shared_figures() -> Iterator[None]:
    """Have processes that start within share their figures; they begin at nothing."""
    begin_shared_figures()
    try:
        yield
    finally:
        end_shared_figures()


def begin_shared_figures() -> None:
    """Have processes that start from now on share their figures."""
    if not os.environ.get(FOLDER):
        os.environ[FOLDER] = tempfile.mkdtemp(prefix=_own_prefix())


def end_shared_figures() -> None:
    """Forget them; those in a folder that another process has made are that one's."""
    folder = os.environ.get(FOLDER, "")
    if Path(folder).name.startswith(_own_prefix()):
        del os.environ[FOLDER]
        shutil.rmtree(folder, ignore_errors=True)

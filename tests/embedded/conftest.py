import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reserve.embedded.lease import PROJECT
from tests.embedded.children import Child


@pytest.fixture
def python() -> Iterator[Callable[..., Child]]:
    """Start a snippet in a process of its own; whatever still lives at the end is ended."""
    started: list[subprocess.Popen[str]] = []

    def start(snippet: str, *arguments: object, **options: Any) -> Child:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(snippet), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"},
            **options,
        )
        started.append(process)
        return Child(process)

    yield start
    for process in started:
        # In order if it can, so that a supervisor ends what it has started.
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()

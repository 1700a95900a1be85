"""Standard error for log lines: what an event loop tells within one turn is written at once.

To write is to let another thread have the interpreter, which a batch of answers would do
once for each of them.
"""

import asyncio
import sys
import threading
from typing import BinaryIO


class LogOutput:
    """A binary file that writes at each flush, and in the thread of a loop after its turn.

    Args:
        file: what it writes to.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._waiting: list[bytes] = []

    def gather(self) -> None:
        """Write what the running loop's thread tells at the end of each turn of the loop."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()

    def write(self, data: bytes) -> None:
        if not self._is_gathered():
            self._file.write(data)
            return
        if not self._waiting and self._loop is not None:
            self._loop.call_soon(self._write_gathered)
        self._waiting.append(data)

    def flush(self) -> None:
        if not self._is_gathered():
            self._file.flush()

    def _is_gathered(self) -> bool:
        if self._loop is None or self._loop_thread != threading.get_ident():
            return False
        # What is told after the loop's end has no turn to wait for.
        return self._loop.is_running()

    def _write_gathered(self) -> None:
        gathered, self._waiting = self._waiting, []
        self._file.write(b"".join(gathered))
        self._file.flush()


log_output = LogOutput(sys.stderr.buffer)

import asyncio
import json
import logging
import threading

import pytest

from reserve.core import logging as lines
from reserve.core.log_output import LogOutput


class Written(list):
    """A file that remembers each of its writes."""

    write = list.append

    def flush(self):
        pass


def tell(output, line):
    output.write(line)
    output.flush()


def test_lines_of_one_turn_are_written_together_after_it():
    written = Written()

    async def talk():
        output = LogOutput(written)
        output.gather()
        tell(output, b"1\n")
        tell(output, b"2\n")
        assert written == []
        await asyncio.sleep(0)
        assert written == [b"1\n2\n"]
        tell(output, b"3\n")
        await asyncio.sleep(0)
        assert written == [b"1\n2\n", b"3\n"]
        return output

    output = asyncio.run(talk())
    # There is no turn to wait for any more.
    tell(output, b"4\n")
    assert written[-1] == b"4\n"


def test_other_threads_wait_for_no_turn():
    written = Written()

    async def talk():
        output = LogOutput(written)
        output.gather()
        thread = threading.Thread(target=tell, args=(output, b"thread\n"))
        thread.start()
        thread.join()
        assert written == [b"thread\n"]

    asyncio.run(talk())


def test_what_is_told_before_a_loop_runs_is_written_at_once():
    written = Written()
    tell(LogOutput(written), b"early\n")
    assert written == [b"early\n"]


def test_complete_lines_are_written_at_once_from_the_least_level_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = Written()
    monkeypatch.setattr(lines, "log_output", LogOutput(written))
    monkeypatch.setattr(lines, "_least_level", logging.INFO)
    monkeypatch.setattr(
        lines, "_writers", [lambda _logger, _level, line: json.dumps(line).encode()]
    )
    told = [{"level": level, "event": "request"} for level in ("debug", "info", "warning")]
    lines.write_lines(told)
    lines.write_lines(told[:1])
    (text,) = written
    assert [json.loads(line)["level"] for line in text.splitlines()] == ["info", "warning"]
    assert text.endswith(b"\n")

"""The examples of docs/first-hour.md: run as they stand, on what `make dev` starts."""

import os
import re
import subprocess
import sys

import pytest

from tests.nodejs import node
from tests.processes import PROJECT

_EXAMPLES = PROJECT / "docs" / "examples"
_COMMANDS = {
    "sh": ("first-hour.sh", "sh"),
    "js": ("first-hour.mjs", ""),
    "python": ("first_hour.py", sys.executable),
}


def _shown(language: str) -> str:
    page = (PROJECT / "docs" / "first-hour.md").read_text()
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))


def _without_blank_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


@pytest.mark.parametrize("language", _COMMANDS)
def test_the_page_shows_the_whole_example(language: str) -> None:
    file = _EXAMPLES / _COMMANDS[language][0]
    assert _without_blank_lines(_shown(language)) == _without_blank_lines(file.read_text())


@pytest.mark.parametrize("language", _COMMANDS)
def test_the_example_books_hears_of_it_and_cancels(live_server_url: str, language: str) -> None:
    name, interpreter = _COMMANDS[language]
    ran = subprocess.run(
        [interpreter or node(), str(_EXAMPLES / name)],
        env=os.environ | {"ADDRESS": live_server_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout
    said = ran.stdout.splitlines()
    assert said[0].startswith("Free: slot_"), said
    assert any(re.search(r"Refused: PARTY_SIZE_NOT_ALLOWED", line) for line in said), said
    # Who watches may hear of the seats before whoever took them has the answer.
    assert any(line.startswith("Held") for line in said), said
    assert "CANCELLED" in said, said
    if language == "sh":
        assert said[2] == "PENDING", said
        assert re.search(r": (200|304)$", said[3]), said
    else:
        assert any(line.startswith("PENDING, code ") for line in said), said
        assert "Changed:" in ran.stdout, said

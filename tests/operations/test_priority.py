"""Whose turn it is on a machine that has too much to do."""

import subprocess
import sys
from pathlib import Path

from tests.processes import PROJECT

_SAYS = """
import os
from pathlib import Path
from reserve.serve import _give_way
_give_way()
group = Path("/proc/self/autogroup")
print(os.getpriority(os.PRIO_PROCESS, 0), group.read_text() if group.exists() else "")
"""


def test_a_worker_lets_others_go_first() -> None:
    said = subprocess.run(
        [sys.executable, "-c", _SAYS],
        cwd=PROJECT,
        start_new_session=True,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout
    assert said.startswith("10 ")
    if Path("/proc/self/autogroup").exists():
        assert said.split()[-2:] == ["nice", "10"]

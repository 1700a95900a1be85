"""Whose turn it is on a machine that has too much to do."""

import os
import subprocess
import sys
from pathlib import Path

from tests.processes import PROJECT

_GROUP = Path("/proc/self/autogroup")
_SAYS = f"""
import os
from pathlib import Path
from reserve.serve import _give_way
_give_way()
group = Path("{_GROUP}")
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
    # Not where the system groups otherwise, or lets nobody say so.
    if os.access(_GROUP, os.W_OK) and "nice" in _GROUP.read_text():
        assert said.split()[-2:] == ["nice", "10"]

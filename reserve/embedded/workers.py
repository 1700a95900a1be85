"""The web processes of `make start`: `python -m reserve.embedded.workers HOST PORT NUMBER`.

Knows nothing of Django, so that what stays in memory beside the web processes
is small. `reserve.serve` has checked everything before this begins.
"""

import sys

from reserve.embedded import commands
from reserve.embedded.figures import shared_figures
from reserve.embedded.lease import PROJECT
from reserve.embedded.supervisor import Program, Supervisor, say

_GRACEFUL_SECONDS = 10


def main() -> int:
    host, port, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    argv = commands.web(address=(host, port), graceful=_GRACEFUL_SECONDS)
    programs = [Program(name=f"web {index}", argv=argv) for index in range(1, number + 1)]
    # A little longer than they give their clients.
    supervisor = Supervisor(
        programs, directory=PROJECT, say=say, patience_seconds=_GRACEFUL_SECONDS + 2
    )
    with shared_figures():
        return supervisor.run()


if __name__ == "__main__":
    sys.exit(main())

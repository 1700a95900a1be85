"""The processes that share the tests: each has servers of its own, or databases of its own.

pytest-xdist names them gw0, gw1 and so on; without it there is one without a name.
"""

import os
import re

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
_NUMBER = int(WORKER.removeprefix("gw") or 0)


def redis_database(address: str, number: int) -> str:
    """An address with another of this worker's two Redis databases: 0 for tests, 1 for stacks."""
    database = f"db={2 * _NUMBER + number}"
    if "db=" in address:
        return re.sub(r"db=\d+", database, address)
    return address + ("&" if "?" in address else "?") + database

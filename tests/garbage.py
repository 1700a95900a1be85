"""A web process that tells what it left to the garbage collector: `python -m tests.garbage`.

The collector sleeps. At SIGUSR1 all that nobody refers to but itself is counted by type and
written as JSON to the file named by GARBAGE_FILE.
"""

import gc
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from reserve.embedded.web import main


def _tell(*_: Any) -> None:
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    found = Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.garbage)
    gc.garbage.clear()
    gc.collect()
    written = Path(os.environ["GARBAGE_FILE"])
    part = written.with_suffix(".part")
    part.write_text(json.dumps(found))
    part.rename(written)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _tell)
    gc.disable()
    sys.exit(main())

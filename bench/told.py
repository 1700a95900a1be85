"""What the web process of `bench.telemetry` may be asked to tell, and by which signal."""

import signal

# Each with all before it; the last is a control, told apart from the first by nothing.
KINDS = ("nothing", "logs", "logs, figures", "logs, figures, traces", "nothing, again")
NOTHING = (KINDS[0], KINDS[-1])
WHOLE = "logs, figures, traces"
SETTLED = "BENCH_SETTLED_FILE"
"""The variable that names the file in which the process writes what it tells by now.

On its second line is the kernel's id of the thread that sends spans.
"""


def signal_of(kind: str) -> int:
    return signal.SIGRTMIN + KINDS.index(kind)

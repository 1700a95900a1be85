"""How the interpreter of a process that serves is set: chosen by measuring (ADR 19)."""

import gc
import sys

# Whoever computes keeps the interpreter for so long while others wait for it. A batch
# of bookings needs it again after each of its round trips; by default each time 5 ms
# may pass, while the event loop reads the next requests.
_SWITCH_SECONDS = 0.0005
# Objects that are made before the collector looks at the youngest again, and how often it
# looks at these before it looks at older ones, too. What is under way when it looks counts
# as older from then on: the rest of each request of REST, some 400 objects, whose
# serializers refer to one another.
_COLLECTED_TOGETHER = 20_000
_LOOKS_AT_YOUNGER = (5, 20)


def settle() -> None:
    """Set the interpreter for serving; to be called once all that stays is loaded."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    # What the process has loaded stays as long as it lives: it need not be looked through.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECTED_TOGETHER, *_LOOKS_AT_YOUNGER)

"""What the web process of `bench.telemetry` tells by turns, and how it writes what that took."""

from typing import NamedTuple

# Each with all before it; the last is a control, told apart from the first by nothing.
KINDS = ("nothing", "logs", "logs, figures", "logs, figures, traces", "nothing, again")
NOTHING = (KINDS[0], KINDS[-1])
WHOLE = "logs, figures, traces"
TURNS = "BENCH_TURNS_FILE"
"""The variable that names the file with a turn on each line, as JSON, in their order."""
TURN_SECONDS = "BENCH_TURN_SECONDS"


class Turn(NamedTuple):
    """A while in which a process told one kind.

    Attributes:
        began, ended: by the machine's monotonic clock, seconds.
        answers: given meanwhile.
        spent: processor time of all threads but the one that sends spans, seconds.
        sent: of that one.
    """

    kind: str
    began: float
    ended: float
    answers: int
    spent: float
    sent: float

    @property
    def per_second(self) -> float:
        return self.answers / (self.ended - self.began)

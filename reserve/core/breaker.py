import time


class Breaker:
    """Keeps an outage of a server from costing each call a time-out."""

    def __init__(self, *, first_seconds: float, longest_seconds: float) -> None:
        """
        Args:
            first_seconds: how long the server is left alone after a failure; each
                failure in a row doubles it.
        """
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds
        self._next_seconds = first_seconds
        self._tripped_until = 0.0

    @property
    def is_tripped(self) -> bool:
        return time.monotonic() < self._tripped_until

    def trip(self) -> float:
        """Leave the server alone; returns for how many seconds."""
        seconds = self._next_seconds
        self._tripped_until = time.monotonic() + seconds
        self._next_seconds = min(2 * seconds, self._longest_seconds)
        return seconds

    def reset(self) -> None:
        self._tripped_until = 0.0
        self._next_seconds = self._first_seconds

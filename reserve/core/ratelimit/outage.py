"""Whether limits are shared by way of Redis, or each process has its own for now."""

import threading

from reserve.core.breaker import Breaker
from reserve.core.logging import get_logger

log = get_logger(__name__)

# Shorter than the guards': meanwhile limits are looser, and nobody sees markers.
_FIRST_BREAK_SECONDS = 1.0
_LONGEST_BREAK_SECONDS = 5.0


class Outage:
    """One line in the log when Redis is lost, one when it is back."""

    def __init__(self) -> None:
        self._breaker = Breaker(
            first_seconds=_FIRST_BREAK_SECONDS, longest_seconds=_LONGEST_BREAK_SECONDS
        )
        self._lock = threading.Lock()
        self._lasts = False

    @property
    def is_resting(self) -> bool:
        """Whether Redis is not to be asked for the moment."""
        return self._breaker.is_tripped

    def begin(self, error: Exception) -> None:
        """A call has failed."""
        with self._lock:
            self._breaker.trip()
            is_new, self._lasts = not self._lasts, True
        if is_new:
            log.warning("limits_local", reason=type(error).__name__)

    def end(self) -> None:
        """A call has succeeded."""
        if not self._lasts:
            return
        with self._lock:
            self._breaker.reset()
            is_over, self._lasts = self._lasts, False
        if is_over:
            log.warning("limits_shared")


outage = Outage()

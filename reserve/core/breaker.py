import math
import threading
import time

# Of the time that passes, the part that slow answers may take without being held against it.
_FORGIVEN_PART = 0.1


class Breaker:
    """Keeps an outage of a server from costing each call a time-out, or a slow answer.

    It opens with a failure, or once slow answers have cost more than an allowance, and
    leaves the server alone. Then one call at a time tries whether it does well again;
    each that does not doubles the rest. (Michael Nygard, Release It!, Circuit Breaker.)
    """

    def __init__(
        self,
        *,
        first_seconds: float,
        longest_seconds: float,
        slow_seconds: float = math.inf,
        allowance_seconds: float = math.inf,
    ) -> None:
        """
        Args:
            first_seconds: how long the server is left alone after a failure; each
                failure in a row doubles it.
            slow_seconds: an answer that takes longer counts.
            allowance_seconds: what such answers may take together; a tenth of the time
                that passes is taken off it again.
        """
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds
        self._slow_seconds = slow_seconds
        self._allowance_seconds = allowance_seconds
        self._lock = threading.Lock()
        self._is_open = False
        self._is_tried = False
        self._next_seconds = first_seconds
        self._open_until = 0.0
        self._wasted_seconds = 0.0
        self._counted_at = 0.0

    @property
    def is_tripped(self) -> bool:
        return self._is_open and time.monotonic() < self._open_until

    def admits(self) -> bool:
        """Whether to call the server: while it does well, and after a rest one call at a time."""
        with self._lock:
            now = time.monotonic()
            if not self._is_open:
                return True
            if now < self._open_until:
                return False
            # Should this call never tell what came of it, another may try after as long.
            self._is_tried = True
            self._open_until = now + self._next_seconds
            return True

    def trip(self) -> bool:
        """Leave the server alone; returns whether that is new."""
        with self._lock:
            now = time.monotonic()
            is_new = not self._is_open
            # Calls that were on their way together are one failure.
            if is_new or self._is_tried or now >= self._open_until:
                self._open_until = now + self._next_seconds
                self._next_seconds = min(2 * self._next_seconds, self._longest_seconds)
            self._is_open, self._is_tried = True, False
            self._wasted_seconds = 0.0
            return is_new

    def is_too_slow(self, seconds: float) -> bool:
        """Whether an answer that took so long is one too many, after which to trip."""
        is_slow = seconds > self._slow_seconds
        if not is_slow or self._is_open:
            return is_slow
        with self._lock:
            now = time.monotonic()
            forgiven = (now - self._counted_at) * _FORGIVEN_PART
            self._wasted_seconds = max(0.0, self._wasted_seconds - forgiven) + seconds
            self._counted_at = now
            return self._wasted_seconds > self._allowance_seconds

    def reset(self) -> bool:
        """The server does well; returns whether that is new."""
        if not self._is_open:
            return False
        with self._lock:
            was_open, self._is_open = self._is_open, False
            self._is_tried = False
            self._next_seconds = self._first_seconds
            return was_open

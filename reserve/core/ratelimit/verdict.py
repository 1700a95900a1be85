"""What a limiter answers, and how HTTP says it."""

import math
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils.crypto import salted_hmac

# Of what is added up in floating point.
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Size:
    """How many tokens a bucket holds, and in how many seconds an empty one fills."""

    tokens: int
    window_seconds: float

    def seconds_for(self, tokens: float) -> float:
        """How long it takes until so many have come in."""
        return max(0.0, tokens) * self.window_seconds / self.tokens

    @classmethod
    def of_api(cls) -> "Size":
        return cls(settings.RATE_LIMIT_MAX_REQUESTS, settings.RATE_LIMIT_WINDOW_SECONDS)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call may run, and what is left to its caller."""

    allowed: bool
    limit: int
    remaining: int
    reset: timedelta
    """Until the bucket is full again."""
    retry_after: timedelta | None
    """Until the same call would be allowed; None where it is."""
    marked: frozenset[str] | None
    """Which of the markers that were asked for exist; None where nobody knows."""

    @classmethod
    def of(
        cls, size: Size, *, cost: int, allowed: bool, left: float, marked: frozenset[str] | None
    ) -> "Verdict":
        """
        Args:
            left: the tokens in the bucket after the call, a part of one included.
        """
        # A full bucket is all that the costliest call can wait for.
        missing = 0.0 if allowed else min(cost, size.tokens) - left
        return cls(
            allowed=allowed,
            limit=size.tokens,
            remaining=math.floor(left + _TOLERANCE),
            reset=timedelta(seconds=size.seconds_for(size.tokens - left)),
            retry_after=None if allowed else timedelta(seconds=size.seconds_for(missing)),
            marked=marked,
        )

    def headers(self) -> list[tuple[str, str]]:
        """The `RateLimit-…` headers that every answer of both APIs carries."""
        return [
            ("RateLimit-Limit", str(self.limit)),
            ("RateLimit-Remaining", str(self.remaining)),
            ("RateLimit-Reset", str(whole_seconds(self.reset))),
        ]


def whole_seconds(length: timedelta) -> int:
    """Rounded up: whoever waits so long does not come too early."""
    return math.ceil(length.total_seconds() - _TOLERANCE)


def fingerprint(text: str) -> str:
    """Stands for an address in keys and logs: equal for equal ones, and not to be undone."""
    value = text.encode(errors="surrogatepass")
    return salted_hmac("reserve.core.ratelimit", value, algorithm="sha256").hexdigest()[:32]

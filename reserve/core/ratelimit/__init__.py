"""Limits: token buckets for the APIs, and a stricter count of attempts to get in."""

from reserve.core.ratelimit.attempts import Attempt, charge_attempt
from reserve.core.ratelimit.buckets import acheck, check, open_limiter
from reserve.core.ratelimit.verdict import Verdict

__all__ = ["Attempt", "Verdict", "acheck", "charge_attempt", "check", "open_limiter"]

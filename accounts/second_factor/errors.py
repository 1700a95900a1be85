from datetime import datetime, timedelta

from reserve.core.clock import now
from reserve.core.errors import Busy, Unauthenticated


class CodeRefused(Unauthenticated):
    """Says nothing about whether the code was once right."""

    message = "This code is wrong, or was used before."


class PasswordRefused(Unauthenticated):
    message = "The password is wrong."


class TooManyCodes(Busy):
    """Too many wrong codes in a row: each doubles the wait."""

    def __init__(self, until: datetime) -> None:
        self._until = until
        super().__init__("Too many wrong codes.")

    @property
    def retry_after(self) -> timedelta:
        return max(self._until - now(), timedelta(seconds=1))

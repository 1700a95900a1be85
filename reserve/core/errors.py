"""What may go wrong on purpose.

Every refusal is a DomainError: it carries the stable `code` of the contract,
a sentence for people, and typed details. Apps subclass the category that fits
and name the class for the fact. Transports read `code`, `status`, `message`
and `details`; nothing else of an exception ever reaches a client.
"""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar


class DomainError(Exception):
    """A refusal that the caller is meant to see."""

    code: ClassVar[str] = "INTERNAL_SERVER_ERROR"
    status: ClassVar[int] = 500
    message: ClassVar[str] = "Something went wrong on our side."
    example_details: ClassVar[Mapping[str, Any]] = {}
    """Details that it always carries, as documentation shows them."""

    def __init__(self, message: str | None = None, **details: Any) -> None:
        self.text = message or self.message
        self.details = details
        super().__init__(self.text)

    @property
    def retry_after(self) -> timedelta | None:
        """When the caller may try again, where that is known."""
        return None


class NotFound(DomainError):
    """Absent, or outside the caller's reach: the two look alike."""

    code = "NOT_FOUND"
    status = 404
    message = "There is nothing here by that id."


class Invalid(DomainError):
    """Malformed, missing or impossible values.

    `errors` maps a field's name to its sentences.
    """

    code = "BAD_USER_INPUT"
    status = 400
    message = "The input is not valid."

    def __init__(
        self,
        message: str | None = None,
        *,
        errors: Mapping[str, list[str]] | None = None,
        **details: Any,
    ) -> None:
        if errors:
            details["errors"] = dict(errors)
            message = message or " ".join(errors[next(iter(errors))])
        super().__init__(message, **details)

    @classmethod
    def field(cls, name: str, sentence: str) -> "Invalid":
        return cls(errors={name: [sentence]})


class Unauthenticated(DomainError):
    code = "UNAUTHENTICATED"
    status = 401
    message = "Log in first: a valid access token is needed."


class Forbidden(DomainError):
    code = "FORBIDDEN"
    status = 403
    message = "This is not yours to do."


class Conflict(DomainError):
    """The present state does not allow it."""

    code = "INVALID_STATE"
    status = 409
    message = "The present state does not allow this."


class Unprocessable(DomainError):
    """Well-formed, but against a rule of the venue."""

    code = "BAD_USER_INPUT"
    status = 422


class Gone(DomainError):
    code = "NOT_FOUND"
    status = 410


class PayloadTooLarge(DomainError):
    code = "PAYLOAD_TOO_LARGE"
    status = 413
    message = "The body is larger than 1 MiB."


class Busy(DomainError):
    """Somebody else is in the way; the same call may succeed in a moment."""

    code = "SLOT_BUSY"
    status = 409
    message = "Too much is going on here just now. Try again."

    @property
    def retry_after(self) -> timedelta | None:
        return timedelta(seconds=1)


class RateLimited(DomainError):
    """The caller's bucket does not hold what the call costs."""

    code = "RATE_LIMITED"
    status = 429
    message = "Too many requests. Wait a moment."

    def __init__(self, message: str | None = None, *, retry_after: timedelta) -> None:
        super().__init__(message)
        self.wait = retry_after

    @property
    def retry_after(self) -> timedelta | None:
        return self.wait


class ServiceUnavailable(Busy):
    code = "SERVICE_UNAVAILABLE"
    status = 503
    message = "The service cannot reach its database. Try again in a moment."


def retry_seconds(length: timedelta) -> int:
    """The value of a `Retry-After` header: whole seconds, rounded up, at least one."""
    return max(1, math.ceil(length.total_seconds()))

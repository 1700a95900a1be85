"""What a client is told of any exception."""

from django.db import InterfaceError, OperationalError

from reserve.core.errors import DomainError, ServiceUnavailable
from reserve.core.logging import get_logger

log = get_logger(__name__)


def as_domain_error(error: BaseException) -> DomainError:
    """The refusal itself; or, of anything else, that it is our fault and nothing more.

    What is not a refusal is logged here with its traceback, and only here.
    """
    if isinstance(error, DomainError):
        return error
    if isinstance(error, OperationalError | InterfaceError):
        log.error("database_unavailable", reason=type(error).__name__)
        return ServiceUnavailable()
    log.error("unexpected_error", exc_info=error)
    return DomainError()

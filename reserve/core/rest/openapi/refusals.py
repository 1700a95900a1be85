"""What refusals look like, by status and code."""

from reserve.core import sentences
from reserve.core.errors import (
    DomainError,
    Invalid,
    PayloadTooLarge,
    RateLimited,
    ServiceUnavailable,
    Unauthenticated,
)
from reserve.core.rest.openapi.headers import Schema, headers
from reserve.core.rest.problems import PROBLEM_JSON, UnsupportedMediaType

# What every operation may answer, whatever it does.
ALWAYS: tuple[type[DomainError], ...] = (
    Invalid,
    Unauthenticated,
    RateLimited,
    DomainError,
    ServiceUnavailable,
)
WITH_BODY: tuple[type[DomainError], ...] = (PayloadTooLarge, UnsupportedMediaType)
EXAMPLE_REQUEST_ID = "4f7c2a9b6d1e4c0fa8b3d5e7f9012345"


def refusal_response(*kinds: type[DomainError]) -> Schema:
    """What OpenAPI says of a status with which these may be refused."""
    sent = ["Retry-After"] if any(_says_when(kind) for kind in kinds) else []
    if any(kind.status == Unauthenticated.status for kind in kinds):
        sent.append("WWW-Authenticate")
    return {
        "description": " ".join(dict.fromkeys(kind.message for kind in kinds)),
        "headers": headers(*sent),
        "content": {
            PROBLEM_JSON: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {kind.code: {"value": _example(kind)} for kind in kinds},
            }
        },
    }


def _says_when(kind: type[DomainError]) -> bool:
    return kind.retry_after is not DomainError.retry_after


def _example(kind: type[DomainError]) -> Schema:
    errors = {"guest_count": [sentences.WHOLE_NUMBER]}
    return {
        "type": "about:blank",
        "title": kind.code.replace("_", " ").capitalize(),
        "status": kind.status,
        "detail": kind.message,
        "code": kind.code,
        "request_id": EXAMPLE_REQUEST_ID,
        **({"errors": errors} if kind is Invalid else {}),
        **kind.example_details,
    }

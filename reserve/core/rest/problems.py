"""Errors as problem details (RFC 9457)."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings

from reserve.core.context import request_id
from reserve.core.errors import (
    DomainError,
    Forbidden,
    Invalid,
    NotFound,
    Unauthenticated,
    retry_seconds,
)
from reserve.core.failures import as_domain_error

PROBLEM_JSON = "application/problem+json"


class UnsupportedMediaType(Invalid):
    """A body that is no JSON."""

    status = 415
    message = "Send the body as application/json."


class _ProblemResponse(Response):
    """A response whose media type is fixed, whatever was negotiated."""

    @property
    def rendered_content(self) -> Any:
        content = super().rendered_content
        self["Content-Type"] = PROBLEM_JSON
        return content


def problem_response(error: Exception, _context: Mapping[str, Any]) -> Response:
    """The `EXCEPTION_HANDLER` of Django REST framework."""
    if isinstance(error, exceptions.APIException) and not isinstance(
        error, exceptions.ValidationError
    ):
        return _framework_problem(error)
    return problem(_translated(error))


def problem_body(error: DomainError) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": error.code.replace("_", " ").capitalize(),
        "status": error.status,
        "detail": error.text,
        "code": error.code,
        "request_id": request_id(),
        **error.details,
    }


def problem(error: DomainError) -> Response:
    response = _ProblemResponse(problem_body(error), status=error.status)
    if error.retry_after:
        response["Retry-After"] = str(retry_seconds(error.retry_after))
    if isinstance(error, Unauthenticated):
        response["WWW-Authenticate"] = "Bearer"
    return response


def _translated(error: Exception) -> DomainError:
    match error:
        case exceptions.ValidationError():
            return Invalid(errors=_field_errors(error.detail))
        case Http404():
            return NotFound()
        case PermissionDenied():
            return Forbidden()
        case _:
            return as_domain_error(error)


def _field_errors(detail: Any, prefix: str = "") -> dict[str, list[str]]:
    """DRF's nested errors with one dotted name for each field."""
    if isinstance(detail, list) and any(isinstance(inner, Mapping) for inner in detail):
        detail = dict(enumerate(detail))
    if not isinstance(detail, Mapping):
        return {prefix or "body": [str(sentence) for sentence in detail]}
    errors: dict[str, list[str]] = {}
    for name, inner in detail.items():
        # What concerns an object as a whole is said of its own name.
        whole = name == api_settings.NON_FIELD_ERRORS_KEY
        names = filter(None, (prefix, None if whole else str(name)))
        errors |= _field_errors(inner, ".".join(names))
    return errors


def _framework_problem(error: exceptions.APIException) -> Response:
    """What the framework itself refuses: a method, a media type."""
    refused = Invalid(str(error.detail))
    response = problem(refused)
    response.status_code = response.data["status"] = error.status_code
    return response

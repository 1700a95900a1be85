"""Responses as the contract has them: every error with its code and the request's id."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import ExecutionResult, GraphQLError

from reserve.core.context import request_id
from reserve.core.errors import DomainError, Invalid
from reserve.core.failures import as_domain_error

Response = dict[str, Any]


class CannotRun(Exception):
    """The request is malformed or invalid: nothing of it was executed.

    Args:
        fields: the sentences on each field of the variables, where they are what is wrong.
    """

    def __init__(
        self, errors: Sequence[GraphQLError], fields: Mapping[str, list[str]] | None = None
    ) -> None:
        self.errors = errors
        self.fields = fields
        super().__init__(errors[0].message)

    def response(self) -> Response:
        """A response without data, as nothing ran."""
        response = {"errors": [_format(error) for error in self.errors]}
        if self.fields:
            response["errors"][0]["extensions"]["errors"] = self.fields
        return response


def result_response(result: ExecutionResult) -> Response:
    if not result.errors:
        return {"data": result.data}
    return {"errors": [_format(error) for error in result.errors], "data": result.data}


def refusal_response(error: BaseException) -> Response:
    """A response of one error, for what was refused before anything ran."""
    domain_error = as_domain_error(error)
    return {"errors": [{"message": domain_error.text, "extensions": _extensions(domain_error)}]}


def _format(error: GraphQLError) -> dict[str, Any]:
    """One error as the contract has it: code, details and request id in `extensions`."""
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        # The document or its variables: graphql-core's own words name the place.
        formatted = dict(error.formatted)
        formatted["extensions"] = {
            "code": Invalid.code,
            "requestId": request_id(),
        }
        return formatted
    domain_error = as_domain_error(cause)
    formatted = {"message": domain_error.text, "extensions": _extensions(domain_error)}
    if error.locations:
        formatted["locations"] = [location.formatted for location in error.locations]
    if error.path:
        formatted["path"] = error.path
    return formatted


def _extensions(error: DomainError) -> dict[str, Any]:
    extensions = {_camel_case(name): value for name, value in error.details.items()}
    if fields := extensions.get("errors"):
        extensions["errors"] = {_camel_case(name): value for name, value in fields.items()}
    extensions |= {"code": error.code, "requestId": request_id()}
    if error.retry_after:
        extensions["retryAfter"] = error.retry_after.total_seconds()
    return extensions


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)

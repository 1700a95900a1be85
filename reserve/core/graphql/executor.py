"""Parses, validates and executes; the same for HTTP and WebSocket."""

import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    create_source_event_stream,
    execute,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)
from graphql.pyutils import is_awaitable

from reserve.core.context import request_id
from reserve.core.errors import DomainError, Invalid
from reserve.core.failures import as_domain_error
from reserve.core.graphql.context import Context
from reserve.core.graphql.streams import rendered
from reserve.core.graphql.variables import field_errors

Response = dict[str, Any]

# NUL in a string of the document itself, which no text column can hold.
_NUL_LITERAL = re.compile(r"\\u(0000|\{0+\})")
_CACHED_DOCUMENTS = 1_000
_MAX_TOKENS = 2_000
_MAX_CACHED_LENGTH = 10_000


@dataclass(frozen=True, slots=True)
class Operation:
    """One request as a client writes it (graphql.org, Serving over HTTP)."""

    query: str
    variables: Mapping[str, Any] | None = None
    name: str | None = None

    @classmethod
    def from_body(cls, body: object) -> "Operation":
        """Raises Invalid where the body is not an operation."""
        if not isinstance(body, dict):
            raise Invalid("The body must be a JSON object.")
        query, variables = body.get("query"), body.get("variables")
        name = body.get("operationName")
        if not isinstance(query, str) or not query.strip():
            raise Invalid.field("query", "This must be a GraphQL document.")
        if _NUL_LITERAL.search(query):
            raise Invalid.field("query", "Text must not contain the character NUL.")
        if variables is not None and not isinstance(variables, dict):
            raise Invalid.field("variables", "This must be an object.")
        if name is not None and not isinstance(name, str):
            raise Invalid.field("operationName", "This must be a string.")
        return cls(query, variables, name)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that may be executed, and the operation of it that is meant."""

    document: DocumentNode
    operation: OperationDefinitionNode

    @property
    def is_subscription(self) -> bool:
        return self.operation.operation is OperationType.SUBSCRIPTION

    @property
    def cost(self) -> int:
        """What the limiter takes for it: its root fields, each alias for itself."""
        fragments = {
            definition.name.value: definition
            for definition in self.document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        return _count_fields(self.operation.selection_set, fragments, seen=set())


class CannotRun(Exception):
    """The request is malformed or invalid: nothing of it was executed."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        self.errors = errors
        super().__init__(errors[0].message)

    def response(self) -> Response:
        return {"errors": [_format(error) for error in self.errors]}


class Executor:
    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._documents: OrderedDict[str, DocumentNode | list[GraphQLError]] = OrderedDict()

    def prepare(self, request: Operation) -> Prepared:
        """Parse and validate, once for each document that is seen again.

        Raises:
            CannotRun: a syntax error, an invalid document, or no such operation.
        """
        known = self._documents.get(request.query)
        if known is None:
            known = self._check(request.query)
            if len(request.query) <= _MAX_CACHED_LENGTH:
                self._remember(request.query, known)
        else:
            self._documents.move_to_end(request.query)
        if isinstance(known, list):
            raise CannotRun(known)
        operation = get_operation_ast(known, request.name)
        if operation is None:
            raise CannotRun([GraphQLError("The document has no such operation, or several.")])
        return Prepared(known, operation)

    def prepare_or_refusal(self, request: Operation) -> Prepared | CannotRun:
        """As `prepare`, for whoever has something else to look at before it refuses."""
        try:
            return self.prepare(request)
        except CannotRun as refused:
            return refused

    async def execute(self, prepared: Prepared, request: Operation, context: Context) -> Response:
        result: Any = execute(
            self._schema,
            prepared.document,
            context_value=context,
            variable_values=dict(request.variables or {}),
            operation_name=request.name,
        )
        if is_awaitable(result):
            result = await result
        return self._formatted(result, prepared, request)

    async def subscribe(
        self, prepared: Prepared, request: Operation, context: Context
    ) -> AsyncIterator[bytes] | Response:
        """The results of a subscription as JSON, or the response that refuses it."""
        variables = dict(request.variables or {})
        events = await create_source_event_stream(
            self._schema,
            prepared.document,
            context_value=context,
            variable_values=variables,
            operation_name=request.name,
        )
        if isinstance(events, ExecutionResult):
            return self._formatted(events, prepared, request)

        def result_of(event: Any) -> Response | Awaitable[Response]:
            result: Any = execute(
                self._schema,
                prepared.document,
                event,
                context_value=context,
                variable_values=variables,
                operation_name=request.name,
            )
            return _formatted_later(result) if is_awaitable(result) else format_result(result)

        question = (
            request.query,
            request.name,
            orjson.dumps(variables, option=orjson.OPT_SORT_KEYS),
        )
        return rendered(events, result_of, question)

    def _formatted(
        self, result: ExecutionResult, prepared: Prepared, request: Operation
    ) -> Response:
        response = format_result(result)
        if result.errors and all(map(_is_of_document, result.errors)):
            # Perhaps its variables; otherwise there is nothing to name.
            fields = field_errors(self._schema, prepared.operation, request.variables or {})
            if fields:
                response["errors"][0]["extensions"]["errors"] = fields
        return response

    def _check(self, query: str) -> DocumentNode | list[GraphQLError]:
        try:
            document = parse(query, max_tokens=_MAX_TOKENS)
        except GraphQLError as error:
            return [error]
        except RecursionError:
            return [GraphQLError("The document is nested too deeply.")]
        return validate(self._schema, document, specified_rules) or document

    def _remember(self, query: str, known: DocumentNode | list[GraphQLError]) -> None:
        self._documents[query] = known
        while len(self._documents) > _CACHED_DOCUMENTS:
            self._documents.popitem(last=False)


def _count_fields(
    selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], seen: set[str]
) -> int:
    """The fields of one level. A fragment counts once, as it is executed once."""
    count = 0
    for selection in selections.selections:
        match selection:
            case InlineFragmentNode():
                count += _count_fields(selection.selection_set, fragments, seen)
            case FragmentSpreadNode(name=name) if name.value not in seen:
                seen.add(name.value)
                count += _count_fields(fragments[name.value].selection_set, fragments, seen)
            case FieldNode():
                count += 1
    return count


async def _formatted_later(result: Awaitable[ExecutionResult]) -> Response:
    return format_result(await result)


def format_result(result: ExecutionResult) -> Response:
    if not result.errors:
        return {"data": result.data}
    return {"errors": [_format(error) for error in result.errors], "data": result.data}


def refusal_response(error: BaseException) -> Response:
    """A response of one error, for what was refused before anything ran."""
    domain_error = as_domain_error(error)
    return {"errors": [{"message": domain_error.text, "extensions": _extensions(domain_error)}]}


def _is_of_document(error: GraphQLError) -> bool:
    """Whether the document or its variables are wrong, and not what a resolver was asked."""
    return error.original_error is None or isinstance(error.original_error, GraphQLError)


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

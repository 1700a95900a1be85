"""Parses, limits, validates and executes; the same for HTTP and WebSocket."""

import sys
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    create_source_event_stream,
    parse,
    specified_rules,
    validate,
)
from graphql.pyutils import is_awaitable

from reserve.core.graphql.context import Context
from reserve.core.graphql.execution import Plan, execute
from reserve.core.graphql.lifting import Cut, Lifted, Shapes, lift
from reserve.core.graphql.limits import MAX_DEPTH, MAX_TOKENS, Measure, QueryTooComplex, measure
from reserve.core.graphql.operation import Operation
from reserve.core.graphql.persisted import PersistedQueries
from reserve.core.graphql.responses import CannotRun, Response, result_response
from reserve.core.graphql.streams import Rendered
from reserve.core.graphql.variables import field_errors

_CACHED_DOCUMENTS = 1_000
_MAX_CACHED_LENGTH = 10_000
# Of an invalid document or of variables; nobody reads more.
_MAX_ERRORS = 10
_TOO_MANY_TOKENS = "Syntax Error: Document contains more than"
_TOO_DEEP = "Syntax Error: Document is nested too deeply"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that may be executed: valid, within the limits, with one operation."""

    document: DocumentNode
    operation: OperationDefinitionNode
    measure: Measure
    plan: Plan
    lifted: Lifted | None = None
    """How the document came by variables that its text does not have."""
    sent: Cut | None = None
    """The text of the request, where the document was lifted."""

    def relocate(self, errors: Sequence[GraphQLError] | None) -> None:
        """Have errors of the document point into the text of the request."""
        if errors and self.lifted and self.sent:
            self.lifted.relocate(errors, self.sent)

    @property
    def is_subscription(self) -> bool:
        return self.operation.operation is OperationType.SUBSCRIPTION

    @property
    def is_query(self) -> bool:
        return self.operation.operation is OperationType.QUERY

    @property
    def root_fields(self) -> int:
        """What the limiter takes for it: its root fields, each alias for itself."""
        return self.measure.root_fields


class Executor:
    """
    Args:
        allows_introspection: whether `__schema` and `__type` may be asked for.
        makes_suggestions: whether errors say what somebody may have meant, and so name
            parts of the schema.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        allows_introspection: bool = True,
        makes_suggestions: bool = True,
    ) -> None:
        self._schema = schema
        self._documents: OrderedDict[str, Prepared] = OrderedDict()
        self._shapes: Shapes[Prepared] = Shapes()
        self._persisted = PersistedQueries()
        self._hides_suggestions = not makes_suggestions
        self._rules = list(specified_rules)
        if not allows_introspection:
            self._rules.append(NoSchemaIntrospectionCustomRule)

    async def complete(self, request: Operation) -> tuple[Operation, Prepared]:
        """The request with its document, which a hash may stand for, and that prepared.

        Raises:
            PersistedQueryNotFound: nobody knows the document of the hash.

        Refuses as `prepare` does.
        """
        request = await self._persisted.complete(request)
        request, prepared = self._lift(request) or (request, self.prepare(request))
        await self._persisted.remember(request)
        return request, prepared

    def prepare(self, request: Operation) -> Prepared:
        """Parse, limit and validate, once for each document that is seen again.

        Raises:
            CannotRun: a syntax error, an invalid document, no such operation or several.
            QueryTooComplex: it asks for too much, with the variables of this request.
        """
        known = self._documents.get(request.query)
        if known is None:
            known = self._check(request.query)
            if len(request.query) <= _MAX_CACHED_LENGTH:
                self._remember(request.query, known)
        else:
            self._documents.move_to_end(request.query)
        _check_request(known, request)
        return known

    def _lift(self, request: Operation) -> tuple[Operation, Prepared] | None:
        """The request with its literals as variables, and the document of all of its shape.

        None where the document is to be prepared as it stands. Raises as `prepare`.
        """
        if request.query in self._documents or len(request.query) > _MAX_CACHED_LENGTH:
            return None
        cut = Cut.of(request.query)
        if cut is None:
            return None
        if not self._shapes.knows(cut):
            prepared = self.prepare(request)
            self._shapes.remember(cut, self._lifted(cut, prepared))
            return request, prepared
        shared = self._shapes.get(cut)
        values = shared.lifted.values(cut) if shared and shared.lifted else None
        if shared is None or values is None:
            return None
        request = replace(request, variables={**(request.variables or {}), **values})
        _check_request(shared, request)
        return request, replace(shared, sent=cut)

    def _lifted(self, cut: Cut, prepared: Prepared) -> Prepared | None:
        lifted = lift(self._schema, cut, prepared.document, prepared.operation)
        if lifted is None:
            return None
        # It stands for what it was made from.
        self._documents.pop(cut.text, None)
        measured = measure(self._schema, lifted.document, lifted.operation)
        plan = Plan(self._schema, lifted.document, lifted.operation)
        return Prepared(lifted.document, lifted.operation, measured, plan, lifted)

    async def execute(self, prepared: Prepared, request: Operation, context: Context) -> Response:
        """
        Raises:
            CannotRun: variables are missing or of the wrong kind.
        """
        result: Any = execute(
            prepared.plan,
            context=context,
            variables=request.variables or {},
            max_errors=_MAX_ERRORS,
            hides_suggestions=self._hides_suggestions,
        )
        if is_awaitable(result):
            result = await result
        prepared.relocate(result.errors)
        self._refuse_unless_run(result, prepared, request)
        return result_response(result)

    async def subscribe(
        self, prepared: Prepared, request: Operation, context: Context
    ) -> Rendered | Response:
        """The results of a subscription as JSON, or the response that refuses it.

        Raises:
            CannotRun: variables are missing or of the wrong kind.
        """
        variables = dict(request.variables or {})
        events = await create_source_event_stream(
            self._schema,
            prepared.document,
            context_value=context,
            variable_values=variables,
            max_coercion_errors=_MAX_ERRORS,
            hide_suggestions=self._hides_suggestions,
        )
        if isinstance(events, ExecutionResult):
            prepared.relocate(events.errors)
            self._refuse_unless_run(events, prepared, request)
            return result_response(events)

        def respond(result: ExecutionResult) -> Response:
            prepared.relocate(result.errors)
            return result_response(result)

        def result_of(event: Any) -> Response | Awaitable[Response]:
            result: Any = execute(
                prepared.plan,
                context=context,
                variables=variables,
                root=event,
                max_errors=_MAX_ERRORS,
                hides_suggestions=self._hides_suggestions,
            )
            return _response_later(result, respond) if is_awaitable(result) else respond(result)

        sent = orjson.dumps(variables, option=orjson.OPT_SORT_KEYS).decode()
        # The same of thousands is kept once.
        return Rendered(events, result_of, (sys.intern(request.query), sys.intern(sent)))

    def _refuse_unless_run(
        self, result: ExecutionResult, prepared: Prepared, request: Operation
    ) -> None:
        """Raises CannotRun where the variables kept everything from running."""
        # An error of a field has the path of it.
        if result.data is None and result.errors and not any(e.path for e in result.errors):
            fields = field_errors(self._schema, prepared.operation, request.variables or {})
            raise CannotRun(result.errors, fields)

    def _check(self, query: str) -> Prepared:
        try:
            document = parse(query, max_tokens=MAX_TOKENS)
            operation = _only_operation(document)
            measured = measure(self._schema, document, operation)
            errors = validate(
                self._schema,
                document,
                self._rules,
                max_errors=_MAX_ERRORS,
                hide_suggestions=self._hides_suggestions,
            )
        except GraphQLSyntaxError as error:
            if error.message.startswith(_TOO_MANY_TOKENS):
                raise QueryTooComplex.of("tokens", MAX_TOKENS) from None
            if error.message.startswith(_TOO_DEEP):
                raise QueryTooComplex.of("levels", MAX_DEPTH) from None
            raise CannotRun([error]) from None
        except RecursionError:
            raise QueryTooComplex.of("levels", MAX_DEPTH) from None
        if errors:
            raise CannotRun(errors)
        return Prepared(document, operation, measured, Plan(self._schema, document, operation))

    def _remember(self, query: str, known: Prepared) -> None:
        self._documents[query] = known
        while len(self._documents) > _CACHED_DOCUMENTS:
            self._documents.popitem(last=False)


def _check_request(prepared: Prepared, request: Operation) -> None:
    """Raises CannotRun or QueryTooComplex where the document does not do for the request."""
    name = prepared.operation.name.value if prepared.operation.name else None
    # An empty name is none: https://github.com/graphql/graphql-over-http, 5.1.
    if request.name and request.name != name:
        raise CannotRun([GraphQLError(f"The document has no operation {request.name!r}.")])
    if prepared.measure.cost.pages:
        prepared.measure.cost.check(request.variables or {})


def _only_operation(document: DocumentNode) -> OperationDefinitionNode:
    """Raises CannotRun where there is none, or more than one."""
    operations = [
        definition
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode)
    ]
    if len(operations) != 1:
        raise CannotRun([GraphQLError("A document must have one operation.")])
    return operations[0]


async def _response_later(
    result: Awaitable[ExecutionResult], respond: Callable[[ExecutionResult], Response]
) -> Response:
    return respond(await result)

"""Executing documents that are asked for again: what does not depend on values is found once.

As graphql-core executes, and by its own functions wherever something is out of the
ordinary. What it looks up for each field is the same each time, and costs more than what
most resolvers do (docs/adr/0019-serving-graphql.md).
"""

from asyncio import gather
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import Enum
from functools import partial
from inspect import iscoroutinefunction, isfunction, signature
from typing import Any

import orjson
from graphene.types.resolver import dict_or_attr_resolver
from graphql import (
    DocumentNode,
    ExecutionContext,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    default_field_resolver,
    default_type_resolver,
    is_leaf_type,
    located_error,
)
from graphql.execution.collect_fields import collect_fields
from graphql.execution.execute import CollectedErrors, get_field_def
from graphql.execution.values import get_argument_values, get_variable_values
from graphql.pyutils import Path, Undefined, is_awaitable

from reserve.core.graphql.coercion import Variables
from reserve.core.graphql.rendered import Rendered

_Fields = dict[str, list[FieldNode]]

# Types of values that are neither errors nor to be awaited.
_PLAIN = frozenset({bool, date, datetime, float, int, str, time})
_FINISHED = _PLAIN | {dict, list, orjson.Fragment, type(None)}


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A field whose resolver looks at nothing but the row, and gives no object."""

    read: Callable[[Any], Any]
    serialize: Callable[[Any], Any]
    is_required: bool

    def value(self, row: Any) -> Any:
        """What stands in the answer, or Undefined where it has to be resolved with care."""
        try:
            value = self.read(row)
            if value is None:
                return Undefined if self.is_required else None
            if type(value) in _PLAIN or isinstance(value, Enum):
                value = self.serialize(value)
                return Undefined if value is None else value
        except Exception:  # noqa: BLE001 (the same again, with care, tells where it happened)
            return Undefined
        return Undefined


@dataclass(frozen=True, slots=True)
class _Known:
    """A field of a type, as a document selects it."""

    definition: GraphQLField
    resolve: Callable[..., Any]
    leaf: _Leaf | None


@dataclass(slots=True)
class _Found:
    """What was found of a document's selections."""

    root: _Fields | None = None
    below: dict[Any, _Fields] = field(default_factory=dict)
    """As graphql-core keys them: by the type and the nodes of the field above."""
    fields: dict[int, _Known | None] = field(default_factory=dict)
    """By the list of its nodes, which one of the others keeps."""


class Plan:
    """What is known of a document; to be kept as long as the document.

    Args:
        document: valid.
    """

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
    ) -> None:
        self.schema = schema
        self.operation = operation
        self.fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self.variables = Variables(schema, operation)
        self._found = _Found()
        self._is_fixed = not _has_directives([operation, *self.fragments.values()])

    def found(self) -> _Found:
        """Where an execution looks, and notes what it finds.

        Where directives decide what is selected, each finds that for itself.
        """
        return self._found if self._is_fixed else _Found()


def execute(
    plan: Plan,
    *,
    context: Any,
    variables: Mapping[str, Any],
    root: Any = None,
    max_errors: int,
    hides_suggestions: bool,
) -> ExecutionResult | Awaitable[ExecutionResult]:
    """The result of an operation, or what it comes from where resolvers take their time.

    As graphql-core's `execute`, of a document that was validated.

    Args:
        max_errors: of variables that make no sense.
        hides_suggestions: whether errors keep to themselves what somebody may have meant.
    """
    values: Any = plan.variables.read(variables)
    if values is None:
        values = get_variable_values(
            plan.schema,
            plan.operation.variable_definitions or (),
            dict(variables),
            max_errors=max_errors,
            hide_suggestions=hides_suggestions,
        )
        if isinstance(values, list):
            return ExecutionResult(None, values)
    return _Execution(plan, context, values, root).result()


class _Execution(ExecutionContext):
    """One execution of a plan."""

    def __init__(self, plan: Plan, context: Any, values: dict[str, Any], root: Any) -> None:
        super().__init__(
            plan.schema,
            plan.fragments,
            root,
            context,
            plan.operation,
            values,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            CollectedErrors(),
            middleware_manager=None,
            is_awaitable=None,
        )
        self._found = plan.found()
        self._subfields_cache = self._found.below

    def result(self) -> ExecutionResult | Awaitable[ExecutionResult]:
        errors = self.collected_errors
        try:
            data: Any = self.execute_operation(self.operation, self.root_value)
        except GraphQLError as error:
            errors.add(error, None)
            return self.build_response(None, errors.errors)
        if type(data) is dict:
            return self.build_response(data, errors.errors)
        return self._result_later(data)

    async def _result_later(self, data: Awaitable[dict[str, Any]]) -> ExecutionResult:
        errors = self.collected_errors
        try:
            return self.build_response(await data, errors.errors)
        except GraphQLError as error:
            errors.add(error, None)
            return self.build_response(None, errors.errors)

    def execute_operation(self, operation: OperationDefinitionNode, root_value: Any) -> Any:
        root_type = self.schema.get_root_type(operation.operation)
        assert root_type is not None
        if self._found.root is None:
            self._found.root = collect_fields(
                self.schema,
                self.fragments,
                self.variable_values,
                root_type,
                operation.selection_set,
            )
        is_serial = operation.operation.value == "mutation" and len(self._found.root) > 1
        execute_all = self.execute_fields_serially if is_serial else self.execute_fields
        return execute_all(root_type, root_value, None, self._found.root)

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        fields: _Fields,
    ) -> Any:
        results: dict[str, Any] = {}
        unfinished: list[str] = []
        for name, nodes in fields.items():
            known = self._know(parent_type, nodes)
            if known is None:
                continue
            value = known.leaf.value(source_value) if known.leaf else Undefined
            if value is Undefined:
                at = Path(path, name, parent_type.name)
                value = self.execute_field(parent_type, source_value, nodes, at)
            results[name] = value
            if type(value) not in _FINISHED and is_awaitable(value):
                unfinished.append(name)
        return _finish(results, unfinished) if unfinished else results

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_nodes: list[FieldNode],
        path: Path,
    ) -> Any:
        known = self._know(parent_type, field_nodes)
        if known is None:
            return Undefined
        definition = known.definition
        info = self.build_resolve_info(definition, field_nodes, parent_type, path)
        try:
            return self._resolved(known, source, field_nodes, info, path)
        except Exception as error:  # noqa: BLE001 (whatever a resolver raises is the field's error)
            return self._failed(error, definition, field_nodes, path)

    def complete_value(
        self, return_type: Any, field_nodes: Any, info: Any, path: Any, result: Any
    ) -> Any:
        if type(result) is Rendered:
            return result.value
        return super().complete_value(return_type, field_nodes, info, path, result)

    def _know(self, parent_type: GraphQLObjectType, nodes: list[FieldNode]) -> _Known | None:
        """The field of a type; None where there is no such field."""
        try:
            return self._found.fields[id(nodes)]
        except KeyError:
            definition = get_field_def(self.schema, parent_type, nodes[0])
            known = _known(definition) if definition else None
            self._found.fields[id(nodes)] = known
            return known

    def _resolved(
        self,
        known: _Known,
        source: Any,
        nodes: list[FieldNode],
        info: GraphQLResolveInfo,
        path: Path,
    ) -> Any:
        definition = known.definition
        if definition.args:
            arguments = get_argument_values(definition, nodes[0], self.variable_values)
            value = known.resolve(source, info, **arguments)
        else:
            value = known.resolve(source, info)
        if type(value) not in _PLAIN and is_awaitable(value):
            return self._complete_later(definition, nodes, info, path, value)
        completed = self.complete_value(definition.type, nodes, info, path, value)
        if type(completed) not in _FINISHED and is_awaitable(completed):
            return self._await_completed(definition, nodes, path, completed)
        return completed

    async def _complete_later(
        self,
        definition: GraphQLField,
        nodes: list[FieldNode],
        info: GraphQLResolveInfo,
        path: Path,
        value: Awaitable[Any],
    ) -> Any:
        try:
            completed: Any = self.complete_value(definition.type, nodes, info, path, await value)
            return await completed if is_awaitable(completed) else completed
        except Exception as error:  # noqa: BLE001 (as above)
            return self._failed(error, definition, nodes, path)

    async def _await_completed(
        self,
        definition: GraphQLField,
        nodes: list[FieldNode],
        path: Path,
        completed: Awaitable[Any],
    ) -> Any:
        try:
            return await completed
        except Exception as error:  # noqa: BLE001 (as above)
            return self._failed(error, definition, nodes, path)

    def _failed(
        self, error: Exception, definition: GraphQLField, nodes: list[FieldNode], path: Path
    ) -> None:
        located = located_error(error, nodes, path.as_list())
        self.handle_field_error(located, definition.type, path)


async def _finish(results: dict[str, Any], unfinished: list[str]) -> dict[str, Any]:
    """The results, once those that are not there have come."""
    if len(unfinished) == 1:
        # What is awaited alone needs no task of its own.
        results[unfinished[0]] = await results[unfinished[0]]
    else:
        values = await gather(*(results[name] for name in unfinished))
        results.update(zip(unfinished, values, strict=True))
    return results


def _known(definition: GraphQLField) -> _Known:
    kind: Any = definition.type
    is_required = isinstance(kind, GraphQLNonNull)
    kind = kind.of_type if is_required else kind
    resolve = definition.resolve or default_field_resolver
    leaf = None
    if is_leaf_type(kind) and not definition.args and (read := _reader(resolve)):
        leaf = _Leaf(read, kind.serialize, is_required)
    return _Known(definition, resolve, leaf)


def _reader(resolve: Any) -> Callable[[Any], Any] | None:
    """A resolver that takes the row alone; None where it may look at more."""
    if isinstance(resolve, partial) and resolve.func is dict_or_attr_resolver:
        name, default = resolve.args
        return lambda row: (
            row.get(name, default) if isinstance(row, dict) else getattr(row, name, default)
        )
    if not isfunction(resolve) or iscoroutinefunction(resolve):
        return None
    # What has an underscore in front is not looked at: the linter sees to it.
    ignores_info = list(signature(resolve).parameters)[1:] == ["_info"]
    return (lambda row: resolve(row, None)) if ignores_info else None


def _has_directives(nodes: Iterable[Any]) -> bool:
    """Whether a directive stands within any of the nodes' selections, or at them."""
    for node in nodes:
        if node.directives:
            return True
        # The spread of a fragment has none: it stands with the fragments.
        selected = getattr(node, "selection_set", None)
        if selected and _has_directives(selected.selections):
            return True
    return False

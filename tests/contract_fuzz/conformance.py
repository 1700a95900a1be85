"""Whether the data of a GraphQL answer is what the schema says of its document."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLEnumType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    is_list_type,
    is_non_null_type,
)


def _is_instant(value: Any) -> bool:
    return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None


_SCALARS: dict[str, Callable[[Any], bool]] = {
    "Int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "Float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "String": lambda value: isinstance(value, str),
    "ID": lambda value: isinstance(value, str),
    "Boolean": lambda value: isinstance(value, bool),
    "DateTime": _is_instant,
    "Date": lambda value: isinstance(value, str) and bool(date.fromisoformat(value)),
    "Time": lambda value: isinstance(value, str) and bool(time.fromisoformat(value)),
    "JSON": lambda value: True,
}


def nonconformities(schema: GraphQLSchema, document: DocumentNode, data: Any) -> Iterator[str]:
    """What the schema does not say of `data`, the answer to a document without fragments.

    Data that is null as a whole is what a refusal at its root leaves.
    """
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    root = schema.get_root_type(operation.operation)
    assert root is not None
    if data is not None:
        yield from _of_object(root, [operation.selection_set], data, "data")


def _of_object(
    kind: GraphQLObjectType, selections: list[SelectionSetNode], value: Any, path: str
) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is no object"
        return
    # Fields of one response name in one place are one field.
    fields: dict[str, list[FieldNode]] = {}
    for selection in selections:
        for node in selection.selections:
            assert isinstance(node, FieldNode)
            fields.setdefault((node.alias or node.name).value, []).append(node)
    if list(value) != list(fields):
        yield f"{path} has {list(value)} for {list(fields)}"
        return
    for name, nodes in fields.items():
        field = nodes[0].name.value
        if field == "__typename":
            if value[name] != kind.name:
                yield f"{path}.{name} is {value[name]!r}"
            continue
        below = [node.selection_set for node in nodes if node.selection_set]
        yield from _of_value(kind.fields[field].type, below, value[name], f"{path}.{name}")


def _of_value(
    kind: GraphQLOutputType, selections: list[SelectionSetNode], value: Any, path: str
) -> Iterator[str]:
    if is_non_null_type(kind):
        if value is None:
            yield f"{path} is null"
            return
        kind = kind.of_type
    if value is None:
        return
    if is_list_type(kind):
        if not isinstance(value, list):
            yield f"{path} is no list"
            return
        for index, item in enumerate(value):
            yield from _of_value(kind.of_type, selections, item, f"{path}[{index}]")
        return
    named = get_named_type(kind)
    if isinstance(named, GraphQLObjectType):
        yield from _of_object(named, selections, value, path)
    elif not _is_leaf(named, value):
        yield f"{path} is {value!r}, which is no {named.name}"


def _is_leaf(kind: GraphQLNamedType, value: Any) -> bool:
    if isinstance(kind, GraphQLEnumType):
        return value in kind.values
    try:
        return _SCALARS[kind.name](value)
    except ValueError:
        return False

"""Reading the variables of an operation that is asked for again.

graphql-core looks through the types of an operation's variables each time, to tell what
is wrong with which of them. That they are right, which is the rule, can be told faster by
functions made once.
"""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    type_from_ast,
    value_from_ast,
)
from graphql.pyutils import Undefined

_Read = Callable[[Any], Any]


class _Doubtful(Exception):
    """Not plainly right: for graphql-core to judge."""


class Variables:
    """The variables of an operation: read as graphql-core does, or left to it."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._declared: list[tuple[str, _Read, Any]] = []
        for node in operation.variable_definitions or ():
            kind: Any = type_from_ast(schema, node.type)
            default = value_from_ast(node.default_value, kind) if node.default_value else Undefined
            self._declared.append((node.variable.name.value, _reader(kind), default))

    def read(self, given: Mapping[str, Any]) -> dict[str, Any] | None:
        """The values that resolvers get, or None where graphql-core is to say what they are.

        Args:
            given: values of JSON by the names of variables.
        """
        values: dict[str, Any] = {}
        try:
            for name, read, default in self._declared:
                if name in given:
                    values[name] = read(given[name])
                elif default is not Undefined:
                    values[name] = default
                else:
                    read(None)
        except Exception:  # noqa: BLE001 (whatever a scalar raises is told by graphql-core)
            return None
        return values


def _reader(kind: GraphQLInputType, within: tuple[GraphQLInputType, ...] = ()) -> _Read:
    if isinstance(kind, GraphQLNonNull):
        return _required(_present(kind.of_type, within))
    return _optional(_present(kind, within))


def _present(kind: Any, within: tuple[GraphQLInputType, ...]) -> _Read:
    """Reads values that are not null."""
    if isinstance(kind, GraphQLList):
        return _list(_reader(kind.of_type, within))
    if isinstance(kind, GraphQLInputObjectType):
        # One that holds itself may be nested without end.
        if kind in within or kind.is_one_of:
            return _refused
        return _object(kind, (*within, kind))
    assert isinstance(kind, GraphQLScalarType | GraphQLEnumType)
    return _leaf(kind.parse_value)


def _required(read: _Read) -> _Read:
    def read_required(value: Any) -> Any:
        if value is None:
            raise _Doubtful
        return read(value)

    return read_required


def _optional(read: _Read) -> _Read:
    return lambda value: None if value is None else read(value)


def _refused(_value: Any) -> Any:
    raise _Doubtful


def _leaf(parse: _Read) -> _Read:
    def read_leaf(value: Any) -> Any:
        parsed = parse(value)
        if parsed is Undefined:
            raise _Doubtful
        return parsed

    return read_leaf


def _list(read: _Read) -> _Read:
    def read_list(value: Any) -> list[Any]:
        if type(value) is not list:
            raise _Doubtful
        return [read(item) for item in value]

    return read_list


def _object(kind: GraphQLInputObjectType, within: tuple[GraphQLInputType, ...]) -> _Read:
    fields = [
        (name, field.out_name or name, _reader(field.type, within), field.default_value)
        for name, field in kind.fields.items()
    ]
    make = kind.out_type

    def read_object(value: Any) -> Any:
        if type(value) is not dict:
            raise _Doubtful
        left = len(value)
        members = {}
        for name, inside, read, default in fields:
            if name in value:
                left -= 1
                members[inside] = read(value[name])
            elif default is not Undefined:
                members[inside] = default
            else:
                # What is required does not do without a value.
                read(None)
        if left:
            raise _Doubtful
        return make(members)

    return read_object

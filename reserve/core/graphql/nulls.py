"""What null means where a value has a default: the same as leaving it out.

GraphQL tells the two apart (spec.graphql.org, 2.9.5): a default stands for what is
left out, and null goes through as it is, which a client that fills in a form of
variables does not mean.
"""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    is_introspection_type,
)
from graphql.pyutils import Undefined


def read_nulls_as_left_out(schema: GraphQLSchema) -> None:
    """Have every argument and member of an input with a default take it for null too.

    Resolvers need not know of it. Where null means something there is no default.
    """
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLInputObjectType):
            if defaults := _defaults(kind.fields):
                # A method in graphql-core's classes, and meant to be replaced by the instance's.
                setattr(kind, "out_type", _filling(kind.out_type, defaults))  # noqa: B010
        # The types of introspection are every schema's.
        elif isinstance(kind, GraphQLObjectType) and not is_introspection_type(kind):
            _fill_arguments(kind)


def _fill_arguments(kind: GraphQLObjectType) -> None:
    for field in kind.fields.values():
        if defaults := _defaults(field.args):
            field.resolve = field.resolve and _with_defaults(field.resolve, defaults)
            field.subscribe = field.subscribe and _with_defaults(field.subscribe, defaults)


def _defaults(
    fields: Mapping[str, GraphQLArgument] | Mapping[str, GraphQLInputField],
) -> dict[str, Any]:
    """The defaults by the names that resolvers know, but for those that are null anyway."""
    return {
        field.out_name or name: field.default_value
        for name, field in fields.items()
        if field.default_value is not Undefined and field.default_value is not None
    }


def _filled(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {name: defaults.get(name) if value is None else value for name, value in given.items()}


def _filling(make: Callable[[dict[str, Any]], Any], defaults: Mapping[str, Any]) -> Any:
    return lambda given: make(_filled(given, defaults))


def _with_defaults(resolve: Callable[..., Any], defaults: Mapping[str, Any]) -> Callable[..., Any]:
    def resolve_filled(root: Any, info: Any, **given: Any) -> Any:
        return resolve(root, info, **_filled(given, defaults))

    return resolve_filled

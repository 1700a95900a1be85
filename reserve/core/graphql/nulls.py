"""What null means where a value may be left out: the same as leaving it out.

GraphQL tells the two apart (spec.graphql.org, 2.9.5): a default stands for what is
left out, and null goes through as it is, which a client that fills in a form of
variables does not mean. Where null is a value of its own, the member is `Clearable`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import graphene
from graphql import (
    GraphQLArgument,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    is_introspection_type,
    is_required_argument,
    is_required_input_field,
)
from graphql.pyutils import Undefined


class Clearable(graphene.InputField):  # type: ignore[misc]
    """A member of an input for which null is a value: it empties what was there."""


def read_nulls_as_left_out(schema: GraphQLSchema) -> None:
    """Have every argument and member of an input that may be left out take null for that.

    Resolvers need not know of it: they get the default, or nothing where there is none.
    """
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLInputObjectType):
            members = kind.graphene_type._meta.fields  # type: ignore[attr-defined]  # noqa: SLF001
            defaults = {
                name: default
                for name, default in _defaults(kind.fields, is_required_input_field).items()
                if not isinstance(members[name], Clearable)
            }
            if defaults:
                # A method in graphql-core's classes, and meant to be replaced by the instance's.
                setattr(kind, "out_type", _filling(kind.out_type, defaults))  # noqa: B010
        # The types of introspection are every schema's.
        elif isinstance(kind, GraphQLObjectType) and not is_introspection_type(kind):
            _fill_arguments(kind)


def _fill_arguments(kind: GraphQLObjectType) -> None:
    for field in kind.fields.values():
        if defaults := _defaults(field.args, is_required_argument):
            field.resolve = field.resolve and _with_defaults(field.resolve, defaults)
            field.subscribe = field.subscribe and _with_defaults(field.subscribe, defaults)


def _defaults(
    fields: Mapping[str, GraphQLArgument] | Mapping[str, GraphQLInputField],
    is_required: Callable[[Any], bool],
) -> dict[str, Any]:
    """The defaults of what may be left out, by the names that resolvers know."""
    return {
        field.out_name or name: field.default_value
        for name, field in fields.items()
        if not is_required(field)
    }


def _filled(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    filled = {
        name: defaults[name] if value is None and name in defaults else value
        for name, value in given.items()
    }
    return {name: value for name, value in filled.items() if value is not Undefined}


def _filling(make: Callable[[dict[str, Any]], Any], defaults: Mapping[str, Any]) -> Any:
    return lambda given: make(_filled(given, defaults))


def _with_defaults(resolve: Callable[..., Any], defaults: Mapping[str, Any]) -> Callable[..., Any]:
    def resolve_filled(root: Any, info: Any, **given: Any) -> Any:
        return resolve(root, info, **_filled(given, defaults))

    return resolve_filled

"""Which fields of an operation's variables are of the wrong kind, in everybody's words."""

import re
from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    is_input_type,
    type_from_ast,
)
from graphql.utilities import coerce_input_value

from reserve.core import sentences

_KINDS = {
    "Int": sentences.WHOLE_NUMBER,
    "Float": sentences.NUMBER,
    "Boolean": sentences.TRUE_OR_FALSE,
    "String": sentences.TEXT,
    "ID": sentences.TEXT,
    "Date": sentences.DATE,
    "Time": sentences.TIME_OF_DAY,
    "DateTime": sentences.INSTANT,
}
_LARGEST = 2**31 - 1
_BEYOND = f"This must be from {-_LARGEST - 1} to {_LARGEST}."
_WORDS = tuple(
    (re.compile(pattern), sentence)
    for pattern, sentence in (
        (r"Field '(\w+)' of required type", sentences.REQUIRED),
        (r"Field '(\w+)' is not defined", sentences.UNKNOWN),
        (r"Expected non-nullable type '\[", sentences.LIST),
        (r"Expected type '\w+' to be a mapping", sentences.OBJECT),
        (r"Int cannot represent non 32-bit", _BEYOND),
        (r"Enum '\w+' cannot represent", sentences.TEXT),
    )
)
_NO_CHOICE = re.compile(r"Value '.*' does not exist in '\w+' enum")
_KIND = re.compile(r"(?:Expected non-nullable type ')?(\w+)")


def field_errors(
    schema: GraphQLSchema, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> dict[str, list[str]]:
    """The sentences on each field, by its path in the variable: `openings.1.opensAt`.

    Empty where all variables are what the operation declares.
    """
    found: dict[str, list[str]] = {}

    def note(path: list[str | int], value: Any, error: GraphQLError) -> None:
        name, sentence = _said(value, error.message)
        place = ".".join(map(str, [*path, *([name] if name else [])]))
        found.setdefault(place or variable, []).append(sentence)

    for definition in operation.variable_definitions:
        variable = definition.variable.name.value
        kind: Any = type_from_ast(schema, definition.type)
        is_left_out = variable not in variables and definition.default_value is not None
        if is_input_type(kind) and not is_left_out:
            coerce_input_value(variables.get(variable), kind, note)
    return found


def _said(value: Any, message: str) -> tuple[str, str]:
    """A field's name, where the path does not end with it, and our words for graphql-core's."""
    for pattern, sentence in _WORDS:
        if found := pattern.match(message):
            return "".join(found.groups()), sentence
    if _NO_CHOICE.match(message):
        return "", sentences.no_choice(value)
    kind = _KIND.match(message)
    return "", _KINDS.get(kind[1], message) if kind else message

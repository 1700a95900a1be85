"""The inputs of GraphQL's questions: what they are given, and that with one of them changed."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from graphql import (
    EnumValueNode,
    FieldNode,
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLNonNull,
    ListValueNode,
    NameNode,
    ObjectFieldNode,
    ObjectValueNode,
    OperationDefinitionNode,
    ValueNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
    parse,
    parse_value,
    print_ast,
)

from tests.contracts import roles
from tests.contracts.questions import Question, fields_of, graphql_questions

# Whoever may do most of it; a customer where that is their own.
_CALLERS = ("manager", "customer", "administrator")
# Of what is filled in so that something below it can be changed.
_LITERALS = {
    "ID": '"x"',
    "String": '"x"',
    "Int": "1",
    "Float": "1.0",
    "Boolean": "true",
    "Date": '"2030-01-01"',
    "Time": '"09:00"',
    "DateTime": '"2030-01-01T10:00:00Z"',
}

# Hours that differ from the literal above.
_OTHER = {"closesAt": '"17:00"'}
Inputs = Mapping[str, GraphQLArgument] | Mapping[str, GraphQLInputField]
# The new value of an input by its name, or None where it is to stay.
Change = Callable[[str, GraphQLArgument | GraphQLInputField], ValueNode | None]


def _least(kind: Any) -> ValueNode:
    """The shortest value of a type."""
    kind = get_nullable_type(kind)
    if is_list_type(kind):
        return ListValueNode(values=(_least(kind.of_type),))
    if isinstance(kind, GraphQLInputObjectType):
        required = {
            name: each
            for name, each in kind.fields.items()
            if isinstance(each.type, GraphQLNonNull)
        }
        return object_of(
            {
                name: parse_value(_OTHER[name]) if name in _OTHER else _least(each.type)
                for name, each in required.items()
            }
        )
    if isinstance(kind, GraphQLEnumType):
        return EnumValueNode(value=next(iter(kind.values)))
    return parse_value(_LITERALS[kind.name], no_location=True)


def object_of(members: Mapping[str, ValueNode]) -> ObjectValueNode:
    return ObjectValueNode(
        fields=tuple(
            ObjectFieldNode(name=NameNode(value=name), value=value)
            for name, value in members.items()
        )
    )


def _variations(
    given: dict[str, ValueNode], inputs: Inputs, change: Change
) -> Iterator[tuple[str, dict[str, ValueNode]]]:
    """What is given, with one input changed at a time, at every depth."""
    for name, each in inputs.items():
        changed = change(name, each)
        if changed is not None:
            yield name, given | {name: changed}
        named = get_named_type(each.type)
        if not isinstance(named, GraphQLInputObjectType):
            continue
        value = given.get(name) or _least(each.type)
        items = value.values if isinstance(value, ListValueNode) else (value,)
        for item in items or (_least(named),):
            assert isinstance(item, ObjectValueNode)
            members = {field.name.value: field.value for field in item.fields}
            for inner, spoilt in _variations(members, named.fields, change):
                changed = object_of(spoilt)
                if is_list_type(get_nullable_type(each.type)):
                    changed = ListValueNode(values=(changed,))
                yield f"{name}.{inner}", given | {name: changed}


def _field(question: Question) -> FieldNode:
    operation = parse(question.text, no_location=True).definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    field = operation.selection_set.selections[0]
    assert isinstance(field, FieldNode)
    return field


def given_to(question: Question) -> dict[str, ValueNode]:
    return {argument.name.value: argument.value for argument in _field(question).arguments}


def asking_with(question: Question, kind: str, values: Mapping[str, ValueNode]) -> Question:
    """The question with other values."""
    chosen = _field(question).selection_set
    written = ", ".join(f"{name}: {print_ast(value)}" for name, value in values.items())
    selection = f" {print_ast(chosen)}" if chosen else ""
    text = f"{kind} {{ {question.name}({written}){selection} }}"
    return Question(question.name, question.row, text)


def changed_questions(
    kind: str, rows: dict[str, roles.Row], change: Change
) -> Iterator[tuple[str, Question]]:
    """Every question of a kind, with one of its inputs changed at a time, and the input's path."""
    for question in graphql_questions(kind, rows):
        arguments = fields_of(kind)[question.name].args
        for where, values in _variations(given_to(question), arguments, change):
            yield where, asking_with(question, kind, values)


def caller_of(row: roles.Row) -> str:
    """Somebody who is not forbidden to ask it."""
    return next(each for each in _CALLERS if row.rule[each] != "FORBIDDEN")

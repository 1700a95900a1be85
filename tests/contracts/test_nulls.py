"""Null for every value that may be left out, one at a time, of every field of the schema.

Clients that fill in a form of variables send null for what they have nothing for.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
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
    NullValueNode,
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

from accounts.models import Login
from tests.contracts import roles
from tests.contracts.questions import Question, ask, code_of, fields_of, graphql_questions
from tests.contracts.worlds import Callers, World

pytestmark = pytest.mark.django_db(transaction=True)

# Whoever may do most of it; a customer where that is their own.
_CALLERS = ("manager", "customer", "administrator")
# Of what is filled in so that something below it can be null.
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

# Refused for what is left: a slot's change says what changes, quiet hours have two ends.
_WITHOUT = dict.fromkeys(
    (
        *("updateSlot", "updateSlot.input.capacity"),
        *(f"updateNotificationPreferences.input.quiet{end}" for end in ("From", "Until")),
    ),
    "BAD_USER_INPUT",
)
_Inputs = Mapping[str, GraphQLArgument] | Mapping[str, GraphQLInputField]


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
        return _object(
            {
                name: parse_value(_OTHER[name]) if name in _OTHER else _least(each.type)
                for name, each in required.items()
            }
        )
    if isinstance(kind, GraphQLEnumType):
        return EnumValueNode(value=next(iter(kind.values)))
    return parse_value(_LITERALS[kind.name], no_location=True)


def _object(members: Mapping[str, ValueNode]) -> ObjectValueNode:
    return ObjectValueNode(
        fields=tuple(
            ObjectFieldNode(name=NameNode(value=name), value=value)
            for name, value in members.items()
        )
    )


def _with_null(given: dict[str, ValueNode], inputs: _Inputs) -> Iterator[tuple[str, Any]]:
    """What is given, with null for each of the inputs that may be, at every depth."""
    for name, each in inputs.items():
        if not isinstance(each.type, GraphQLNonNull):
            yield name, given | {name: NullValueNode()}
        named = get_named_type(each.type)
        if not isinstance(named, GraphQLInputObjectType):
            continue
        value = given.get(name) or _least(each.type)
        items = value.values if isinstance(value, ListValueNode) else (value,)
        for item in items or (_least(named),):
            assert isinstance(item, ObjectValueNode)
            members = {field.name.value: field.value for field in item.fields}
            for inner, spoilt in _with_null(members, named.fields):
                changed: ValueNode = _object(spoilt)
                if is_list_type(get_nullable_type(each.type)):
                    changed = ListValueNode(values=(changed,))
                yield f"{name}.{inner}", given | {name: changed}


def _field(question: Question) -> FieldNode:
    operation = parse(question.text, no_location=True).definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    field = operation.selection_set.selections[0]
    assert isinstance(field, FieldNode)
    return field


def _given(question: Question) -> dict[str, ValueNode]:
    return {argument.name.value: argument.value for argument in _field(question).arguments}


def _with(question: Question, kind: str, values: Mapping[str, ValueNode]) -> Question:
    """The question with other values."""
    chosen = _field(question).selection_set
    written = ", ".join(f"{name}: {print_ast(value)}" for name, value in values.items())
    selection = f" {print_ast(chosen)}" if chosen else ""
    text = f"{kind} {{ {question.name}({written}){selection} }}"
    return Question(question.name, question.row, text)


def _questions(kind: str, rows: dict[str, roles.Row]) -> Iterator[tuple[str, Question]]:
    for question in graphql_questions(kind, rows):
        arguments = fields_of(kind)[question.name].args
        for where, values in _with_null(_given(question), arguments):
            yield where, _with(question, kind, values)


def _caller(row: roles.Row) -> str:
    return next(each for each in _CALLERS if row.rule[each] != "FORBIDDEN")


def test_null_is_as_if_left_out(http: httpx.Client, world: World, callers: Callers) -> None:
    wrong, tried = [], 0
    for kind, rows in (("query", roles.QUERIES), ("mutation", roles.MUTATIONS)):
        for where, question in _questions(kind, rows):
            caller = _caller(question.row)
            text = question.filled(question.values(world))
            answer = ask(http, question, text, callers.headers(caller))
            tried += 1
            if code_of(answer) != _WITHOUT.get(
                f"{question.name}.{where}", question.row.rule[caller]
            ):
                wrong.append(f"{question.name}, {where}: {answer.text[:300]}")
    assert not wrong, f"{len(wrong)} of {tried}:\n" + "\n".join(wrong)
    assert tried > 150, tried


def _nulls(inputs: _Inputs, given: dict[str, ValueNode]) -> dict[str, ValueNode]:
    """What is needed of what is given, and null for everything else."""
    found = {}
    for name, each in inputs.items():
        named = get_named_type(each.type)
        if not isinstance(each.type, GraphQLNonNull):
            found[name] = NullValueNode()
        elif isinstance(named, GraphQLInputObjectType):
            value = given[name]
            assert isinstance(value, ObjectValueNode)
            members = {field.name.value: field.value for field in value.fields}
            found[name] = _object(_nulls(named.fields, members))
        else:
            found[name] = given[name]
    return found


def _rows() -> dict[str, list[Any]]:
    """Every row of every table, apart from when it was written and somebody was seen."""
    return {
        model._meta.label: [
            {name: value for name, value in row.items() if name != "updated_at"}
            for row in model._default_manager.order_by("pk").values()
        ]
        for model in apps.get_models()
        if model._meta.managed and model not in {Login, Session}
    }


def test_an_update_of_nulls_alone_changes_nothing(
    http: httpx.Client, world: World, callers: Callers
) -> None:
    tried = []
    for question in graphql_questions("mutation", roles.MUTATIONS):
        name = question.name
        if not name.startswith("update") and name != "changeMember":
            continue
        values = _nulls(fields_of("mutation")[name].args, _given(question))
        asked = _with(question, "mutation", values)
        caller = _caller(question.row)
        headers, text = callers.headers(caller), asked.filled(asked.values(world))
        before = _rows()
        code = code_of(ask(http, asked, text, headers))
        assert code == _WITHOUT.get(name), (name, text)
        after = _rows()
        changed = {
            label: [row for row in rows if row not in before[label]]
            for label, rows in after.items()
            if rows != before[label]
        }
        assert not changed, (name, changed)
        tried.append(name)
    assert len(tried) > 7, tried

"""Null for every value that may be left out, one at a time, of every field of the schema.

Clients that fill in a form of variables send null for what they have nothing for.
"""

from typing import Any

import httpx
import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
from graphql import (
    GraphQLArgument,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLNonNull,
    NullValueNode,
    ObjectValueNode,
    ValueNode,
    get_named_type,
)

from accounts.models import Login
from tests.contracts import roles
from tests.contracts.inputs import (
    Inputs,
    asking_with,
    caller_of,
    changed_questions,
    given_to,
    object_of,
)
from tests.contracts.questions import ask, code_of, fields_of, graphql_questions
from tests.contracts.worlds import Callers, World

pytestmark = pytest.mark.django_db(transaction=True)

# Refused for what is left: a slot's change says what changes, quiet hours have two ends.
_WITHOUT = dict.fromkeys(
    (
        *("updateSlot", "updateSlot.input.capacity"),
        *(f"updateNotificationPreferences.input.quiet{end}" for end in ("From", "Until")),
    ),
    "BAD_USER_INPUT",
)


def _null(_name: str, each: GraphQLArgument | GraphQLInputField) -> ValueNode | None:
    return None if isinstance(each.type, GraphQLNonNull) else NullValueNode()


def test_null_is_as_if_left_out(http: httpx.Client, world: World, callers: Callers) -> None:
    wrong, tried = [], 0
    for kind, rows in (("query", roles.QUERIES), ("mutation", roles.MUTATIONS)):
        for where, question in changed_questions(kind, rows, _null):
            caller = caller_of(question.row)
            text = question.filled(question.values(world))
            answer = ask(http, question, text, callers.headers(caller))
            tried += 1
            if code_of(answer) != _WITHOUT.get(
                f"{question.name}.{where}", question.row.rule[caller]
            ):
                wrong.append(f"{question.name}, {where}: {answer.text[:300]}")
    assert not wrong, f"{len(wrong)} of {tried}:\n" + "\n".join(wrong)
    assert tried > 150, tried


def _nulls(inputs: Inputs, given: dict[str, ValueNode]) -> dict[str, ValueNode]:
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
            found[name] = object_of(_nulls(named.fields, members))
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
        values = _nulls(fields_of("mutation")[name].args, given_to(question))
        asked = asking_with(question, "mutation", values)
        caller = caller_of(question.row)
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

"""Every value of every operation, replaced by nonsense, one at a time, through both APIs.

The contract's code comes back, never a fault and never our insides, and nothing is
written.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.apps import apps
from graphql import ListValueNode, ObjectValueNode, parse, parse_value, print_ast

from tests.contracts import roles
from tests.contracts.questions import QUESTIONS, Question, ask
from tests.contracts.worlds import Callers, World

pytestmark = pytest.mark.django_db(transaction=True)

_TEXTS = (7, True, 1.5, ["a"], {"a": 1}, "\0", "a\u202eb", "\x1b[2J", "x" * 100_000)
_NUMBERS = ("4", True, 1.5, 2**63, -(2**63), [1], {"a": 1}, "\0")
_LISTS = ("a", 7, True, {"a": 1}, [[]])
_OBJECTS = ("a", 7, True, ["a"])
_FLAGS = ("true", 1, 0, [True], {})
# An inside of ours would look like one of these.
_INSIDES = re.compile(
    r"Traceback|psycopg|django\.|SELECT |INSERT |relation \"|site-packages|line \d+, in",
    re.IGNORECASE,
)
_CODES = {
    *("BAD_USER_INPUT", "NOT_FOUND", "FORBIDDEN", "UNAUTHENTICATED", "PAYLOAD_TOO_LARGE"),
    *("PARTY_SIZE_NOT_ALLOWED", "SLOT_UNAVAILABLE", "QUERY_TOO_COMPLEX"),
}
# Whoever may do most of it; a customer where that is their own.
_CALLERS = ("manager", "customer", "administrator")


def _nonsense_for(value: Any) -> tuple[Any, ...]:
    match value:
        case bool():
            return _FLAGS
        case int():
            return _NUMBERS
        case list():
            return _LISTS
        case dict():
            return _OBJECTS
        case _:
            return _TEXTS


def _spoilt(value: Any) -> Iterator[tuple[str, Any]]:
    """A body with one value after another replaced; and with a member that nobody knows."""
    if isinstance(value, dict):
        yield "unknown member", value | {"is_staff": True}
        yield "unknown member", value | {"role": "OWNER"}
        for name, inner in value.items():
            for nonsense in _nonsense_for(inner):
                yield f"{name}: {str(nonsense)[:30]!r}", value | {name: nonsense}
            for where, spoilt in _spoilt(inner):
                yield f"{name}.{where}", value | {name: spoilt}
    elif isinstance(value, list) and value:
        if not isinstance(value[0], dict):
            for nonsense in _nonsense_for(value[0]):
                yield f"0: {str(nonsense)[:30]!r}", [nonsense, *value[1:]]
        for where, spoilt in _spoilt(value[0]):
            yield f"0.{where}", [spoilt, *value[1:]]


def _bodies(question: Question) -> Iterator[tuple[str, str]]:
    line, _, body = question.text.partition("\n")
    for where, spoilt in _spoilt(json.loads(body)):
        yield where, f"{line}\n{json.dumps(spoilt)}"


def _documents(question: Question) -> Iterator[tuple[str, str]]:
    """The same for the literals of a document."""
    document = question.text
    field: Any = parse(document, no_location=True).definitions[0].selection_set.selections[0]  # type: ignore[attr-defined]
    for argument in field.arguments:
        whole = argument.value
        for where, spoilt in _spoilt_literals(whole):
            argument.value = spoilt
            selection = f" {print_ast(field.selection_set)}" if field.selection_set else ""
            given = ", ".join(print_ast(each) for each in field.arguments)
            kind = document.partition(" ")[0]
            yield (
                f"{argument.name.value}.{where}",
                f"{kind} {{ {field.name.value}({given}){selection} }}",
            )
        argument.value = whole


def _spoilt_literals(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, ObjectValueNode):
        for field in value.fields:
            whole = field.value
            for where, spoilt in _spoilt_literals(whole):
                field.value = spoilt
                yield f"{field.name.value}.{where}", value
            field.value = whole
        return
    if isinstance(value, ListValueNode):
        for nonsense in _LISTS:
            if not isinstance(nonsense, list):
                yield f"{nonsense!r}", parse_value(_literal(nonsense))
        for where, spoilt in _spoilt_literals(value.values[0]) if value.values else ():
            yield f"0.{where}", ListValueNode(values=(spoilt,))
        return
    kinds: dict[str, tuple[Any, ...]] = {"int_value": _NUMBERS, "boolean_value": _FLAGS}
    for nonsense in kinds.get(value.kind, _TEXTS):
        # An enum is written as a name, and a list of one may be written as its item.
        if isinstance(nonsense, list):
            continue
        yield str(nonsense)[:30], parse_value(_literal(nonsense))


def _literal(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_literal(inner)}" for key, inner in value.items()) + "}"
    return json.dumps(value)


def _rows() -> dict[str, int]:
    """How many rows each table has; calls may be counted, and logins used."""
    return {
        model._meta.label: model._default_manager.count()
        for model in apps.get_models()
        if model._meta.managed
    }


def _cases(transport: str) -> Iterator[tuple[Question, str, str]]:
    for question in QUESTIONS[transport]():
        if not question.row.input or question.row.ends_logins:
            continue
        make = _bodies if transport == "rest" else _documents
        for where, text in make(question):
            yield question, where, text


@pytest.mark.parametrize("transport", QUESTIONS)
def test_nonsense_is_refused_by_name_and_writes_nothing(
    transport: str, http: httpx.Client, world: World, callers: Callers
) -> None:
    wrong, tried = [], 0
    values: dict[str, dict[str, str]] = {}
    for question in QUESTIONS[transport]():
        values[question.name] = question.values(world)
    headers = {
        name: callers.headers(next(each for each in _CALLERS if row.rule[each] != "FORBIDDEN"))
        for name, row in {**roles.QUERIES, **roles.MUTATIONS, **roles.REST}.items()
    }
    before = _rows()
    for question, where, text in _cases(transport):
        filled = Question(question.name, question.row, text).filled(values[question.name])
        answer = ask(http, question, filled, headers[question.name])
        tried += 1
        body = answer.json() if answer.content else {}
        if "errors" in body and isinstance(body["errors"], list):
            code = body["errors"][0]["extensions"]["code"]
        else:
            code = body.get("code")
        if answer.status_code >= 500 or code not in _CODES or _INSIDES.search(answer.text):
            wrong.append(f"{question.name}, {where}: {answer.status_code} {answer.text[:200]}")
    after = _rows()
    changed = {name: (count, after[name]) for name, count in before.items() if count != after[name]}
    assert not wrong, f"{len(wrong)} of {tried}:\n" + "\n".join(wrong[:60])
    assert not changed
    assert tried >= {"queries": 100, "mutations": 300, "rest": 300}[transport], tried

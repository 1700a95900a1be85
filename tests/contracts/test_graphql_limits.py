"""What a document may ask for, and that it is refused in time, over HTTP and WebSocket alike."""

import time
from typing import Any

import pytest
from graphql import get_introspection_query

from reserve.core.errors import DomainError
from reserve.core.graphql.executor import Executor
from reserve.core.graphql.limits import QueryTooComplex
from reserve.core.graphql.operation import Operation
from reserve.core.graphql.responses import CannotRun
from reserve.schema import schema
from tests.clients import GraphQLApi
from tests.contracts.sockets import ask_by_socket

# What GraphiQL asks for when it opens.
INTROSPECTION = get_introspection_query(
    specified_by_url=True,
    directive_is_repeatable=True,
    schema_description=True,
    input_value_deprecation=True,
)
_PAGES = """query($n: Int, $m: Int = 50) { organizations(first: $n) { edges { node {
    name members(first: $m) { totalCount edges { node { id name email role } } } } } } }"""

ALLOWED: dict[str, tuple[str, dict[str, Any]]] = {
    "introspection": (INTROSPECTION, {}),
    "a page of pages": (_PAGES, {"n": 100, "m": 10}),
    "pages of their defaults": (_PAGES, {}),
    "everything about fifty venues": (
        (
            "{ venues(first: 50) { totalCount pageInfo { hasNextPage } edges { cursor node {"
            " id name openingHours { id } resources { id openingHours { id opensAt } } } } } }"
        ),
        {},
    ),
    "the same fields in twenty fragments": (
        "{ venues { edges { node { "
        + " ".join(f"...F{n}" for n in range(20))
        + " } } } }"
        + " ".join(f"fragment F{n} on Venue {{ id name }}" for n in range(20)),
        {},
    ),
    "thirty aliases": (
        "{ venues { edges { node { " + " ".join(f"a{n}: name" for n in range(30)) + " } } } }",
        {},
    ),
    "twenty fields at the root": ("{" + " a: __typename" * 20 + "}", {}),
}

REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "tokens": ("{ venues(search: [" + '"" ' * 1_000 + "]) { totalCount } }", {}),
    "the same field at the root": ("{" + "venues{totalCount}" * 490 + "}", {}),
    "fields at the root": ("{" + " __typename" * 21 + "}", {}),
    "fields at the root of fragments": (
        "{ ...A ...B } fragment A on Query {" + " __typename" * 11 + "}"
        " fragment B on Query {" + " __typename" * 11 + "}",
        {},
    ),
    "400 aliases": ("{" + " ".join(f"a{n}: __typename" for n in range(400)) + "}", {}),
    "aliases within": (
        "{ venues { " + " ".join(f"a{n}: totalCount" for n in range(31)) + " } }",
        {},
    ),
    "aliases of fragments": (
        "{ venues { edges { node { resources { ...A openingHours { id } } ...B } } } }"
        " fragment A on Resource {" + " ".join(f"a{n}: name" for n in range(16)) + "}"
        " fragment B on Venue {" + " ".join(f"b{n}: name" for n in range(16)) + "}",
        {},
    ),
    "one field many times": ("{ venues { " + "totalCount " * 400 + "} }", {}),
    "depth": ("{" + "venues{" * 17 + "x" + "}" * 18, {}),
    "depth of the text": ("{" + "venues{" * 200 + "x" + "}" * 201, {}),
    "depth of a list": ("{ venues(first: " + "[" * 400 + "]" * 400 + ") { totalCount } }", {}),
    "fragments": (
        "{ ...F0 }"
        + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(60))
        + " fragment F60 on Query { __typename }",
        {},
    ),
    "fragments that double each other": (
        "{ venues { edges { node { ...F0 } } } }"
        + " ".join(
            f"fragment F{n} on Venue {{ a: resources {{ id ...F{n + 1} }}"
            f" b: resources {{ id ...F{n + 1} }} }}"
            for n in range(20)
        )
        + " fragment F20 on Venue { id }",
        {},
    ),
    "an unused fragment": (
        "{ __typename } fragment F on Venue { " + " ".join(f"a{n}: id" for n in range(31)) + " }",
        {},
    ),
    "introspection in circles": (
        "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
        {},
    ),
    "introspection again and again": (
        "{" + " ".join(f"a{n}: __schema {{ types {{ name }} }}" for n in range(6)) + "}",
        {},
    ),
    "pages of pages": (_PAGES.replace("$n)", "100)").replace("$m)", "100)"), {}),
    "pages of pages by variables": (_PAGES, {"n": 100, "m": 100}),
    "pages of pages by a default": (_PAGES.replace("= 50", "= 100"), {"n": 100}),
    "lists of lists": (
        "{ slots(venueId: 1, from: 1, to: 1)"
        " { venue { resources { openingHours { id } specialHours { id } } closures { id }"
        " openingHours { id } specialHours { id } } resource { openingHours { id } } } }".replace(
            "resource {", "a: venue { resources { openingHours { id } } } resource {"
        ),
        {},
    ),
}


def _refusal(executor: Executor, document: str, variables: Any = None) -> DomainError | None:
    try:
        executor.prepare(Operation(document, variables or {}))
    except QueryTooComplex as refused:
        return refused
    except CannotRun:
        return None
    return None


def test_documents_are_refused_before_anything_is_validated_or_run() -> None:
    executor = Executor(schema.graphql_schema)
    wrongly_allowed = [
        name for name, asked in REFUSED.items() if _refusal(executor, *asked) is None
    ]
    assert wrongly_allowed == []
    for name, (document, variables) in ALLOWED.items():
        try:
            executor.prepare(Operation(document, variables))
        except (QueryTooComplex, CannotRun) as refused:
            pytest.fail(f"{name}: {refused}")


def test_a_page_size_counts_with_each_request_of_a_document() -> None:
    executor = Executor(schema.graphql_schema)
    for size, is_refused in ((10, False), (100, True), (20, False), (10**30, True), (-1, False)):
        found = _refusal(executor, _PAGES, {"n": size, "m": 100})
        assert (found is not None) == is_refused, size


def test_refusals_take_milliseconds() -> None:
    documents = [document for document, _ in REFUSED.values()]

    def seconds() -> float:
        executor = Executor(schema.graphql_schema)
        began = time.process_time()
        for document in documents:
            _refusal(executor, document)
        return time.process_time() - began

    # Of the processor, as the machine has others to serve.
    assert min(seconds() for _ in range(3)) / len(documents) < 0.02


def test_what_an_invalid_document_is_told_has_an_end() -> None:
    executor = Executor(schema.graphql_schema)
    with pytest.raises(CannotRun) as refused:
        executor.prepare(Operation("{ venues { " + " ".join(f"x{n}" for n in range(300)) + " } }"))
    assert len(refused.value.errors) <= 11


def test_introspection_and_suggestions_can_be_turned_off() -> None:
    closed = Executor(schema.graphql_schema, allows_introspection=False, makes_suggestions=False)
    for document in (INTROSPECTION, '{ __type(name: "Venue") { name } }'):
        with pytest.raises(CannotRun, match="introspection has been disabled"):
            closed.prepare(Operation(document))
    closed.prepare(Operation("{ __typename venues { __typename } }"))
    for document in ("{ venu { id } }", "{ venues(frist: 1) { totalCount } }"):
        with pytest.raises(CannotRun) as refused:
            closed.prepare(Operation(document))
        assert "Did you mean" not in str(refused.value), document
    with pytest.raises(CannotRun, match="Did you mean"):
        Executor(schema.graphql_schema).prepare(Operation("{ venu { id } }"))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("transport", ["http", "websocket"])
def test_a_refusal_has_the_code_of_the_contract(server: str, transport: str) -> None:
    documents = [
        ("QUERY_TOO_COMPLEX", "{" + "venues{totalCount}" * 30 + "}"),
        ("BAD_USER_INPUT", "query A { __typename } query B { __typename }"),
        ("BAD_USER_INPUT", "fragment F on Query { __typename }"),
        ("BAD_USER_INPUT", "{ ...F } fragment F on Query { ...G } fragment G on Query { ...F }"),
    ]
    for code, document in documents:
        if transport == "http":
            response = GraphQLApi(server).send(document)
            assert response.status_code == 400
            body = response.json()
            assert "data" not in body
            errors = body["errors"]
        else:
            answer = ask_by_socket(server, document)
            assert answer["type"] == "error"
            errors = answer["payload"]
        assert errors[0]["extensions"]["code"] == code
        assert errors[0]["extensions"]["requestId"]

"""Every operation of both APIs as a question, with placeholders for what it names."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Template
from typing import Any

import httpx
from graphql import get_named_type, is_composite_type

from reserve.schema import schema
from tests.contracts import roles
from tests.contracts.roles import Row
from tests.contracts.worlds import MODELS, World

_REQUEST_ID = {"X-Request-ID": "roles"}


@dataclass(frozen=True)
class Question:
    """One row of one transport, ready to be filled in."""

    name: str
    row: Row
    text: str
    """With placeholders: a document, or path and body."""

    @property
    def placeholders(self) -> list[str]:
        return re.findall(r"\$([a-z_]+)", self.text)

    @property
    def ids(self) -> list[str]:
        return [name for name in dict.fromkeys(self.placeholders) if name in MODELS]

    def filled(self, values: Mapping[str, str]) -> str:
        return Template(self.text).substitute(values)

    def values(self, world: World) -> dict[str, str]:
        return {name: world.value(name) for name in dict.fromkeys(self.placeholders)}


def fields_of(kind: str) -> dict[str, Any]:
    found = getattr(schema.graphql_schema, f"{kind}_type")
    return dict(found.fields) if found else {}


def graphql_questions(kind: str, rows: Mapping[str, Row]) -> Iterator[Question]:
    for name, row in rows.items():
        answer = get_named_type(fields_of(kind)[name].type)
        arguments = f"({row.input})" if row.input else ""
        selection = " { __typename }" if is_composite_type(answer) else ""
        yield Question(name, row, f"{kind} {{ {name}{arguments}{selection} }}")


def rest_questions() -> Iterator[Question]:
    for name, row in roles.REST.items():
        path = re.sub(r"{(\w+)}", r"$\1", name)
        yield Question(name, row, f"{path}\n{json.dumps(row.input)}")


def ask(http: httpx.Client, question: Question, text: str, headers: Any) -> httpx.Response:
    headers = headers | _REQUEST_ID
    if question.name in roles.REST:
        line, _, body = text.partition("\n")
        method, _, path = line.partition(" ")
        return http.request(method, f"/api/v1{path}", json=json.loads(body), headers=headers)
    return http.post("/graphql", json={"query": text}, headers=headers)


def code_of(response: httpx.Response) -> str | None:
    body = response.json() if response.content else {}
    if isinstance(body, dict) and isinstance(body.get("errors"), list):
        return str(body["errors"][0]["extensions"]["code"])
    return str(body["code"]) if response.is_error else None


QUESTIONS = {
    "queries": lambda: graphql_questions("query", roles.QUERIES),
    "mutations": lambda: graphql_questions("mutation", roles.MUTATIONS),
    "rest": rest_questions,
}

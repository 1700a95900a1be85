"""Cases of `schema.graphql`: one field of Query or Mutation, its arguments in the document.

The library draws an `ID` as any text. So it is given the schema with a scalar for each
kind of id in what goes in; what goes out is held to the schema as it stands.
"""

import re
from collections.abc import Iterator
from typing import Any

import schemathesis
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    InputValueDefinitionNode,
    Visitor,
    build_schema,
    parse,
    print_ast,
    validate,
    visit,
)
from hypothesis import strategies as st
from schemathesis import Case, Response
from schemathesis.config import SchemathesisConfig
from schemathesis.graphql import nodes

from tests.contract_fuzz.conformance import nonconformities
from tests.contract_fuzz.engine import Outcome, Target
from tests.contract_fuzz.world import ABSENT, World
from tests.openapi import ROOT, document

_SDL = (ROOT / "schema.graphql").read_text()
# By the name of an argument, or by the noun that describes an `id`.
_KINDS = {
    "bookingId": "booking",
    "organizationId": "org",
    "resourceId": "resource",
    "slotId": "slot",
    "userId": "user",
    "venueId": "venue",
    "venueIds": "venue",
    "Of the booking": "booking",
    "Of the closure": "closure",
    "Of the delivery": "delivery",
    "Of the device": "device",
    "Of the invitation": "invitation",
    "Of the login": "login",
    "Of the membership": "member",
    "Of the organization": "org",
    "Of the resource": "resource",
    "Of the slot": "slot",
    "Of the special hours": "special",
    "Of the venue": "venue",
    "Of the webhook": "webhook",
    "The id of the event after which to begin; from the beginning without it": "event",
}
# Of operations that ran, of those that could not, and of tokens that are no longer good.
_STATUSES = {200, 400, 401}
_CODES = {
    *document()["components"]["schemas"]["Problem"]["properties"]["code"]["enum"],
    "IDEMPOTENCY_IN_PROGRESS",
    "QUERY_TOO_COMPLEX",
}
_FAULTS = {"INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE", "RATE_LIMITED"}
_HASHES = frozenset({"changePassword", "deleteAccount", "login", "register", "resetPassword"})
_ENDS_LOGINS = frozenset({"logoutEverywhere", "changeMember", "revokeLogin"})


class _NameIds(Visitor):
    """Gives every id that goes in the scalar of its kind."""

    def __init__(self) -> None:
        super().__init__()
        self.unknown: list[str] = []

    def enter_input_value_definition(
        self, node: InputValueDefinitionNode, *_: Any
    ) -> InputValueDefinitionNode | None:
        text = print_ast(node.type)
        if not re.search(r"\bID\b", text):
            return None
        described = node.description.value.rstrip(".") if node.description else ""
        kind = _KINDS.get(node.name.value) or _KINDS.get(described)
        if kind is None:
            self.unknown.append(f"{node.name.value}: {described}")
            return None
        named = text.replace("ID", _scalar(kind))
        return InputValueDefinitionNode(
            name=node.name,
            type=parse(f"input X {{ x: {named} }}").definitions[0].fields[0].type,  # type: ignore[attr-defined]
            default_value=node.default_value,
            directives=node.directives,
        )


def _scalar(kind: str) -> str:
    return f"{kind.capitalize()}Id"


def _drawn_schema() -> str:
    named = _NameIds()
    drawn = print_ast(visit(parse(_SDL), named))
    assert not named.unknown, named.unknown
    scalars = "\n".join(f"scalar {_scalar(kind)}" for kind in sorted(set(_KINDS.values())))
    return f"{drawn}\n{scalars}"


class GraphQL:
    chunk = 15
    path = "/graphql"

    def __init__(self) -> None:
        self._drawn = _drawn_schema()
        self._schema = build_schema(_SDL)

    def targets(self, world: World) -> list[Target]:
        for name, strategy in _scalars(world).items():
            schemathesis.graphql.scalar(name, strategy)
        schema = schemathesis.graphql.from_file(self._drawn, config=SchemathesisConfig())
        found = []
        for result in schema.get_all_operations():
            operation = result.ok()
            name = operation.label.partition(".")[2]
            found.append(
                Target(
                    valid=operation,
                    invalid=operation,
                    is_slow=name in _HASHES,
                    is_destructive=name in _ENDS_LOGINS or name.startswith(("remove", "delete")),
                )
            )
        return found

    def judge(self, case: Case, response: Response) -> Outcome:
        answer = _Answer(self._schema, str(case.body), response)
        problems = {
            f"{response.status_code} {kind}": (
                f"{text}\n{response.text[:400]}\n{case.as_curl_command()}"
            )
            for kind, text in answer.problems()
        }
        return Outcome(f"{response.status_code} {answer.codes}", answer.is_success, problems)


class _Answer:
    """One answer, held to the schema and to the contract's codes."""

    def __init__(self, schema: GraphQLSchema, text: str, response: Response) -> None:
        self._schema = schema
        self._text = text
        self._response = response
        try:
            self._body = response.json()
        except ValueError:
            self._body = None
        errors = self._body.get("errors", []) if isinstance(self._body, dict) else []
        self._found = [error.get("extensions", {}).get("code") for error in errors]
        self.codes = "+".join(sorted({str(code) for code in self._found}))
        self.is_success = response.status_code == 200 and not errors

    def problems(self) -> Iterator[tuple[str, str]]:
        """A kind and a sentence for whatever the contract does not allow."""
        status = self._response.status_code
        if status not in _STATUSES:
            yield "undeclared status", f"status {status}"
        if not isinstance(self._body, dict) or not self._body.keys() & {"data", "errors"}:
            yield "no GraphQL", "The body is no answer of GraphQL."
            return
        for code in self._found:
            if code not in _CODES:
                yield "undeclared code", f"code {code}"
            if code in _FAULTS:
                yield f"fault {code}", f"code {code}"
        parsed = self._valid_document()
        if status == 200 and parsed is None:
            yield "invalid document ran", "The document is not valid, but ran."
        if status != 200 and self._body.get("data") is not None:
            yield "data of what did not run", "What was refused as a whole has data."
        if parsed is None or "data" not in self._body:
            return
        for problem in nonconformities(self._schema, parsed, self._body["data"]):
            yield re.sub(r"\[\d+\]|'.*'", "", problem), problem

    def _valid_document(self) -> DocumentNode | None:
        try:
            parsed = parse(self._text)
        except GraphQLError:
            return None
        return None if validate(self._schema, parsed) else parsed


def _scalars(world: World) -> dict[str, st.SearchStrategy[Any]]:
    """What is drawn for each scalar: things of the world as often as anything else."""
    texts = [text for values in world.texts.values() for text in values]
    found = {
        _scalar(kind): st.sampled_from([*world.ids.get(kind, []), f"{kind}_{ABSENT}", "x"])
        for kind in set(_KINDS.values())
    }
    found |= {
        "Date": st.sampled_from(world.days) | st.dates().map(str),
        "DateTime": st.sampled_from(world.times) | st.datetimes().map(lambda at: f"{at}Z"),
        "Time": st.sampled_from(["09:00", "17:00"]) | st.times().map(str),
    }
    if texts:
        found["String"] = st.sampled_from(texts) | st.text(max_size=20)
    drawn: dict[str, st.SearchStrategy[Any]] = {
        name: strategy.map(nodes.String) for name, strategy in found.items()
    }
    drawn["Int"] = (st.integers(1, 4) | st.integers(-(2**31), 2**31 - 1)).map(nodes.Int)
    drawn["JSON"] = st.text(max_size=5).map(nodes.String)
    return drawn

"""One request as a client writes it, by POST, GET or WebSocket."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from reserve.core.errors import Invalid
from reserve.core.json import parse_json

# NUL in a string of the document itself, which no text column can hold.
_NUL_LITERAL = re.compile(r"\\u(0000|\{0+\})")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Operation:
    """A document, or the hash that stands for it, with what it is to be executed with.

    Written as https://graphql.github.io/graphql-over-http/draft/ has it; the hash as in
    Apollo's automatic persisted queries.
    """

    query: str
    """Empty where a hash stands for it."""
    variables: Mapping[str, Any] | None = None
    name: str | None = None
    sha256: str | None = None

    @classmethod
    def from_body(cls, body: object) -> "Operation":
        """Raises Invalid where the body is not an operation."""
        if not isinstance(body, dict):
            raise Invalid("The body must be a JSON object.")
        query, variables = body.get("query"), body.get("variables")
        name, extensions = body.get("operationName"), body.get("extensions")
        sha256 = None if extensions is None else _persisted_hash(extensions)
        if query is None and sha256 is not None:
            query = ""
        elif not isinstance(query, str) or not query.strip():
            raise Invalid.field("query", "This must be a GraphQL document.")
        if _NUL_LITERAL.search(query) or "\0" in query:
            raise Invalid.field("query", "Text must not contain the character NUL.")
        if variables is not None and not isinstance(variables, dict):
            raise Invalid.field("variables", "This must be an object.")
        if name is not None and not isinstance(name, str):
            raise Invalid.field("operationName", "This must be a string.")
        return cls(query, variables, name, sha256)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, list[str]]) -> "Operation":
        """The operation of a query string. Raises Invalid where it has none, or one twice."""
        body: dict[str, object] = {}
        for parameter in ("query", "operationName", "variables", "extensions"):
            values = parameters.get(parameter, [])
            if len(values) > 1:
                raise Invalid.field(parameter, "Give this once.")
            if not values or not values[0]:
                continue
            is_json = parameter in {"variables", "extensions"}
            body[parameter] = _json_of(parameter, values[0]) if is_json else values[0]
        return cls.from_body(body)

    def with_query(self, query: str) -> "Operation":
        return replace(self, query=query)


def _json_of(parameter: str, text: str) -> object:
    try:
        return parse_json(text.encode())
    except (Invalid, UnicodeEncodeError):
        raise Invalid.field(parameter, "This must be JSON.") from None


def _persisted_hash(extensions: object) -> str | None:
    if not isinstance(extensions, dict):
        raise Invalid.field("extensions", "This must be an object.")
    persisted = extensions.get("persistedQuery")
    if persisted is None:
        return None
    if not isinstance(persisted, dict) or persisted.get("version") != 1:
        raise Invalid.field("extensions.persistedQuery", "This must be an object of version 1.")
    sha256 = persisted.get("sha256Hash")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256.lower()):
        raise Invalid.field("extensions.persistedQuery.sha256Hash", "This must be a SHA-256 hash.")
    return sha256.lower()

"""What the operations of the whole document have in common."""

from collections.abc import Iterable
from typing import Any

from reserve.core.rest.introduction import INTRODUCTION
from reserve.core.rest.openapi.headers import HEADERS, Schema
from reserve.core.rest.problems import PROBLEM_JSON, UnsupportedMediaType


def share(result: Schema, generator: Any, **_: Any) -> Schema:
    """A post-processing hook: what operations have in common becomes a component."""
    result["info"]["description"] = INTRODUCTION
    components = result["components"]
    components["headers"] = HEADERS
    components["schemas"]["Problem"] = _problem_schema(result)
    components["responses"] = {}
    for path in result["paths"].values():
        for operation in path.values():
            # None at all, as generators of clients expect it of what is open to everybody.
            operation.setdefault("security", [])
            for status, response in operation["responses"].items():
                if PROBLEM_JSON in response.get("content", {}):
                    codes = response["content"][PROBLEM_JSON]["examples"]
                    name = _shared_name(int(status), codes)
                    components["responses"][name] = response
                    operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    result["components"] = dict(sorted(components.items()))
    for kind in ("responses", "schemas"):
        result["components"][kind] = dict(sorted(components[kind].items()))
    return result


def _shared_name(status: int, codes: Iterable[str]) -> str:
    # Its code is that of a bad value, which has another status.
    if status == UnsupportedMediaType.status:
        return UnsupportedMediaType.__name__
    return "".join(code.title().replace("_", "") for code in codes)


def _problem_schema(result: Schema) -> Schema:
    codes = {
        code
        for path in result["paths"].values()
        for operation in path.values()
        for response in operation["responses"].values()
        for code in response.get("content", {}).get(PROBLEM_JSON, {}).get("examples", ())
    }
    return {
        "type": "object",
        "description": "A refusal (RFC 9457).",
        "required": ["code", "detail", "request_id", "status", "title", "type"],
        "properties": {
            "type": {"type": "string", "description": "Always about:blank; `code` says more."},
            "title": {"type": "string", "description": "The code for people."},
            "status": {"type": "integer", "description": "The status of the answer."},
            "detail": {"type": "string", "description": "A sentence for people."},
            "code": {
                "type": "string",
                "description": "What went wrong, for programs.",
                "enum": sorted(codes),
            },
            "request_id": {"type": "string", "description": "As the header X-Request-ID."},
            "errors": {
                "type": "object",
                "description": "Of BAD_USER_INPUT: sentences by field; dots lead into objects.",
                "additionalProperties": {"type": "array", "items": {"type": "string"}},
            },
            "remaining_capacity": {
                "type": "integer",
                "description": "Of SLOT_UNAVAILABLE: seats that are left.",
            },
            "booking_status": {
                "type": "string",
                "description": "Of INVALID_STATE: the status that the booking has.",
            },
        },
    }

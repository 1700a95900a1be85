"""Headers of answers, by where they come."""

from typing import Any

Schema = dict[str, Any]


ALWAYS_SENT = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "X-Request-ID")


def _text(description: str, **schema: Any) -> Schema:
    return {"description": description, "schema": {"type": "string", **schema}}


def _number(description: str) -> Schema:
    return {"description": description, "schema": {"type": "integer", "minimum": 0}}


HEADERS = {
    "ETag": _text("Of this answer; `If-None-Match` with it asks whether there is another."),
    "Last-Modified": _text("Since when the answer is so."),
    "Location": _text("Where it is."),
    "RateLimit-Limit": _number("Size of the caller's bucket: requests."),
    "RateLimit-Remaining": _number("Requests that are left in it."),
    "RateLimit-Reset": _number("Seconds until it is full again."),
    "Retry-After": _number("Seconds after which the same call may succeed."),
    "WWW-Authenticate": _text("The scheme, `Bearer`."),
    "X-Request-ID": _text("Of this request in our log.", pattern="^[A-Za-z0-9._-]{1,128}$"),
}


def headers(*names: str) -> Schema:
    """References to these, and to those that every answer has."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*names, *ALWAYS_SENT)}

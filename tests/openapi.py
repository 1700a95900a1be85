"""Whether an answer of REST is one that `openapi.yaml` declares."""

import copy
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import yaml
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parent.parent
_REF = "#/components/"


@cache
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    return loaded


@cache
def _strict_components() -> dict[str, Any]:
    """The components, with no member in an answer that they do not name."""
    components = copy.deepcopy(document()["components"])
    for schema in components["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return components


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """What a reference points at, or the part itself."""
    while reference := part.get("$ref"):
        kind, name = reference.removeprefix(_REF).split("/")
        part = document()["components"][kind][name]
    return part


def errors_of(schema: dict[str, Any], value: Any) -> Iterator[str]:
    validator = Draft202012Validator({**schema, "components": _strict_components()})
    for error in validator.iter_errors(value):
        yield f"{error.json_path}: {error.message}"


@cache
def _patterns() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    # What is written out goes before what a variable stands for.
    paths = sorted(document()["paths"].items(), key=lambda item: item[0].count("{"))
    return [
        (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), operations) for path, operations in paths
    ]


def operation_at(method: str, path: str) -> dict[str, Any] | None:
    for pattern, operations in _patterns():
        if pattern.fullmatch(path):
            return operations.get(method.lower())
    return None


def undeclared(response: httpx.Response) -> list[str]:
    """What `openapi.yaml` does not say of an answer; nothing where it says it all."""
    request = response.request
    operation = operation_at(request.method, request.url.path)
    if operation is None:
        expected = {404, 405} if request.method != "OPTIONS" else {200, 404}
        return [] if response.status_code in expected else [f"{response.status_code} of nothing"]
    declared = operation["responses"].get(str(response.status_code))
    if declared is None:
        return [f"the status {response.status_code}"]
    answer = resolved(declared)
    missing = [
        f"the header {name}"
        for name in answer.get("headers", ())
        if name in {"ETag", "Location", "X-Request-ID", "RateLimit-Limit"}
        and name not in response.headers
    ]
    if "content" not in answer:
        return missing + (["a body"] if response.content else [])
    media_type = response.headers["content-type"]
    if media_type not in answer["content"]:
        return [*missing, f"the media type {media_type}"]
    return missing + list(errors_of(answer["content"][media_type]["schema"], response.json()))


def require_declared(response: httpx.Response) -> None:
    """A hook of httpx: fails where an answer is not declared."""
    response.read()
    problems = undeclared(response)
    assert not problems, f"{response.request.method} {response.request.url}: {problems}"


def checked_client(base_url: str) -> httpx.Client:
    """A client of REST that fails on any answer that is not declared."""
    return httpx.Client(base_url=base_url, timeout=20, event_hooks={"response": [require_declared]})

"""The OpenAPI file: whole, and true of what it declares. Answers are checked where they come."""

from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from jsonschema import Draft202012Validator

from reserve.core.rest.views import NoSuchPath
from tests.openapi import document, errors_of, resolved

METHODS = {"get", "post", "put", "patch", "delete"}


def _operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, operations in document()["paths"].items()
        for method, operation in operations.items()
    ]


def _routes(resolver: Any, prefix: str = "/") -> dict[str, Any]:
    """Each path under /api/v1/ with the class of its view."""
    found: dict[str, Any] = {}
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern).replace("<str:", "{").replace(">", "}")
        if isinstance(entry, URLResolver):
            found |= _routes(entry, path)
        elif isinstance(entry, URLPattern) and path.startswith("/api/v1/"):
            found[path] = entry.callback.cls  # type: ignore[attr-defined]
    return found


def test_every_operation_is_declared_and_every_declared_one_is_there() -> None:
    there = {
        (path, method)
        for path, view in _routes(get_resolver()).items()
        if view is not NoSuchPath
        for method in METHODS
        if hasattr(view, method)
    }
    declared = {(path, method) for path, method, _ in _operations()}
    assert len(declared) > 50
    assert declared == there


def test_every_operation_is_told_in_full() -> None:
    names = [operation["operationId"] for _, _, operation in _operations()]
    assert len(set(names)) == len(names)
    for path, method, operation in _operations():
        where = f"{method} {path}"
        assert operation["summary"], where
        assert "security" in operation, where
        statuses = set(operation["responses"])
        assert {"400", "401", "429", "500", "503"} <= statuses, where
        assert ("404" in statuses) or "{" not in path, where
        # What is held of a person is not kept anywhere else.
        is_kept = method == "get" and not path.endswith("/export")
        assert ("304" in statuses) == is_kept, where
        body = operation.get("requestBody")
        assert (body is not None) == ({"413", "415"} <= statuses), where
        for parameter in operation.get("parameters", ()):
            assert parameter["in"] == "path" or parameter.get("description"), (where, parameter)
        for status, answer in operation["responses"].items():
            headers = resolved(answer)["headers"]
            assert {"X-Request-ID", "RateLimit-Remaining"} <= set(headers), (where, status)
            assert ("Location" in headers) == (status == "201"), (where, status)
            if status == "429":
                assert "Retry-After" in headers, where


def test_every_example_is_what_its_schema_says() -> None:
    checked = 0
    for path, method, operation in _operations():
        parts = [resolved(answer) for answer in operation["responses"].values()]
        if body := operation.get("requestBody"):
            assert body["content"]["application/json"]["examples"], (path, method)
            parts.append(body)
        for part in parts:
            for content in part.get("content", {}).values():
                for example in content.get("examples", {}).values():
                    problems = list(errors_of(content["schema"], example["value"]))
                    assert not problems, (path, method, problems)
                    checked += 1
    assert checked > 200


@pytest.mark.parametrize("kind", ["schemas", "responses", "headers"])
def test_every_component_is_used(kind: str) -> None:
    text = str(document())
    unused = [
        name
        for name in document()["components"][kind]
        if f"'#/components/{kind}/{name}'" not in text
    ]
    assert unused == []


def test_every_schema_is_json_schema_and_every_input_is_closed() -> None:
    for name, schema in document()["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        if name.endswith("Request"):
            assert schema["additionalProperties"] is False, name

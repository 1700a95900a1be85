"""The OpenAPI file: whole, and true of what it declares. Answers are checked where they come."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from jsonschema import Draft202012Validator

from accounts.person import MAX_NAME, MAX_PHONE, clean_locale, clean_name, clean_phone
from bookings.services.bookings import MAX_NOTES, MAX_REASON
from reserve.core.errors import Invalid
from reserve.core.rest.views import NoSuchPath
from tests.openapi import document, errors_of, resolved
from venues.services.checks import MAX_OPENINGS
from venues.validators import MAX_CAPACITY, MAX_DESCRIPTION
from webhooks.addresses import MAX_URL
from webhooks.kinds import EVENT_TYPES

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
        successes = (operation["responses"].get(status, {}) for status in ("200", "201"))
        for content in (answer.get("content", {}) for answer in successes):
            shown = content.get("application/json", {"examples": "nothing is said"})
            assert shown.get("examples") or path.endswith("/export"), (path, method)
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


# Read from an answer and handed back, or a word of the operation's own list.
_WITHOUT_LIMIT = {"after", "before", "fields", "Manage-Token"}
_LIMITS = {
    "string": {"maxLength", "pattern", "format", "enum", "const"},
    "integer": {"maximum", "enum"},
    "number": {"maximum"},
    "array": {"maxItems"},
}


def _unlimited(schema: Any, path: str) -> Iterator[str]:
    """Where a schema of an input lets in what has no end."""
    if isinstance(schema, list):
        for each in schema:
            yield from _unlimited(each, path)
    if not isinstance(schema, dict):
        return
    kinds = schema.get("type", ())
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        if kind in _LIMITS and not _LIMITS[kind] & schema.keys():
            yield f"{path}: {kind}"
    for name, member in schema.get("properties", {}).items():
        yield from _unlimited(member, f"{path}.{name}")
    for keyword in ("items", "oneOf", "anyOf", "allOf"):
        yield from _unlimited(schema.get(keyword), path)


def test_every_input_has_its_limits() -> None:
    found: list[str] = []
    for name, schema in document()["components"]["schemas"].items():
        if name.endswith("Request"):
            found += _unlimited(schema, name)
    for path, method, operation in _operations():
        for parameter in operation.get("parameters", ()):
            if parameter["name"] not in _WITHOUT_LIMIT:
                found += _unlimited(parameter["schema"], f"{method} {path} {parameter['name']}")
    assert found == []


def test_what_services_refuse_the_schema_refuses_too() -> None:
    schemas = document()["components"]["schemas"]

    def limits(name: str, member: str) -> dict[str, Any]:
        keywords = ("minLength", "maxLength", "minimum", "maximum", "maxItems", "pattern")
        said = schemas[f"{name}Request"]["properties"][member]
        return {keyword: said[keyword] for keyword in keywords if keyword in said}

    assert limits("Seats", "notes") == {"maxLength": MAX_NOTES}
    assert limits("PatchedChanges", "notes") == {"maxLength": MAX_NOTES}
    assert limits("Reason", "reason") == {"maxLength": MAX_REASON}
    assert limits("NewSlot", "capacity") == {"minimum": 1, "maximum": MAX_CAPACITY}
    assert limits("Opening", "weekday") == {"minimum": 0, "maximum": 6}
    assert limits("Week", "openings") == {"maxItems": MAX_OPENINGS}
    assert limits("NewVenue", "description") == {"maxLength": MAX_DESCRIPTION}
    assert limits("NewWebhook", "url") == {"minLength": 1, "maxLength": MAX_URL}
    assert limits("NewWebhook", "event_types") == {"maxItems": len(EVENT_TYPES)}
    assert limits("NewVenue", "latitude") == {"minimum": -90, "maximum": 90}
    for name in ("Register", "PatchedProfile", "Guest"):
        assert limits(name, "name") == {"minLength": 1, "maxLength": MAX_NAME}, name
        assert limits(name, "phone")["maxLength"] == MAX_PHONE, name
    # A sentence of the service's own for each value that the schema refuses, and none else.
    for clean, member, good, bad in (
        (clean_phone, "phone", ("", "+45 12 34 56 78", "(02) 123/45-6"), ("12", "call me")),
        (clean_locale, "locale", ("en", "pt-BR", "zh-hant-TW", "de-1996"), ("", "e", "en_GB")),
        (clean_name, "name", ("A", "a" * MAX_NAME), ("", "a" * (MAX_NAME + 1))),
    ):
        schema = schemas["RegisterRequest"]["properties"][member]
        for text in good:
            assert clean(text) is not None
            assert not list(errors_of(schema, text)), text
        for text in bad:
            with pytest.raises(Invalid):
                clean(text)
            assert list(errors_of(schema, text)), text
    for text, is_short_name in (
        ("nord-lys_2", True),
        ("nord lys", False),
        ("é", False),
        ("", False),
    ):
        schema = schemas["NewVenueRequest"]["properties"]["slug"]
        assert (not list(errors_of(schema, text))) is is_short_name, text

"""Examples of answers for OpenAPI: a serializer says one of what it shows, as `example`."""

from typing import Any

from rest_framework import serializers

_RESULTS = "results"


def example_of(answers: Any) -> Any:
    """What an answer may look like, a list or a page with one row; None where nothing is said."""
    answers = answers() if isinstance(answers, type) else answers
    if (said := getattr(answers, "example", None)) is not None:
        return said
    if isinstance(answers, serializers.ListSerializer):
        row = example_of(answers.child)
        return None if row is None else [row]
    if isinstance(answers, serializers.Serializer) and _RESULTS in answers.fields:
        rows = example_of(answers.fields[_RESULTS])
        return rows and {"count": 1, "next": None, "previous": None, _RESULTS: rows}
    return None


def example_id(prefix: str) -> str:
    """An id as all examples have them."""
    return f"{prefix}_01HQ3K5W6X7Y8Z9A0B1C2D3E4F"

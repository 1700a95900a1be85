"""Answers with only the members that the caller names: `?fields=id,name`.

Such an answer has a media type of its own, since the schema of the whole one says
that every member is there (docs/adr/0012-rest-operations.md).
"""

from collections.abc import Collection
from typing import Any

from rest_framework import serializers

SPARSE_JSON = "application/vnd.reserveapi.sparse+json"
_RESULTS = "results"


class MembersField(serializers.Field[Any, Any, Any, Any]):
    """Names of members with commas between them; in the answer they keep its order."""

    def __init__(self, members: Collection[str]) -> None:
        super().__init__(
            required=False,
            help_text="Only these members, with commas between them. The answer comes as"
            f" {SPARSE_JSON}, its members in their usual order.",
        )
        self.members = tuple(members)

    @property
    def schema(self) -> dict[str, Any]:
        names = {"type": "string", "enum": list(self.members)}
        return {"type": "array", "items": names, "minItems": 1}

    def to_internal_value(self, data: Any) -> frozenset[str]:
        names = frozenset(str(data).split(","))
        if unknown := sorted(names - set(self.members)):
            sentence = f"There is no {unknown[0] or 'member without a name'} here."
            raise serializers.ValidationError(f"{sentence} Choose from {', '.join(self.members)}.")
        return names

    def to_representation(self, value: Any) -> Any:
        return value


def one_of(answers: Any) -> Any:
    """What an answer holds, of which it may hold several: the serializer of one."""
    answers = answers() if isinstance(answers, type) else answers
    if isinstance(answers, serializers.ListSerializer):
        return answers.child
    if isinstance(answers, serializers.Serializer) and _RESULTS in answers.fields:
        return one_of(answers.fields[_RESULTS])
    return answers


def members_of(answers: Any) -> tuple[str, ...]:
    one = one_of(answers)
    return tuple(one.fields) if isinstance(one, serializers.Serializer) else ()


def sparse(content: Any, members: Collection[str]) -> Any:
    """The same answer with only these members of what it holds."""
    match content:
        case {"results": list(rows)}:
            return {**content, _RESULTS: sparse(rows, members)}
        case list(rows):
            return [sparse(row, members) for row in rows]
        case _:
            return {name: value for name, value in content.items() if name in members}

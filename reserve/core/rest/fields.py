"""Fields that both read and tell what the contract says of values."""

from typing import Any
from uuid import UUID

from rest_framework import serializers

from reserve.core import sentences
from reserve.core.errors import Invalid
from reserve.core.ids import ULID_PATTERN, UlidModel
from reserve.core.rest.examples import example_id

# Of short names in addresses (Django's `validate_slug`).
SLUG_PATTERN = "^[-a-zA-Z0-9_]+$"


def id_schema(prefix: str) -> dict[str, Any]:
    """JSON Schema of the ids of one kind."""
    return {
        "type": "string",
        "pattern": f"^{prefix}_{ULID_PATTERN}$",
        "examples": [example_id(prefix)],
    }


class IdField(serializers.Field[Any, Any, Any, Any]):
    """The public id of a row of one model; inside it is a UUID."""

    default_error_messages = {  # noqa: RUF012 (as the framework has it)
        "required": sentences.REQUIRED,
        "null": sentences.TEXT,
    }

    def __init__(self, model: type[UlidModel], **options: Any) -> None:
        super().__init__(**options)
        self.model = model

    @property
    def schema(self) -> dict[str, Any]:
        return id_schema(self.model.id_prefix())

    def to_internal_value(self, data: Any) -> UUID:
        try:
            return self.model.parse_id(data)
        except Invalid as refused:
            raise serializers.ValidationError(refused.details["errors"]["id"]) from None

    def to_representation(self, value: UUID) -> str:
        return self.model.format_id(value)


class OwnIdField(IdField):
    """The id of the row itself."""

    def __init__(self, model: type[UlidModel]) -> None:
        super().__init__(model, source="pk", read_only=True)

"""Fields, arguments and enums that come with what readers of the schema are to know."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import graphene


def own_id(prefix: str) -> graphene.ID:
    """The field with an object's id."""
    return graphene.ID(
        required=True,
        description=f"`{prefix}_` and a ULID: opaque, and sortable by when it was made.",
    )


def id_of(noun: str, *, required: bool = True) -> graphene.ID:
    """An argument or a field that names another object."""
    return graphene.ID(required=required, description=f"Of the {noun}.")


def at_most(characters: int, *sentences: str) -> str:
    """What is said of a text that is sent, its limit included."""
    return " ".join((*sentences, f"At most {characters} characters."))


def taking(kind: Any) -> Any:
    """The argument `input`, described as its type is."""
    return kind(required=True, description=kind._meta.description)  # noqa: SLF001 (graphene's own)


def enum_of(
    kind: type[Enum], description: str, values: Mapping[Any, str], *, name: str | None = None
) -> Any:
    """The enum of a Python one, with a sentence on each of its values.

    Args:
        name: in the schema, where it is not the Python one's.

    Raises:
        KeyError: a value has none.
    """
    texts = {None: description} | {member: values[member] for member in kind}
    return graphene.Enum.from_enum(kind, name=name, description=texts.__getitem__)

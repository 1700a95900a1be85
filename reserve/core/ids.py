"""Ids: a prefix and a ULID (github.com/ulid/spec), `venue_01HQ3…`.

Inside they are `uuid.UUID` with the ULID's 16 bytes, which is also what the
database stores; the prefixed form exists at the edges only.
"""

import re
import time
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import models

from reserve.core.entropy import entropy
from reserve.core.errors import Invalid

# The first of 26 base32 characters holds 3 bits of the 128.
ULID_PATTERN = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
_ULID = re.compile(ULID_PATTERN)


def new_id() -> UUID:
    """A fresh id that sorts after every id made in an earlier millisecond.

    48 bits of milliseconds and 80 random ones, as the specification has it. Each booking
    takes several, and the library's take three times as long.
    """
    milliseconds = time.time_ns() // 1_000_000
    return UUID(int=milliseconds << 80 | entropy.getrandbits(80))


def earliest_id(moment: datetime) -> UUID:
    """The lowest id that can be made at a moment: what was made since sorts after it."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Two characters of base32 for each ten bits.
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_SHIFTS = range(120, -1, -10)
# Their digits as Python writes numbers of base 32.
_DIGITS = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")


def format_id(prefix: str, value: UUID) -> str:
    """The public form of an id.

    By a table, since every answer and event has several: the library takes ten
    times as long.
    """
    number = value.int
    return f"{prefix}_{''.join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])}"


def parse_id(prefix: str, text: object, *, field: str = "id") -> UUID:
    """The UUID of a prefixed id.

    Raises:
        Invalid: not a string, another kind's prefix, or not a ULID.
    """
    if isinstance(text, str):
        kind, _, ulid = text.partition("_")
        if kind == prefix and _ULID.fullmatch(ulid):
            return UUID(int=int(ulid.translate(_DIGITS), 32))
    raise Invalid.field(field, f"This is not an id of the kind {prefix}_….")


class UlidField(models.UUIDField):  # type: ignore[type-arg]
    """A primary key made by `new_id`, with the prefix of its public form."""

    def __init__(self, prefix: str = "", **options: Any) -> None:
        self.prefix = prefix
        defaults: dict[str, Any] = {"primary_key": True, "default": new_id, "editable": False}
        super().__init__(**(defaults | options))

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        return name, path, args, options | {"prefix": self.prefix}


class UlidModel(models.Model):
    """A model whose `id` is a UlidField."""

    class Meta:
        abstract = True

    @classmethod
    def id_prefix(cls) -> str:
        field = cls._meta.pk
        assert isinstance(field, UlidField)
        return field.prefix

    @cached_property
    def public_id(self) -> str:
        """Written once for each row that is kept: an id never changes."""
        return format_id(self.id_prefix(), self.pk)

    @classmethod
    def format_id(cls, value: UUID) -> str:
        return format_id(cls.id_prefix(), value)

    @classmethod
    def parse_id(cls, text: object, *, field: str = "id") -> UUID:
        return parse_id(cls.id_prefix(), text, field=field)

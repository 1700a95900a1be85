"""Ids: a prefix and a ULID (github.com/ulid/spec), `venue_01HQ3…`.

Inside they are `uuid.UUID` with the ULID's 16 bytes, which is also what the
database stores; the prefixed form exists at the edges only.
"""

import re
import time
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from itertools import count
from typing import Any
from uuid import UUID, SafeUUID

from django.db import models
from django.utils.functional import cached_property

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
    return _uuid(milliseconds << 80 | entropy.getrandbits(80))


def following_ids() -> Iterator[UUID]:
    """Fresh ids without end, each of which sorts after the one before.

    The first is as `new_id` makes them, the others add one, which is how the specification
    has several of one millisecond. Not for what nobody may guess.
    """
    return map(_uuid, count(new_id().int))


def _uuid(number: int) -> UUID:
    """`UUID(int=number)` of a number that is known to be one, in half the time."""
    made = object.__new__(UUID)
    object.__setattr__(made, "int", number)
    object.__setattr__(made, "is_safe", SafeUUID.unknown)
    return made


def earliest_id(moment: datetime) -> UUID:
    """The lowest id that can be made at a moment: what was made since sorts after it."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Their digits as Python writes numbers of base 32.
_DIGITS = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
_CHARACTERS = bytes.maketrans(bytes(range(32)), _ALPHABET.encode())


def _spreading(digits: int) -> tuple[int, int, int]:
    """Masks of the lower and of the upper digits of each group of twice so many, and the
    bits by which the upper ones move where each digit is to have eight bits, not five.
    """
    lower = sum((1 << digits * 5) - 1 << group for group in range(0, 256, digits * 16))
    return lower, lower << digits * 5, digits * 3


_SPREADING = [_spreading(digits) for digits in (16, 8, 4, 2, 1)]


def format_id(prefix: str, value: UUID) -> str:
    """The public form of an id.

    Its 26 digits of five bits become bytes, all at once, by halves: every answer and event
    has several ids. The library takes twenty times as long, and a table of digits is
    seldom in the processor's cache.
    """
    number = value.int
    for lower, upper, bits in _SPREADING:
        number = number & lower | (number & upper) << bits
    return f"{prefix}_{number.to_bytes(26).translate(_CHARACTERS).decode()}"


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
    @cache
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

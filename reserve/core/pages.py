"""Pages of a list that can grow: keyset pagination, with the count of the whole."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from reserve.core.errors import Invalid

Row = TypeVar("Row", bound=Model)

MAX_PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    items: Sequence[Row]
    cursors: Sequence[str]
    has_previous: bool
    has_next: bool
    total: int


def page_of(rows: QuerySet[Row], *, order: str, first: int, after: str | None) -> Page[Row]:
    """The page of `rows`, ordered by a text column and then by id, that begins after a cursor.

    Raises:
        Invalid: a page size out of 1 to 100, or a cursor that is not ours.
    """
    if not 1 <= first <= MAX_PAGE_SIZE:
        raise Invalid.field("first", f"This must be from 1 to {MAX_PAGE_SIZE}.")
    remaining = rows
    if after:
        value, row_id = _decode(after)
        remaining = rows.filter(
            Q(**{f"{order}__gt": value}) | Q(**{order: value, "pk__gt": row_id})
        )
    found = list(remaining.order_by(order, "pk")[: first + 1])
    items = found[:first]
    return Page(
        items=items,
        cursors=[_encode(getattr(row, order), row.pk) for row in items],
        has_previous=bool(after),
        has_next=len(found) > first,
        total=rows.count(),
    )


def _encode(value: str, row_id: UUID) -> str:
    return base64.urlsafe_b64encode(f"{row_id.hex}{value}".encode()).decode()


def _decode(cursor: str) -> tuple[str, UUID]:
    try:
        text = base64.b64decode(cursor.encode(), altchars=b"-_", validate=True).decode()
        return text[32:], UUID(text[:32])
    except (binascii.Error, ValueError):
        raise Invalid.field("after", "This is not a cursor of this list.") from None

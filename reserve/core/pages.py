"""Pages of a list that can grow: keyset pagination, with the count of the whole."""

import base64
import binascii
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from django.db.models import Count, F, Model, QuerySet, Window
from django.db.models.functions import RowNumber

from reserve.core.errors import Invalid

Row = TypeVar("Row", bound=Model)
Item = TypeVar("Item")

MAX_PAGE_SIZE = 100
# Which no text column can hold.
_NUL = "\0"
# Of instants, what the database can hold whatever their offset.
_FIRST_YEAR, _LAST_YEAR = 1970, 9998


class Ordering(NamedTuple):
    """By which column a list is in order, and whether the largest come first."""

    column: str
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    items: Sequence[Item]
    cursors: Sequence[str]
    has_previous: bool
    has_next: bool
    total: int


def page_of(
    rows: QuerySet[Row],
    *,
    order: str,
    first: int,
    after: str | None = None,
    before: str | None = None,
    read: Callable[[str], Any] = str,
    is_descending: bool = False,
) -> Page[Row]:
    """The page of `rows`, in the order of a column and then of ids, beside a cursor.

    Args:
        order: a column without NULL, whose values survive `str` and then `read`.
        is_descending: the largest come first, and so do their ids.
        after: the cursor that the page follows.
        before: instead of it, the cursor that the page leads to.

    Raises:
        Invalid: a page size out of 1 to 100, or a cursor that is not ours.
    """
    place = _Place(
        order=order,
        first=first,
        after=after,
        before=before,
        read=read,
        is_descending=is_descending,
    )
    found = list(place.rest_of(rows).order_by(*place.ordering)[: first + 1])
    return place.page(found, total=rows.count())


def pages_by(
    rows: QuerySet[Row],
    *,
    parent: str,
    parent_ids: Collection[UUID],
    order: str,
    first: int,
    after: str | None = None,
) -> dict[UUID, Page[Row]]:
    """The same page of each parent's rows, by two statements however many parents there are.

    Args:
        parent: the column with the parent's id.

    Raises:
        Invalid: as `page_of`.
    """
    place = _Place(order=order, first=first, after=after)
    rows = rows.filter(**{f"{parent}__in": parent_ids})
    counts = dict(rows.order_by().values_list(parent).annotate(Count("pk")))
    number = Window(RowNumber(), partition_by=F(parent), order_by=place.ordering)
    found: dict[UUID, list[Row]] = {parent_id: [] for parent_id in parent_ids}
    numbered = place.rest_of(rows).annotate(number_in_list=number)
    for row in numbered.filter(number_in_list__lte=first + 1).order_by(*place.ordering):
        found[getattr(row, parent)].append(row)
    return {
        parent_id: place.page(rows_found, total=counts.get(parent_id, 0))
        for parent_id, rows_found in found.items()
    }


class _Place:
    """Where in a list a page is. Raises Invalid where that makes no sense."""

    def __init__(
        self,
        *,
        order: str,
        first: int,
        after: str | None = None,
        before: str | None = None,
        read: Callable[[str], Any] = str,
        is_descending: bool = False,
    ) -> None:
        _check(first, after, before)
        self._order, self._first = order, first
        self._is_after, self._is_before = bool(after), bool(before)
        # Towards larger values: a list that descends, read backwards, ascends.
        self._is_ascending = is_descending == self._is_before
        cursor = after or before
        self._beside = _decode(cursor, "after" if after else "before", read) if cursor else None

    @property
    def ordering(self) -> tuple[str, str]:
        sign = "" if self._is_ascending else "-"
        return f"{sign}{self._order}", f"{sign}pk"

    def rest_of(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        """The rows on the page's side of the cursor."""
        if self._beside is None:
            return rows
        value, row_id = self._beside
        beyond, until = ("gte", "lte") if self._is_ascending else ("lte", "gte")
        return rows.filter(**{f"{self._order}__{beyond}": value}).exclude(
            **{self._order: value, f"pk__{until}": row_id}
        )

    def page(self, found: list[Row], *, total: int) -> Page[Row]:
        """The page of its rows and, where there is one, the next."""
        has_more, items = len(found) > self._first, found[: self._first]
        if self._is_before:
            items.reverse()
        return Page(
            items=items,
            cursors=[_encode(getattr(row, self._order), row.pk) for row in items],
            has_previous=has_more if self._is_before else self._is_after,
            has_next=self._is_before or has_more,
            total=total,
        )


def page_of_list(
    items: Sequence[tuple[str, Item]],
    *,
    first: int,
    after: str | None = None,
    before: str | None = None,
) -> Page[Item]:
    """The same of a list that is at hand, in the order of its keys, each of which comes once.

    Args:
        items: each with its key, sorted.

    Raises:
        Invalid: as `page_of` says.
    """
    _check(first, after, before)
    keys = [key for key, _ in items]
    if before:
        end = bisect_left(keys, _decode_key(before, "before"))
        begin = max(end - first, 0)
    else:
        begin = bisect_right(keys, _decode_key(after, "after")) if after else 0
        end = min(begin + first, len(items))
    return Page(
        items=[item for _, item in items[begin:end]],
        cursors=[base64.urlsafe_b64encode(key.encode()).decode() for key in keys[begin:end]],
        has_previous=begin > 0,
        has_next=end < len(items),
        total=len(items),
    )


def _check(first: int, after: str | None, before: str | None) -> None:
    if not 1 <= first <= MAX_PAGE_SIZE:
        raise Invalid.field("first", f"This must be from 1 to {MAX_PAGE_SIZE}.")
    if after and before:
        raise Invalid.field("before", "Give either this or the cursor to begin after.")


def read_instant(text: str) -> datetime:
    """Reads what `str` made of an aware instant, for `page_of`; ValueError where it is none."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None or not _FIRST_YEAR <= instant.year <= _LAST_YEAR:
        raise ValueError(text)
    return instant


def _encode(value: object, row_id: UUID) -> str:
    return base64.urlsafe_b64encode(f"{row_id.hex}{value}".encode()).decode()


def _decode_key(cursor: str, field: str) -> str:
    try:
        return base64.b64decode(cursor.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise Invalid.field(field, "This is not a cursor of this list.") from None


def _decode(cursor: str, field: str, read: Callable[[str], Any]) -> tuple[Any, UUID]:
    try:
        text = base64.b64decode(cursor.encode(), altchars=b"-_", validate=True).decode()
        value, row_id = read(text[32:]), UUID(text[:32])
    except (binascii.Error, ValueError):
        text = _NUL
    if _NUL in text:
        raise Invalid.field(field, "This is not a cursor of this list.")
    return value, row_id

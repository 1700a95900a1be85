"""Pages of lists whose rows nobody counts: of a million, counting takes longer than showing."""

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property

MAX_LISTED = 2_000
"""Rows that can be paged through; beyond them one searches or filters."""


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts to MAX_LISTED and no further: neither count nor offset grows with the table."""

    @cached_property
    def _found(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: MAX_LISTED + 1].count())

    @cached_property
    def count(self) -> int:
        return min(self._found, MAX_LISTED)

    @property
    def is_cut(self) -> bool:
        """Whether there are rows that no page shows."""
        return self._found > MAX_LISTED

"""Finding rows by the words of guests, through the index that the APIs' search uses."""

from collections.abc import Callable, Collection
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounts.tenant_admin import EVERY_ROLE, TenantAdmin, tenancy_of
from reserve.core.errors import Invalid
from reserve.core.ids import UlidModel

Condition = Callable[[str, Collection[UUID] | None], Q]
"""From words, and the organizations of whoever asks (None for all), to a condition."""


def found_by_words(
    page: TenantAdmin,
    request: HttpRequest,
    rows: QuerySet[Any],
    words: str,
    condition: Condition,
) -> tuple[QuerySet[Any], bool]:
    """What Django's `get_search_results` answers: the rows, and whether they may come twice."""
    words = words.strip()
    if not words:
        return rows, False
    model: type[UlidModel] = page.model
    try:
        return rows.filter(pk=model.parse_id(words)), False
    except Invalid:
        pass
    tenancy = tenancy_of(request)
    reach = None if tenancy.is_superuser else tenancy.organization_ids(EVERY_ROLE)
    try:
        return rows.filter(condition(words, reach)), False
    except Invalid:
        # Text that nothing can contain.
        return rows.none(), False

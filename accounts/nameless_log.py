"""The admin's log of changes, without people in it.

Django writes down how a row was called when it was changed, for good: for accounts
and roles that is an address, of whoever may ask to be forgotten. Here it is the id.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import ModelAdmin
from django.http import HttpRequest


class NamelessLog(ModelAdmin):  # type: ignore[type-arg]
    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return _unnamed([super().log_addition(request, obj, message)], [obj])

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return _unnamed([super().log_change(request, obj, message)], [obj])

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        return _unnamed(super().log_deletions(request, queryset), list(queryset))


def _unnamed(entries: Iterable[LogEntry], rows: Iterable[Any]) -> list[LogEntry]:
    entries = list(entries)
    for entry, row in zip(entries, rows, strict=True):
        entry.object_repr = row.public_id
    LogEntry.objects.bulk_update(entries, ["object_repr"])
    return entries

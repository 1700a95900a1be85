"""The event log, to read. Whose events a person sees is decided where this is registered."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from reserve.core.errors import Invalid
from reserve.core.ids import format_id, parse_id
from reserve.outbox.models import Event
from reserve.outbox.services import discard_dead, retry_dead

_STATES = {
    "waiting": Q(delivered_at=None, dead_at=None),
    "delivered": Q(delivered_at__isnull=False, dead_at=None),
    "dead": Q(dead_at__isnull=False, delivered_at=None),
    "discarded": Q(dead_at__isnull=False, delivered_at__isnull=False),
}


class StateFilter(admin.SimpleListFilter):
    title = "delivery"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, state.capitalize()) for state in _STATES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        condition = _STATES.get(self.value() or "")
        return queryset if condition is None else queryset.filter(condition)


class EventAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("recorded_at", "name", "state", "attempts", "sequence", "subject")
    list_display_links = ("recorded_at", "name")
    list_filter = (StateFilter,)
    search_fields = ("name", "=request_id")
    search_help_text = "Id of the event or of its subject, event name, or request id"
    ordering = ("-id",)
    fields = (
        *("public_id", "name", "subject", "sequence", "recorded_at", "request_id", "facts"),
        *("state", "attempts", "next_attempt_at", "delivered_at", "dead_at", "last_error"),
    )
    readonly_fields = ("public_id", "subject", "facts", "state")
    actions = ("retry", "discard")

    @admin.display(description="Subject")
    def subject(self, event: Event) -> str:
        return format_id(_subject_kind(event), event.subject_id)

    @admin.display(description="Payload")
    def facts(self, event: Event) -> SafeString:
        text = json.dumps(event.payload, indent=2, ensure_ascii=False)
        return format_html("<pre>{}</pre>", text)

    @admin.display(description="Delivery")
    def state(self, event: Event) -> str:
        if event.delivered_at is not None:
            return "Delivered" if event.dead_at is None else "Discarded"
        return "Waiting" if event.dead_at is None else "Dead"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        try:
            subject_id = parse_id(term.partition("_")[0], term)
        except Invalid:
            return super().get_search_results(request, queryset, search_term)
        return queryset.filter(subject_id=subject_id), False

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_superuser

    @admin.action(description="Retry dead events", permissions=("retry",))
    def retry(self, request: HttpRequest, queryset: QuerySet[Event]) -> None:
        count = retry_dead(list(queryset.values_list("pk", flat=True)))
        level = messages.SUCCESS if count else messages.WARNING
        self.message_user(request, f"{count} dead events will be tried again.", level)

    @admin.action(description="Discard dead events", permissions=("retry",))
    def discard(self, request: HttpRequest, queryset: QuerySet[Event]) -> None:
        count = discard_dead(list(queryset.values_list("pk", flat=True)))
        level = messages.SUCCESS if count else messages.WARNING
        self.message_user(request, f"{count} dead events were discarded.", level)


def _subject_kind(event: Event) -> str:
    """The prefix of the subject's id, with which an event's name begins."""
    return event.name.partition(".")[0]

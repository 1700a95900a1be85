import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.tenant_admin import MANAGING, TenantAdmin
from notifications.models import Delivery
from notifications.services.claims import discard, retry


@admin.register(Delivery)
class DeliveryAdmin(TenantAdmin):
    """What was sent to whom, and what could not be. Owners and managers decide on the dead."""

    list_display = (
        *("created_at", "kind", "channel", "audience", "state", "attempts", "code", "outcome"),
    )
    list_display_links = ("created_at", "kind")
    list_filter = ("state", "kind", "channel", "audience")
    list_select_related = ("booking", "organization")
    search_fields = ("booking__confirmation_code", "=provider_id", "=recipient")
    search_help_text = "Confirmation code, Message-ID, id of a recipient or of the message"
    ordering = ("-id",)
    fields = (
        *("public_id", "code", "kind", "channel", "audience", "recipient", "occasion", "told"),
        *("state", "attempts", "next_attempt_at", "created_at", "ended_at"),
        *("provider_id", "outcome", "request_id"),
    )
    readonly_fields = ("public_id", "code", "told")
    actions = ("retry", "discard")

    @admin.display(description="Booking", ordering="booking__confirmation_code")
    def code(self, delivery: Delivery) -> str:
        return delivery.booking.confirmation_code

    @admin.display(description="What is told")
    def told(self, delivery: Delivery) -> SafeString:
        return format_html("<pre>{}</pre>", json.dumps(delivery.facts, indent=2))

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return self.permits(request, MANAGING)

    @admin.action(description="Retry dead messages", permissions=("decide",))
    def retry(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._decide(request, queryset, retry, "will be tried again")

    @admin.action(description="Discard dead messages", permissions=("decide",))
    def discard(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._decide(request, queryset, discard, "were discarded")

    def _decide(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        service: Callable[[Sequence[UUID]], int],
        done: str,
    ) -> None:
        # Of the organizations where the person decides, whichever they see.
        theirs = self.rows(request, MANAGING).filter(pk__in=queryset.values("pk"))
        count = service(list(theirs.values_list("pk", flat=True)))
        level = messages.SUCCESS if count else messages.WARNING
        self.message_user(request, f"{count} dead messages {done}.", level)

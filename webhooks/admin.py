import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.tenant_admin import MANAGING, TenantAdmin, actor_of
from reserve.core.errors import DomainError, Invalid
from webhooks.kinds import EVENT_TYPES
from webhooks.models import Webhook, WebhookDelivery
from webhooks.services.deliveries import redeliver, send_test
from webhooks.services.endpoints import (
    checked_fields,
    create_webhook,
    rotate_secret,
    update_webhook,
)

_CHECKED = ("url", "event_types", "description")


class WebhookForm(forms.ModelForm):  # type: ignore[type-arg]
    event_types = forms.MultipleChoiceField(
        choices=[(name, f"{name}: {told}") for name, told in EVENT_TYPES.items()],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="What it is told of; of everything where there are none.",
    )

    def clean(self) -> dict[str, Any]:
        """What the services refuse is said beside its field."""
        cleaned = super().clean() or {}
        for name in _CHECKED:
            if name in cleaned:
                try:
                    cleaned |= checked_fields(**{name: cleaned[name]})
                except Invalid as refused:
                    self.add_error(name, refused.details["errors"][name])
        return cleaned


@admin.register(Webhook)
class WebhookAdmin(TenantAdmin):
    """Where an organization is told of its bookings."""

    view_roles = MANAGING
    add_roles = MANAGING
    change_roles = MANAGING
    delete_roles = MANAGING
    venue_field = None

    form = WebhookForm
    list_display = ("url", "is_enabled", "failing_since", "disabled_reason", "created_at")
    list_filter = ("is_enabled",)
    list_select_related = ("organization",)
    search_fields = ("url", "description")
    search_help_text = "URL, description or id"
    ordering = ("-id",)
    fields = (
        *("organization", "url", "event_types", "description", "is_enabled"),
        *("public_id", "created_at", "failing_since", "disabled_at", "disabled_reason"),
        "previous_secret_until",
    )
    readonly_fields = (
        *("public_id", "created_at", "failing_since", "disabled_at", "disabled_reason"),
        "previous_secret_until",
    )
    actions = ("test", "rotate")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        actor = actor_of(request)
        fields = {name: form.cleaned_data[name] for name in _CHECKED}
        enabled = form.cleaned_data["is_enabled"]
        if change:
            update_webhook(actor=actor, webhook_id=obj.pk, enabled=enabled, **fields)
            return
        made = create_webhook(
            actor=actor, organization_id=obj.organization_id, enabled=enabled, **fields
        )
        obj.pk = made.webhook.pk
        self._show_secret(request, made.secret)

    def has_manage_permission(self, request: HttpRequest) -> bool:
        return self.permits(request, MANAGING)

    @admin.action(description="Send a test message", permissions=("manage",))
    def test(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for webhook in queryset:
            try:
                send_test(actor=actor_of(request), webhook_id=webhook.pk)
            except DomainError as refused:
                self.message_user(request, f"{webhook.url}: {refused.text}", messages.ERROR)
            else:
                self.message_user(request, f"{webhook.url}: a message is on its way.")

    @admin.action(description="Give another secret", permissions=("manage",))
    def rotate(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for webhook in queryset:
            made = rotate_secret(actor=actor_of(request), webhook_id=webhook.pk)
            self._show_secret(request, made.secret)

    def _show_secret(self, request: HttpRequest, secret: str) -> None:
        words = "Its secret, shown this once: {}"
        self.message_user(request, format_html(words, secret), messages.WARNING)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(TenantAdmin):
    """What was sent to webhooks, and what came back."""

    view_roles = MANAGING
    venue_field = None

    list_display = ("created_at", "type", "webhook", "state", "attempts", "ended_at")
    list_display_links = ("created_at", "type")
    list_filter = ("state",)
    list_select_related = ("webhook", "organization")
    search_fields = ("=type", "webhook__url", "=request_id")
    search_help_text = "Type of event, URL, request id, or id of the delivery"
    ordering = ("-id",)
    fields = (
        *("public_id", "message_id", "webhook", "type", "state", "attempts", "next_attempt_at"),
        *("created_at", "queued_at", "ended_at", "request_id", "attempts_made"),
    )
    readonly_fields = ("public_id", "message_id", "attempts_made")
    actions = ("redeliver",)

    @admin.display(description="Latest attempts")
    def attempts_made(self, delivery: WebhookDelivery) -> SafeString:
        return format_html("<pre>{}</pre>", json.dumps(delivery.log, indent=2))

    def has_manage_permission(self, request: HttpRequest) -> bool:
        return self.permits(request, MANAGING)

    @admin.action(description="Send once more", permissions=("manage",))
    def redeliver(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        queued = 0
        for delivery in queryset:
            try:
                redeliver(actor=actor_of(request), delivery_id=delivery.pk)
            except DomainError as refused:
                self.message_user(request, f"{delivery}: {refused.text}", messages.ERROR)
            else:
                queued += 1
        self.message_user(request, f"{queued} messages are sent once more.")

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.tenant_admin import MANAGING, TenantAdmin
from notifications.content.letters import html_of
from notifications.content.samples import sample_letter
from notifications.models import Wording
from notifications.placeholders import PLACEHOLDERS
from reserve.core.mail_pages import mail_page


class WordingForm(forms.ModelForm):  # type: ignore[type-arg]
    language = forms.ChoiceField(choices=settings.LANGUAGES)


@admin.register(Wording)
class WordingAdmin(TenantAdmin):
    """What an organization writes to its guests instead of our words."""

    venue_field = None
    add_roles = MANAGING
    change_roles = MANAGING
    delete_roles = MANAGING
    immutable_fields: ClassVar[tuple[str, ...]] = ("organization",)

    form = WordingForm
    list_display = ("kind", "language", "subject", "updated_at")
    list_filter = ("kind", "language")
    list_select_related = ("organization",)
    search_fields = ("subject", "body")
    search_help_text = "Words or id"
    ordering = ("kind", "language")
    fields = (
        *("organization", "kind", "language", "subject", "body", "placeholders"),
        *("preview", "public_id", "updated_at"),
    )
    readonly_fields = ("placeholders", "preview", "public_id", "updated_at")

    @admin.display(description="Names that you can write")
    def placeholders(self, _wording: Wording) -> SafeString:
        return format_html_join("\n", "<div><code>{{{}}}</code> {}</div>", PLACEHOLDERS.items())

    @admin.display(description="Preview")
    def preview(self, wording: Wording) -> SafeString | str:
        if wording._state.adding:  # noqa: SLF001 (Django's way of telling)
            return "Save it first."
        address = reverse("admin:notifications_wording_preview", args=(wording.pk,))
        return format_html('<a href="{}">See the mail as it is saved</a>', address)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview_view)
        route = path("<path:object_id>/preview/", view, name="notifications_wording_preview")
        return [route, *super().get_urls()]

    def preview_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The mail of a booking that nobody made, in these words."""
        wording: Any = self.get_object(request, object_id)
        if wording is None:
            raise Http404
        if not self.has_view_permission(request, wording):
            raise PermissionDenied
        return mail_page(html_of(sample_letter(wording)))

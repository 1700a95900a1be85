"""Customers' bookings from a CSV file: upload, look at what would come of it, confirm."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path

from accounts.tenant_admin import MANAGING, TenantAdmin, actor_of
from bookings.services.imports import (
    MAX_BYTES,
    MAX_ROWS,
    OPTIONAL,
    REQUIRED,
    ImportLine,
    carry_out_import,
    plan_import,
)
from reserve.core.errors import DomainError
from venues.models import Venue


class ImportForm(forms.Form):
    """The file at first; its text, once it has been looked through."""

    venue = forms.ModelChoiceField(Venue.objects.none())
    file = forms.FileField(required=False, label="CSV file")
    text = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        uploaded = values.get("file")
        if uploaded:
            values["text"] = self._read(uploaded)
        elif not values.get("text"):
            self.add_error("file", "Choose a file.")
        return values

    def _read(self, uploaded: Any) -> str:
        if uploaded.size > MAX_BYTES:
            self.add_error("file", f"This must not be larger than {MAX_BYTES // 1024} KiB.")
            return ""
        try:
            text: str = uploaded.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            self.add_error("file", "This must be text in UTF-8.")
            return ""
        return text


class BookingImport(TenantAdmin):
    """Adds the page to those of bookings, for whoever manages a venue."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.import_view)
        return [path("import/", view, name="bookings_booking_import"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"can_import": self.permits(request, MANAGING)} | (extra_context or {})
        return super().changelist_view(request, context)

    def import_view(self, request: HttpRequest) -> HttpResponse:
        if not self.permits(request, MANAGING):
            raise PermissionDenied
        form = ImportForm(request.POST or None, request.FILES or None)
        venues = self.admin_site.get_model_admin(Venue)
        assert isinstance(venues, TenantAdmin)
        field: Any = form.fields["venue"]
        field.queryset = venues.rows(request, MANAGING)
        lines: list[ImportLine] | None = None
        is_done = False
        if form.is_valid():
            is_done = "confirm" in request.POST
            lines = self._lines(request, form, is_confirmed=is_done)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Import bookings",
            "media": self.media,
            "form": form,
            "lines": lines,
            "is_done": is_done and lines is not None,
            "good": sum(line.is_good for line in lines or ()),
            "known": sum(line.is_known for line in lines or ()),
            "wrong": sum(bool(line.errors) for line in lines or ()),
            "required": REQUIRED,
            "optional": OPTIONAL,
            "maximum": MAX_ROWS,
        }
        return TemplateResponse(request, "admin/bookings/booking/import.html", context)

    def _lines(
        self, request: HttpRequest, form: ImportForm, *, is_confirmed: bool
    ) -> list[ImportLine] | None:
        values = form.cleaned_data
        act = carry_out_import if is_confirmed else plan_import
        try:
            return act(actor=actor_of(request), venue_id=values["venue"].pk, text=values["text"])
        except DomainError as refused:
            form.add_error("file", refused.text)
        return None

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError

from accounts.tenant_admin import MANAGING, TenantAdmin, TenantFilter, TenantInline
from venues.models import Closure, OpeningHours, Resource, Venue

# Venues and resources stay: bookings, and the event log, refer to them.


class ResourceInline(TenantInline):
    model = Resource
    add_roles = MANAGING
    change_roles = MANAGING
    fields = ("name", "booking_mode", "capacity", "position")
    show_change_link = True


class OpeningHoursInline(TenantInline):
    model = OpeningHours
    add_roles = MANAGING
    change_roles = MANAGING
    delete_roles = MANAGING
    fields = ("weekday", "opens_at", "closes_at", "slot_minutes", "capacity")


@admin.register(Venue)
class VenueAdmin(TenantAdmin):
    add_roles = MANAGING
    change_roles = MANAGING

    list_display = ("name", "address", "timezone", "is_public", "confirmation_mode")
    list_filter = ("is_public", "confirmation_mode")
    list_select_related = ("organization",)
    search_fields = ("name", "slug", "street", "city")
    search_help_text = "Name, address or id"
    prepopulated_fields = {"slug": ("name",)}  # noqa: RUF012 (Django's type)
    readonly_fields = ("public_id", "created_at")
    fieldsets = (
        (None, {"fields": ("organization", "name", "slug", "description", "is_public")}),
        ("Place", {"fields": ("street", "postal_code", "city", "country", "timezone")}),
        (
            "Rules of booking",
            {
                "fields": (
                    *("confirmation_mode", "accepts_guests", "booking_horizon_days"),
                    *("minimum_notice_minutes", "hold_seconds", "minimum_party_size"),
                    *("maximum_party_size", "open_bookings_per_customer"),
                    "cancellation_cutoff_minutes",
                )
            },
        ),
        ("Record", {"fields": ("public_id", "created_at")}),
    )
    inlines = (ResourceInline,)


@admin.register(Resource)
class ResourceAdmin(TenantAdmin):
    add_roles = MANAGING
    change_roles = MANAGING
    immutable_fields = ("venue",)
    organization_from = "venue"

    list_display = ("name", "venue", "booking_mode", "capacity")
    list_filter = (("venue", TenantFilter), "booking_mode")
    list_select_related = ("venue", "organization")
    search_fields = ("name", "venue__name")
    search_help_text = "Name, venue or id"
    autocomplete_fields = ("venue",)
    readonly_fields = ("public_id",)
    fields = ("venue", "name", "booking_mode", "capacity", "position", "public_id")
    inlines = (OpeningHoursInline,)


class ClosureForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        venue, resource = values.get("venue"), values.get("resource")
        if venue and resource and resource.venue_id != venue.pk:
            self.add_error("resource", ValidationError("This is a resource of another venue."))
        first, last = values.get("first_date"), values.get("last_date")
        if first and last and last < first:
            self.add_error("last_date", ValidationError("This is before the first date."))
        return values


@admin.register(Closure)
class ClosureAdmin(TenantAdmin):
    form = ClosureForm
    add_roles = MANAGING
    change_roles = MANAGING
    delete_roles = MANAGING
    immutable_fields = ("venue",)
    organization_from = "venue"

    list_display = ("venue", "resource_name", "first_date", "last_date", "reason")
    list_filter = (("venue", TenantFilter),)
    list_select_related = ("venue", "resource__venue", "organization")
    ordering = ("-first_date",)
    search_fields = ("venue__name", "resource__name", "reason")
    search_help_text = "Venue, resource, reason or id"
    autocomplete_fields = ("venue", "resource")
    fields = ("venue", "resource", "first_date", "last_date", "reason")

    @admin.display(description="Resource", ordering="resource__name", empty_value="All")
    def resource_name(self, closure: Closure) -> str | None:
        return closure.resource.name if closure.resource else None

"""The pages of venues and of what is booked there."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.postgres.forms import SimpleArrayField
from django.http import HttpRequest

from accounts.tenant_admin import MANAGING, TenantFilter, TenantInline, actor_of
from venues.admin.rules import OpeningHoursInline, RuleForm, SpecialHoursInline
from venues.admin.writing import ServiceAdmin, changes_of, details_of
from venues.models import Resource, Venue
from venues.services.resources import (
    RESOURCE_FIELDS,
    ResourceDetails,
    add_resource,
    update_resource,
)
from venues.services.venues import VENUE_FIELDS, VenueDetails, create_venue, update_venue

# Venues and resources stay: bookings, and the event log, refer to them.


class VenueForm(RuleForm):
    picture_urls = SimpleArrayField(
        forms.CharField(required=False),
        delimiter="\n",
        required=False,
        widget=forms.Textarea,
        help_text="One address on each line, by https.",
    )

    def clean_picture_urls(self) -> list[str]:
        return [url for url in self.cleaned_data["picture_urls"] if url]


class ResourceInline(TenantInline):
    model = Resource
    form = RuleForm
    add_roles = MANAGING
    change_roles = MANAGING
    fields = ("name", "booking_mode", "capacity", "position")
    show_change_link = True


@admin.register(Venue)
class VenueAdmin(ServiceAdmin):
    venue_field = "pk"
    form = VenueForm
    add_roles = MANAGING
    change_roles = MANAGING

    list_display: tuple[str, ...] = (
        "name",
        "address",
        "timezone",
        "is_public",
        "confirmation_mode",
    )
    list_filter = ("is_public", "confirmation_mode")
    list_select_related: ClassVar[tuple[str, ...]] = ("organization",)
    search_fields = ("name", "slug", "street", "city", "region")
    search_help_text = "Name, address or id"
    prepopulated_fields = {"slug": ("name",)}  # noqa: RUF012 (Django's type)
    readonly_fields: ClassVar[tuple[str, ...]] = ("public_id", "created_at")
    fieldsets: ClassVar[tuple[Any, ...]] = (
        (
            None,
            {
                "fields": (
                    *("organization", "name", "slug", "description", "picture_urls"),
                    "is_public",
                )
            },
        ),
        (
            "Place",
            {
                "fields": (
                    *("street", "postal_code", "city", "region", "country"),
                    *("latitude", "longitude", "timezone"),
                )
            },
        ),
        ("Contact", {"fields": ("contact_email", "contact_phone", "website")}),
        (
            "Rules of booking",
            {
                "fields": (
                    *("confirmation_mode", "accepts_guests", "accepts_unverified"),
                    *("booking_horizon_days",),
                    *("minimum_notice_minutes", "hold_seconds", "minimum_party_size"),
                    *("maximum_party_size", "open_bookings_per_customer"),
                    "cancellation_cutoff_minutes",
                )
            },
        ),
        ("Reminders", {"fields": ("reminder_minutes",)}),
        ("Record", {"fields": ("public_id", "created_at")}),
    )
    inlines = (ResourceInline, OpeningHoursInline, SpecialHoursInline)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        # A new venue is created with its first resource, of which only the formsets tell.
        if change:
            changes = changes_of(form, VENUE_FIELDS)
            update_venue(actor=actor_of(request), venue_id=obj.pk, changes=changes)

    def save_related(
        self, request: HttpRequest, form: Any, formsets: Iterable[Any], change: bool
    ) -> None:
        if change:
            super().save_related(request, form, formsets, change)
            return
        resources, *rules = formsets
        resources.save(commit=False)
        first, *others = [details_of(ResourceDetails, row) for row in resources.new_objects] or [
            None
        ]
        venue = form.instance
        created = create_venue(
            actor=actor_of(request),
            organization_id=venue.organization_id,
            details=details_of(VenueDetails, venue),
            resource=first,
        )
        # The page and the log refer to the form's row.
        venue.pk = created.pk
        for details in others:
            assert details is not None
            add_resource(actor=actor_of(request), venue_id=venue.pk, details=details)
        for formset in rules:
            self.save_formset(request, form, formset, change)


@admin.register(Resource)
class ResourceAdmin(ServiceAdmin):
    form = RuleForm
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
    inlines = (OpeningHoursInline, SpecialHoursInline)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            changes = changes_of(form, RESOURCE_FIELDS)
            update_resource(actor=actor_of(request), resource_id=obj.pk, changes=changes)
        else:
            details = details_of(ResourceDetails, obj)
            added = add_resource(actor=actor_of(request), venue_id=obj.venue_id, details=details)
            obj.pk = added.pk

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Count, Exists, IntegerField, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.tenant_admin import EVERY_ROLE, TenantAdmin, TenantRules
from bookings.models import Booking, Guest


@admin.register(Guest)
class GuestAdmin(TenantAdmin):
    list_display = ("name", "email", "phone", "bookings", "created_at")
    list_select_related = ("organization",)
    search_fields = ("name", "email", "phone")
    search_help_text = "Name, e-mail address, phone number or id"
    readonly_fields = ("public_id", "bookings", "has_account")
    fields = (
        *("name", "email", "phone", "locale", "has_account", "bookings", "public_id"),
        "created_at",
    )

    def at_venues(self, venue_ids: Collection[UUID]) -> Q:
        """Guests are the organization's; to a venue they are known by their bookings there."""
        return Q(Exists(Booking.objects.filter(guest=OuterRef("pk"), venue_id__in=venue_ids)))

    def is_at(self, row: Guest, venue_ids: Collection[UUID]) -> bool:
        return Booking.objects.filter(guest=row, venue_id__in=venue_ids).exists()

    def get_queryset(self, request: HttpRequest) -> Any:
        bookings = self.admin_site.get_model_admin(Booking)
        assert isinstance(bookings, TenantRules)
        seen = bookings.rows(request, EVERY_ROLE).select_related(None)
        of_guest = seen.filter(guest=OuterRef("pk")).order_by().values("guest")
        count = Subquery(of_guest.annotate(number=Count("pk")).values("number"))
        return (
            super()
            .get_queryset(request)
            .annotate(booking_count=Coalesce(count, 0, output_field=IntegerField()))
        )

    @admin.display(description="Bookings")
    def bookings(self, guest: Any) -> SafeString:
        bookings = reverse("admin:bookings_booking_changelist")
        return format_html(
            '<a href="{}?guest__id__exact={}">{}</a>', bookings, guest.pk, guest.booking_count
        )

    @admin.display(description="Has an account", boolean=True)
    def has_account(self, guest: Guest) -> bool:
        return guest.account_id is not None

"""Guests with what they did: how often they came, and how often they did not."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.tenant_admin import EVERY_ROLE, TenantAdmin, TenantRules
from bookings.admin.search import found_by_words
from bookings.admin.times import brief_time
from bookings.models import Booking, Guest
from bookings.selectors import guests_matching
from bookings.states import BookingStatus
from reserve.core.clock import now

# Of one guest, on their page.
MAX_SHOWN = 50
_CAME = (BookingStatus.CHECKED_IN, BookingStatus.COMPLETED)


class _GuestList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        # Of the page's rows only, by one statement.
        self.result_list = list(self.result_list)
        pages = self.model_admin
        assert isinstance(pages, GuestAdmin)
        pages.count_bookings(request, self.result_list)


@admin.register(Guest)
class GuestAdmin(TenantAdmin):
    list_display = ("name", "email", "phone", "bookings", "visits", "no_shows", "created_at")
    list_select_related = ("organization",)
    # The newest first: by name they would all have to be sorted.
    ordering = ("-pk",)
    search_fields = ("name",)
    search_help_text = "Words of the name or e-mail address, phone number, or id"
    readonly_fields = ("public_id", "bookings", "visits", "no_shows", "has_account")
    fields = (
        *("name", "email", "phone", "locale", "has_account"),
        *("bookings", "visits", "no_shows", "public_id", "created_at"),
    )

    def at_venues(self, venue_ids: Collection[UUID]) -> Q:
        """Guests are the organization's; to a venue they are known by their bookings there."""
        return Q(Exists(Booking.objects.filter(guest=OuterRef("pk"), venue_id__in=venue_ids)))

    def is_at(self, row: Guest, venue_ids: Collection[UUID]) -> bool:
        return Booking.objects.filter(guest=row, venue_id__in=venue_ids).exists()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return _GuestList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return found_by_words(
            self, request, queryset, search_term, lambda words, _reach: guests_matching(words)
        )

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        guest = super().get_object(request, object_id, from_field)
        if guest is not None:
            self.count_bookings(request, [guest])
        return guest

    def count_bookings(self, request: HttpRequest, guests: Collection[Any]) -> None:
        """Put what whoever asks may know of their bookings beside guests, by one statement."""
        counted = (
            self._bookings(request)
            .filter(guest__in=guests)
            .order_by()
            .values("guest")
            .annotate(
                number=Count("pk"),
                came=Count("pk", filter=Q(status__in=_CAME)),
                missed=Count("pk", filter=Q(status=BookingStatus.NO_SHOW)),
            )
        )
        found: dict[UUID, Any] = {row["guest"]: row for row in counted} if guests else {}
        for guest in guests:
            row: Any = found.get(guest.pk, {})
            guest.booking_count = row.get("number", 0)
            guest.visit_count = row.get("came", 0)
            guest.no_show_count = row.get("missed", 0)

    def _bookings(self, request: HttpRequest) -> QuerySet[Booking]:
        bookings = self.admin_site.get_model_admin(Booking)
        assert isinstance(bookings, TenantRules)
        rows: QuerySet[Booking] = bookings.rows(request, EVERY_ROLE).select_related(None)
        return rows

    @admin.display(description="Bookings")
    def bookings(self, guest: Any) -> SafeString:
        return _list_of(guest, guest.booking_count)

    @admin.display(description="Visits")
    def visits(self, guest: Any) -> int:
        count: int = guest.visit_count
        return count

    @admin.display(description="No-shows")
    def no_shows(self, guest: Any) -> SafeString | int:
        if not guest.no_show_count:
            return 0
        return _list_of(guest, guest.no_show_count, "&status=NO_SHOW")

    @admin.display(description="Has an account", boolean=True)
    def has_account(self, guest: Guest) -> bool:
        return guest.account_id is not None

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **options: Any
    ) -> Any:
        guest = options.get("obj")
        if guest is not None:
            moment = now()
            latest = self._bookings(request).filter(guest=guest).select_related("venue")
            context["visits"] = [
                (booking, brief_time(booking.venue, booking.starts_at), booking.status_at(moment))
                for booking in latest.order_by("-starts_at", "-pk")[:MAX_SHOWN]
            ]
        return super().render_change_form(request, context, *args, **options)


def _list_of(guest: Guest, count: int, more: str = "") -> SafeString:
    bookings = reverse("admin:bookings_booking_changelist")
    return format_html('<a href="{}?guest__id__exact={}{}">{}</a>', bookings, guest.pk, more, count)

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest

from accounts.tenant_admin import TenantAdmin, TenantFilter
from bookings.admin.filters import ComingDayFilter
from bookings.admin.times import brief_time, local_time
from bookings.models import Slot
from bookings.selectors import free_lapsed_seats
from bookings.states import SlotStatus
from reserve.core.clock import now


class _SlotList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        free_lapsed_seats(list(self.result_list), now())


@admin.register(Slot)
class SlotAdmin(TenantAdmin):
    list_display = (
        *("starts_locally", "venue", "resource_name", "capacity", "taken", "remaining"),
        *("closed", "status"),
    )
    list_filter = (
        ComingDayFilter,
        ("venue", TenantFilter),
        ("resource", TenantFilter),
        "is_closed",
    )
    list_select_related = ("venue", "resource__venue", "organization")
    ordering = ("starts_at", "pk")
    search_fields = ("venue__name", "resource__name")
    search_help_text = "Venue, resource or id"
    readonly_fields = ("public_id", "starts", "ends", "taken", "remaining", "status")
    fields = (
        *("public_id", "venue", "resource", "starts", "ends", "status", "is_closed"),
        *("capacity", "taken", "remaining", "version"),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return _SlotList

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        slot = super().get_object(request, object_id, from_field)
        if slot is not None:
            free_lapsed_seats([slot], now())
        return slot

    @admin.display(description="Starts", ordering="starts_at")
    def starts_locally(self, slot: Slot) -> str:
        return brief_time(slot.venue, slot.starts_at)

    @admin.display(description="Starts")
    def starts(self, slot: Slot) -> str:
        return local_time(slot.venue, slot.starts_at)

    @admin.display(description="Ends")
    def ends(self, slot: Slot) -> str:
        return local_time(slot.venue, slot.ends_at)

    @admin.display(description="Resource", ordering="resource__name")
    def resource_name(self, slot: Slot) -> str:
        return slot.resource.name

    @admin.display(description="Reserved", ordering="reserved")
    def taken(self, slot: Slot) -> int:
        return slot.reserved

    @admin.display(description="Closed", ordering="is_closed")
    def closed(self, slot: Slot) -> str:
        return "Closed" if slot.is_closed else ""

    @admin.display(description="Remaining")
    def remaining(self, slot: Slot) -> int:
        return slot.remaining

    @admin.display(description="Status")
    def status(self, slot: Slot) -> str:
        return str(SlotStatus(slot.status_at(now())).label)

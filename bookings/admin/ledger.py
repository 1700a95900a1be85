import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.tenant_admin import SUPERUSERS, Roles, TenantAdmin
from bookings.models import LedgerCheck


@admin.register(LedgerCheck)
class LedgerCheckAdmin(TenantAdmin):
    """What the checks of every night found, over all organizations: for superusers, to read."""

    venue_field = None
    view_roles = SUPERUSERS

    list_display = ("started_at", "result", "slots", "bookings", "events", "duration")
    ordering = ("-started_at",)
    fields = ("public_id", *list_display, "details")
    readonly_fields = ("public_id", "result", "duration", "details")

    def permits(self, request: HttpRequest, roles: Roles | None, obj: Any = None) -> bool:
        """The same for every row: a check is no organization's."""
        return super().permits(request, roles)

    @admin.display(description="Problems", ordering="problem_count")
    def result(self, check: LedgerCheck) -> str:
        return f"{check.problem_count:,}" if check.problem_count else "None"

    @admin.display(description="Seconds", ordering="seconds")
    def duration(self, check: LedgerCheck) -> str:
        return f"{check.seconds:.1f}"

    @admin.display(description="First problems")
    def details(self, check: LedgerCheck) -> SafeString | str:
        text = "\n".join(json.dumps(problem, ensure_ascii=False) for problem in check.problems)
        return format_html("<pre>{}</pre>", text) if text else "–"

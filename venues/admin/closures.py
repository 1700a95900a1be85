"""The pages of days on which a venue offers nothing."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.tenant_admin import MANAGING, TenantFilter, actor_of
from venues.admin.rules import RuleForm
from venues.admin.writing import ServiceAdmin
from venues.models import Closure
from venues.services.schedule import CLOSURE_FIELDS, add_closure, remove_closure, update_closure


class ClosureForm(RuleForm):
    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        venue, resource = values.get("venue"), values.get("resource")
        if venue and resource and resource.venue_id != venue.pk:
            self.add_error("resource", ValidationError("This is a resource of another venue."))
        return values


@admin.register(Closure)
class ClosureAdmin(ServiceAdmin):
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

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        content = {name: getattr(obj, name) for name in CLOSURE_FIELDS}
        if change:
            update_closure(actor=actor_of(request), closure_id=obj.pk, changes=content)
        else:
            obj.pk = add_closure(actor=actor_of(request), venue_id=obj.venue_id, **content).pk

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        remove_closure(actor=actor_of(request), closure_id=obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        # All or none. By venue, or two who lock several could wait for each other.
        with transaction.atomic():
            for closure in queryset.order_by("venue_id", "pk"):
                remove_closure(actor=actor_of(request), closure_id=closure.pk)

"""Pages whose rows are written by services."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from accounts.actors import Actor
from accounts.tenant_admin import TenantAdmin, actor_of
from reserve.core.errors import DomainError, Forbidden
from venues.admin.rules import OpeningHoursInline, RuleFormSet
from venues.models import OpeningHours, Resource, Venue
from venues.services.resources import (
    RESOURCE_FIELDS,
    ResourceDetails,
    add_resource,
    update_resource,
)
from venues.services.schedule import Opening, SpecialOpening, set_opening_hours, set_special_hours


class ServiceAdmin(TenantAdmin):
    """Pages whose rows are written by services, as whoever is logged in.

    What a service refuses after the form was found right is told on the page.
    """

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        change_form = super().changeform_view
        return self._told(request, lambda: change_form(request, object_id, form_url, extra_context))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        delete = super().delete_view
        return self._told(request, lambda: delete(request, object_id, extra_context))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With it the actions."""
        change_list = super().changelist_view
        return self._told(request, lambda: change_list(request, extra_context))

    def _told(self, request: HttpRequest, answer: Callable[[], HttpResponse]) -> HttpResponse:
        try:
            return answer()
        except Forbidden:
            raise PermissionDenied from None
        except DomainError as refusal:
            # Another's change came between: nothing of this one is written.
            self.message_user(request, refusal.text, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def get_formset_kwargs(
        self, request: HttpRequest, obj: Any, inline: Any, prefix: str
    ) -> dict[str, Any]:
        options = super().get_formset_kwargs(request, obj, inline, prefix)
        if isinstance(inline, OpeningHoursInline) and request.method != "POST":
            days = inline.days_without_hours(request, obj)
            options["initial"] = [{"weekday": day} for day in days]
        return options

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        # Tells the log of changes what is new, and writes nothing.
        formset.save(commit=False)
        if formset.model is Resource:
            _save_resources(actor_of(request), form.instance.pk, formset)
        else:
            _save_rules(actor_of(request), form.instance, formset)


def _save_resources(actor: Actor, venue_id: UUID, formset: Any) -> None:
    for form in formset.forms:
        if form.instance in formset.new_objects:
            details = details_of(ResourceDetails, form.instance)
            form.instance.pk = add_resource(actor=actor, venue_id=venue_id, details=details).pk
        elif form.has_changed():
            changes = changes_of(form, RESOURCE_FIELDS)
            update_resource(actor=actor, resource_id=form.instance.pk, changes=changes)


def _save_rules(actor: Actor, owner: Venue | Resource, formset: RuleFormSet) -> None:
    venue_id = owner.pk if isinstance(owner, Venue) else owner.venue_id
    resource_id = None if isinstance(owner, Venue) else owner.pk
    rules = [form.instance for form in formset.kept_forms()]
    if formset.model is OpeningHours:
        set_opening_hours(
            actor=actor,
            venue_id=venue_id,
            resource_id=resource_id,
            openings=[details_of(Opening, rule) for rule in rules],
        )
    else:
        set_special_hours(
            actor=actor,
            venue_id=venue_id,
            resource_id=resource_id,
            special_hours=[details_of(SpecialOpening, rule) for rule in rules],
        )


def changes_of(form: Any, names: frozenset[str]) -> dict[str, Any]:
    """The fields of these names that somebody changed, as they are to be."""
    return {name: form.cleaned_data[name] for name in form.changed_data if name in names}


def details_of(kind: Callable[..., Any], row: models.Model) -> Any:
    """A row as the services take it."""
    return kind(**{each.name: getattr(row, each.name) for each in fields(kind)})  # type: ignore[arg-type]

"""What the admin pages of all apps have in common: who sees and changes whose rows.

The membership is the rule, and this is its one place: what a person sees, may
change and may choose from follows from their role in the row's organization, and
for staff that is limited to venues from the row's venue. Django's permissions per
model are not asked. Superusers work everywhere.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin.options import BaseModelAdmin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounts.actors import Actor, account
from accounts.models import Membership, Role, User
from reserve.core.bounded_paginator import BoundedPaginator
from reserve.core.errors import Invalid
from reserve.core.ids import UlidModel

Roles = frozenset[Role]
Rows = QuerySet[Any]

EVERY_ROLE: Roles = frozenset(Role)
MANAGING: Roles = frozenset({Role.OWNER, Role.MANAGER})
OWNING: Roles = frozenset({Role.OWNER})
SUPERUSERS: Roles = frozenset()
# Not even superusers.
NOBODY: Roles | None = None


@dataclass(frozen=True, slots=True)
class Tenancy:
    """The organizations that a person works for, with the role in each."""

    is_superuser: bool
    roles: Mapping[UUID, Role]
    limits: Mapping[UUID, frozenset[UUID]] = field(default_factory=dict)
    """The venues of those organizations in which the person does not work everywhere."""

    def organization_ids(self, roles: Roles) -> list[UUID]:
        """Where the person has one of these roles."""
        return [organization_id for organization_id, role in self.roles.items() if role in roles]

    def permits(self, roles: Roles | None, organization_id: UUID | None) -> bool:
        """Whether the person has one of these roles there; with None, anywhere."""
        if roles is None:
            return False
        if self.is_superuser:
            return True
        if organization_id is None:
            return bool(self.organization_ids(roles))
        return self.roles.get(organization_id) in roles

    def venue_ids(self, roles: Roles) -> list[UUID]:
        """Where the person has one of these roles, in organizations that limit them to venues."""
        limits = [limit for key, limit in self.limits.items() if self.roles[key] in roles]
        return [venue_id for limit in limits for venue_id in limit]

    def limit(self, organization_id: UUID | None) -> frozenset[UUID] | None:
        """The venues to which the person is limited there; None where they are not."""
        return None if organization_id is None else self.limits.get(organization_id)


def actor_of(request: HttpRequest) -> Actor:
    """Whoever is logged in to the pages of staff, as services know them."""
    assert isinstance(request.user, User)
    return account(request.user.pk)


def tenancy_of(request: HttpRequest) -> Tenancy:
    """The tenancy of whoever asks, read once per request."""
    known = vars(request)
    if "tenancy" not in known:
        known["tenancy"] = _read_tenancy(request)
    tenancy: Tenancy = known["tenancy"]
    return tenancy


def _read_tenancy(request: HttpRequest) -> Tenancy:
    user = request.user
    # The login page asks too, for nobody.
    if not isinstance(user, User) or not user.is_active:
        return Tenancy(is_superuser=False, roles={})
    memberships = Membership.objects.filter(user=user)
    rows = list(memberships.values_list("organization_id", "role", "venue_ids"))
    return Tenancy(
        is_superuser=user.is_superuser,
        roles={organization_id: Role(role) for organization_id, role, _ in rows},
        limits={
            organization_id: frozenset(venue_ids)
            for organization_id, _, venue_ids in rows
            if venue_ids and not user.is_superuser
        },
    )


class TenantRules(BaseModelAdmin):  # type: ignore[type-arg]
    """The rule, for pages and inlines alike. An inline is asked about its parent's row.

    Nothing may be added, changed or deleted unless a class names the roles.
    """

    # The attribute, and lookup, that holds the id of a row's organization.
    organization_field: ClassVar[str] = "organization_id"
    # Likewise of its venue; None where rows are the organization's as a whole, and
    # shown to those too who are limited to venues.
    venue_field: ClassVar[str | None] = "venue_id"
    view_roles: ClassVar[Roles | None] = EVERY_ROLE
    add_roles: ClassVar[Roles | None] = NOBODY
    change_roles: ClassVar[Roles | None] = NOBODY
    delete_roles: ClassVar[Roles | None] = NOBODY

    # --- Whose rows -----------------------------------------------------------

    def rows(self, request: HttpRequest, roles: Roles | None) -> Rows:
        """The rows of the organizations where whoever asks has one of these roles."""
        rows = super().get_queryset(request)
        if roles is None:
            return rows.none()
        tenancy = tenancy_of(request)
        if tenancy.is_superuser:
            return rows
        organization_ids = tenancy.organization_ids(roles)
        if not organization_ids:
            return rows.none()
        rows = rows.filter(**{f"{self.organization_field}__in": organization_ids})
        if self.venue_field is None or not tenancy.limits:
            return rows
        unlimited = [pk for pk in organization_ids if pk not in tenancy.limits]
        return rows.filter(
            Q(**{f"{self.organization_field}__in": unlimited})
            | self.at_venues(tenancy.venue_ids(roles))
        )

    def at_venues(self, venue_ids: Collection[UUID]) -> Q:
        """The condition that a row is of one of these venues."""
        return Q(**{f"{self.venue_field}__in": venue_ids})

    def is_at(self, row: Any, venue_ids: Collection[UUID]) -> bool:
        """Whether a row, which may be new, is of one of these venues."""
        return self.venue_field is None or getattr(row, self.venue_field) in venue_ids

    def get_queryset(self, request: HttpRequest) -> Rows:
        return self.rows(request, self.view_roles)

    def formfield_for_foreignkey(
        self, db_field: "models.ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Offers only rows of organizations where the person may save this one."""
        related = self.admin_site.get_model_admin(db_field.related_model)
        assert isinstance(related, TenantRules), f"{related} knows no tenants"
        roles = (self.add_roles or SUPERUSERS) | (self.change_roles or SUPERUSERS)
        kwargs["queryset"] = related.rows(request, roles)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    # --- Who may do what --------------------------------------------------------

    def permits(self, request: HttpRequest, roles: Roles | None, obj: Any = None) -> bool:
        """Whether whoever asks has one of these roles where the row is, or anywhere."""
        tenancy = tenancy_of(request)
        organization_id = None if obj is None else getattr(obj, self.organization_field)
        if not tenancy.permits(roles, organization_id):
            return False
        limit = tenancy.limit(organization_id)
        return limit is None or self.is_at(obj, limit)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.permits(request, self.view_roles)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.permits(request, self.view_roles, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.permits(request, self.add_roles, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.permits(request, self.change_roles, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.permits(request, self.delete_roles, obj)


class TenantAdmin(TenantRules, admin.ModelAdmin):  # type: ignore[type-arg]
    """The pages of a model whose rows belong to organizations."""

    # Chosen when a row is added, then fixed.
    immutable_fields: ClassVar[tuple[str, ...]] = ("organization",)
    # The parent whose organization is the row's, where it is not chosen itself.
    organization_from: ClassVar[str] = ""

    # Nobody counts a whole table to show a page of it.
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    empty_value_display = "–"
    view_on_site = False

    # --- Lists --------------------------------------------------------------------

    def rows(self, request: HttpRequest, roles: Roles | None) -> Rows:
        rows = super().rows(request, roles)
        related = self.list_select_related
        return rows if isinstance(related, bool) else rows.select_related(*related)

    def get_list_display(self, request: HttpRequest) -> Any:
        """Whoever works for several organizations sees whose row it is."""
        columns = [*super().get_list_display(request)]
        if self._has_organizations() and self._sees_several(request):
            columns.append("organization")
        return columns

    def get_list_filter(self, request: HttpRequest) -> Any:
        filters = [*super().get_list_filter(request)]
        if self._has_organizations() and self._sees_several(request):
            filters.append(("organization", TenantFilter))
        return filters

    def get_list_select_related(self, request: HttpRequest) -> Any:
        related = super().get_list_select_related(request)
        if isinstance(related, bool) or not self._has_organizations():
            return related
        return [*related, "organization"]

    def get_search_results(
        self, request: HttpRequest, queryset: Rows, search_term: str
    ) -> tuple[Rows, bool]:
        """By the search fields, or by a public id."""
        if issubclass(self.model, UlidModel):
            try:
                return queryset.filter(pk=self.model.parse_id(search_term.strip())), False
            except Invalid:
                pass
        return super().get_search_results(request, queryset, search_term)

    def _has_organizations(self) -> bool:
        return any(field.name == "organization" for field in self.opts.fields)

    def _sees_several(self, request: HttpRequest) -> bool:
        tenancy = tenancy_of(request)
        return tenancy.is_superuser or len(tenancy.roles) > 1

    # --- Forms ----------------------------------------------------------------------

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """A field that is immutable, or leaves no choice, is shown but takes no input."""
        form = super().get_form(request, obj, change=change, **kwargs)
        for name in self.immutable_fields:
            field = form.base_fields.get(name)
            if not isinstance(field, forms.ModelChoiceField):
                continue
            if obj is None:
                choices = list(field.queryset[:2]) if field.queryset is not None else []
                if len(choices) != 1:
                    continue
                field.initial = choices[0].pk
            field.disabled = True
            if isinstance(field.widget, RelatedFieldWidgetWrapper):
                field.widget.can_add_related = False
                field.widget.can_change_related = False
                field.widget.can_delete_related = False
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if self.organization_from:
            obj.organization_id = getattr(obj, self.organization_from).organization_id
        # The choices have been limited; this holds whatever a form may let through.
        if not self.permits(request, self.change_roles if change else self.add_roles, obj):
            raise PermissionDenied
        super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Children belong to the organization of their parent."""
        for child in formset.forms:
            child.instance.organization_id = form.instance.organization_id
        super().save_formset(request, form, formset, change)


class TenantInline(TenantRules, admin.TabularInline):  # type: ignore[type-arg]
    """Children on the page of their parent, which decides who may do what."""

    extra = 0

    def permits(self, request: HttpRequest, roles: Roles | None, obj: Any = None) -> bool:
        parent = self.admin_site.get_model_admin(self.parent_model)
        assert isinstance(parent, TenantRules), f"{parent} knows no tenants"
        return parent.permits(request, roles, obj)


class TenantFilter(admin.RelatedFieldListFilter):
    """A filter by a related row that lists those of one's own organizations only."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        related = model_admin.admin_site.get_model_admin(field.related_model)
        return [(row.pk, str(row)) for row in related.get_queryset(request)]

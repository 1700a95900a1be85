from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.http import HttpRequest

from accounts.actors import SYSTEM
from accounts.models import Membership, Organization, Role, User, normalise_email
from accounts.services.organizations import add_member
from accounts.tenant_admin import (
    MANAGING,
    OWNING,
    SUPERUSERS,
    Roles,
    TenantAdmin,
    TenantRules,
)
from reserve.outbox.admin import EventAdmin
from reserve.outbox.models import Event

admin.site.site_header = "ReserveAPI"
admin.site.site_title = "ReserveAPI"
admin.site.index_title = "Administration"
# There is no site beside it to view.
admin.site.site_url = None

# Roles are memberships; groups of Django's permissions would promise what nobody reads.
admin.site.unregister(Group)


class _EmailForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean_email(self) -> str:
        return normalise_email(self.cleaned_data["email"])


class UserForm(_EmailForm, UserChangeForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("email", "name", "phone", "locale", "is_active", "is_staff", "is_superuser")


class NewUserForm(_EmailForm, AdminUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("email", "name")


@admin.register(User)
class UserAdmin(TenantRules, auth_admin.UserAdmin):  # type: ignore[type-arg]
    """People who can log in, whatever organization they work for: for superusers.

    An account is switched off, not deleted: bookings and the event log refer to it.
    """

    view_roles = SUPERUSERS
    add_roles = SUPERUSERS
    change_roles = SUPERUSERS

    form = UserForm
    add_form = NewUserForm
    list_display = ("email", "name", "is_active", "is_staff", "is_superuser", "created_at")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "name", "phone")
    search_help_text = "E-mail address, name or phone number"
    ordering = ("email",)
    filter_horizontal = ()
    readonly_fields = ("public_id", "last_login", "created_at")
    show_full_result_count = False
    fieldsets = (
        (None, {"fields": ("email", "password", "public_id")}),
        ("Person", {"fields": ("name", "phone", "locale")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "created_at")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("email", "name", "usable_password", "password1", "password2"),
            },
        ),
    )

    def permits(self, request: HttpRequest, roles: Roles | None, obj: Any = None) -> bool:
        """The same for every row: a person is no organization's."""
        return super().permits(request, roles)


@admin.register(Organization)
class OrganizationAdmin(TenantAdmin):
    organization_field = "pk"
    add_roles = SUPERUSERS
    change_roles = SUPERUSERS

    list_display = ("name", "slug", "created_at")
    search_fields = ("name", "slug")
    search_help_text = "Name, short name or id"
    fields = ("name", "slug", "public_id", "created_at")
    readonly_fields = ("public_id", "created_at")


@admin.register(Membership)
class MembershipAdmin(TenantAdmin):
    """Who works for whom. Owners and managers read it; superusers write it."""

    view_roles = MANAGING
    add_roles = SUPERUSERS
    change_roles = SUPERUSERS
    delete_roles = SUPERUSERS
    immutable_fields = ("organization", "user")

    list_display = ("user", "name", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "organization")
    search_fields = ("user__email", "user__name")
    search_help_text = "E-mail address, name or id"
    fields = ("organization", "user", "role", "created_at")
    readonly_fields = ("created_at",)
    autocomplete_fields = ("user",)

    @admin.display(ordering="user__name")
    def name(self, membership: Membership) -> str:
        return membership.user.name

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        saved = add_member(
            actor=SYSTEM,
            organization=obj.organization,
            user=obj.user,
            role=Role(obj.role),
        )
        obj.pk = saved.pk


@admin.register(Event)
class TenantEventAdmin(TenantAdmin, EventAdmin):
    """Registered here, since the outbox does not know what an organization is."""

    view_roles = OWNING
    # Why the relay failed is our business: the text may name anything.
    superuser_fields: ClassVar[frozenset[str]] = frozenset({"last_error"})

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_fields(request, obj)
        if self.permits(request, SUPERUSERS):
            return fields
        return [name for name in fields if name not in self.superuser_fields]

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpRequest
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.actors import SYSTEM
from accounts.errors import LastOwner
from accounts.models import Invitation, Membership, Organization, Role, User
from accounts.nameless_log import NamelessLog
from accounts.person import normalise_email
from accounts.second_factor.reset import SecondFactorReset
from accounts.services.logins import end_logins
from accounts.services.memberships import add_member, change_member, remove_member
from accounts.services.organizations import require_another_owner
from accounts.services.suspension import reinstate_user, suspend_user
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
# Devices are their owner's; what others may know of them is on a person's page.
admin.site.unregister([StaticDevice, TOTPDevice])


class _EmailForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean_email(self) -> str:
        return normalise_email(self.cleaned_data["email"])


class UserForm(_EmailForm, UserChangeForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = (
            *("email", "name", "phone", "locale", "timezone"),
            *("is_active", "is_staff", "is_superuser"),
        )


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]
    """A new password, after which nobody is logged in by the old one."""

    def save(self, commit: bool = True) -> User:
        with transaction.atomic():
            user: User = super().save(commit)
            end_logins(user_id=user.pk)
        return user


class NewUserForm(_EmailForm, AdminUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("email", "name")


@admin.register(User)
class UserAdmin(TenantRules, NamelessLog, SecondFactorReset, auth_admin.UserAdmin):  # type: ignore[type-arg]
    """People who can log in, whatever organization they work for: for superusers.

    An account is switched off, not deleted: bookings and the event log refer to it.
    """

    venue_field = None
    view_roles = SUPERUSERS
    add_roles = SUPERUSERS
    change_roles = SUPERUSERS

    form = UserForm
    add_form = NewUserForm
    change_password_form = PasswordForm
    list_display = ("email", "name", "is_active", "is_staff", "is_superuser", "created_at")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "name", "phone")
    search_help_text = "E-mail address, name or phone number"
    ordering = ("email",)
    filter_horizontal = ()
    readonly_fields = (
        *("public_id", "email_verified_at", "pending_email", "second_factor"),
        *("last_login", "created_at", "erased_at"),
    )
    show_full_result_count = False
    fieldsets = (
        (
            None,
            {"fields": ("email", "email_verified_at", "pending_email", "password", "public_id")},
        ),
        ("Person", {"fields": ("name", "phone", "locale", "timezone")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser", "second_factor")}),
        ("Dates", {"fields": ("last_login", "created_at", "erased_at")}),
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

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        # By the services, which see to it that it takes effect at once.
        is_active = obj.is_active
        super().save_model(request, obj, form, change)
        if change and "is_active" in form.changed_data:
            set_active = reinstate_user if is_active else suspend_user
            # Who may do this, the form has seen to.
            set_active(actor=SYSTEM, user_id=obj.pk)

    def permits(self, request: HttpRequest, roles: Roles | None, obj: Any = None) -> bool:
        """The same for every row: a person is no organization's."""
        return super().permits(request, roles)


@admin.register(Organization)
class OrganizationAdmin(TenantAdmin):
    organization_field = "pk"
    venue_field = None
    add_roles = SUPERUSERS
    change_roles = SUPERUSERS

    list_display = ("name", "slug", "created_at")
    search_fields = ("name", "slug")
    search_help_text = "Name, short name or id"
    fields = ("name", "slug", "public_id", "created_at")
    readonly_fields = ("public_id", "created_at")


class MembershipForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean_role(self) -> str:
        role: str = self.cleaned_data["role"]
        if self.instance.pk and role != Role.OWNER and self.instance.role == Role.OWNER:
            _require_another_owner(self.instance)
        return role


def _require_another_owner(membership: Membership) -> None:
    try:
        require_another_owner(membership)
    except LastOwner as refused:
        raise forms.ValidationError(refused.text) from None


@admin.register(Membership)
class MembershipAdmin(NamelessLog, TenantAdmin):
    """Who works for whom. Owners and managers read it; superusers write it."""

    venue_field = None
    view_roles = MANAGING
    add_roles = SUPERUSERS
    change_roles = SUPERUSERS
    delete_roles = SUPERUSERS
    immutable_fields = ("organization", "user")

    form = MembershipForm
    # Each goes by itself, so that the last owner stays.
    actions = None
    list_display = ("user", "name", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "organization")
    search_fields = ("user__email", "user__name")
    search_help_text = "E-mail address, name or id"
    fields = ("organization", "user", "role", "venue_ids", "created_at")
    readonly_fields = ("venue_ids", "created_at")
    autocomplete_fields = ("user",)

    @admin.display(ordering="user__name")
    def name(self, membership: Membership) -> str:
        return membership.user.name

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if not super().has_delete_permission(request, obj):
            return False
        try:
            if obj is not None:
                require_another_owner(obj)
        except LastOwner:
            return False
        return True

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        if change:
            change_member(actor=SYSTEM, membership_id=obj.pk, role=Role(obj.role))
            return
        saved = add_member(
            actor=SYSTEM,
            organization=obj.organization,
            user=obj.user,
            role=Role(obj.role),
        )
        obj.pk = saved.pk

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        remove_member(actor=SYSTEM, membership_id=obj.pk)


@admin.register(Invitation)
class InvitationAdmin(TenantAdmin):
    """Who was invited. Owners and managers read it; they invite by the API."""

    venue_field = None
    view_roles = MANAGING

    list_display = ("email", "role", "created_at", "expires_at", "accepted_at", "revoked_at")
    list_filter = ("role",)
    list_select_related = ("organization",)
    search_fields = ("email",)
    search_help_text = "E-mail address or id"
    fields = ("organization", *list_display, "venue_ids")
    readonly_fields = fields


@admin.register(Event)
class TenantEventAdmin(TenantAdmin, EventAdmin):
    """Registered here, since the outbox does not know what an organization is."""

    venue_field = None
    view_roles = OWNING
    # Why the relay failed is our business: the text may name anything.
    superuser_fields: ClassVar[frozenset[str]] = frozenset({"last_error"})

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_fields(request, obj)
        if self.permits(request, SUPERUSERS):
            return fields
        return [name for name in fields if name not in self.superuser_fields]

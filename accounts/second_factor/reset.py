"""What an administrator sees and does about another person's second factor."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html

from accounts.models import User
from accounts.second_factor import services
from accounts.second_factor.selectors import must_have_second_factor, second_factor_of


class SecondFactorReset(ModelAdmin):  # type: ignore[type-arg]
    """For the pages of people: a line that says what they have, and a page that takes it away."""

    def get_urls(self) -> list[URLPattern]:
        address = path(
            "<path:object_id>/second-factor/",
            self.admin_site.admin_view(self.reset_second_factor),
            name="accounts_user_second_factor",
        )
        return [address, *super().get_urls()]

    @admin.display(description="Second factor")
    def second_factor(self, user: User) -> str:
        found = second_factor_of(user)
        if found is None:
            return "None"
        since = date_format(found.since, "DATE_FORMAT") if found.since else "an unknown day"
        address = reverse("admin:accounts_user_second_factor", args=[user.pk])
        return format_html('Since {} · <a href="{}">Reset</a>', since, address)

    def reset_second_factor(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, and then take it away."""
        user = self.get_object(request, object_id)
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        if not isinstance(user, User) or second_factor_of(user) is None:
            messages.info(request, "There is no second factor to reset.")
            return redirect("admin:accounts_user_changelist")
        if request.method == "POST":
            assert isinstance(request.user, User)
            services.reset(administrator=request.user, user=user)
            self.log_change(request, user, "Second factor reset.")
            messages.success(request, f"The second factor of {user} is reset.")
            return redirect("admin:accounts_user_change", user.pk)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": "Reset a second factor",
            "opts": self.opts,
            "person": user,
            "is_required": must_have_second_factor(user),
        }
        return TemplateResponse(request, "accounts/second_factor/reset.html", context)

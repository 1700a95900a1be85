"""The admin, which lets nobody in who lacks a second factor that they have or must have."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from accounts.second_factor import views
from accounts.second_factor.selectors import Step, open_step

View = Callable[..., HttpResponseBase]


class SecondFactorSite(AdminSite):
    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and open_step(request) is None

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """As Django's, but whoever lacks a step is led to it; logging out always works."""
        guarded = super().admin_view(view, cacheable)

        def led(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            step = self._open_step(request)
            if step is None:
                response: HttpResponseBase = guarded(request, *args, **kwargs)
                return response
            if request.path == reverse("admin:logout", current_app=self.name):
                return _form(view)(request, *args, **kwargs)
            return HttpResponseRedirect(views.step_address(step, request.get_full_path()))

        return never_cache(led) if not cacheable else led

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The password; the code has a page of its own."""
        if request.method == "GET":
            if self.has_permission(request):
                return redirect("admin:index")
            step = self._open_step(request)
            if step is not None:
                return redirect(views.step_address(step, request.GET.get("next", "")))
        context = {
            **self.each_context(request),
            "title": "Log in",
            "subtitle": None,
            "app_path": request.get_full_path(),
            "username": request.user.get_username(),
            **(extra_context or {}),
        }
        if "next" not in request.GET and "next" not in request.POST:
            context["next"] = reverse("admin:index", current_app=self.name)
        request.current_app = self.name
        page = views.PasswordView.as_view(
            template_name="admin/login.html",
            authentication_form=AdminAuthenticationForm,
            extra_context=context,
        )
        return cast(HttpResponse, page(request))

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        """By the service that the APIs use, with its limits and all that it ends."""
        page = views.PasswordChangeView.as_view(
            extra_context={**self.each_context(request), **(extra_context or {})},
            success_url=reverse("admin:password_change_done", current_app=self.name),
        )
        request.current_app = self.name
        return cast(TemplateResponse, page(request))

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [
            path("login/code/", _form(views.code), name="second_factor_code"),
            path("second-factor/", self._own(views.overview), name="second_factor"),
            path("second-factor/set-up/", self._own(views.set_up), name="second_factor_set_up"),
            path(
                "second-factor/codes/", self._own(views.recovery_codes), name="second_factor_codes"
            ),
            path("second-factor/off/", self._own(views.switch_off), name="second_factor_off"),
            *super().get_urls(),
        ]

    def _own(self, view: View) -> View:
        """A page about one's own second factor, which may still be missing."""
        guarded = _form(view)

        def page(request: HttpRequest) -> HttpResponseBase:
            if not super(SecondFactorSite, self).has_permission(request):
                login = reverse("admin:login", current_app=self.name)
                return redirect_to_login(request.get_full_path(), login)
            if open_step(request) is Step.CODE:
                return redirect(views.step_address(Step.CODE, request.get_full_path()))
            return guarded(request)

        return page

    def _open_step(self, request: HttpRequest) -> Step | None:
        """The step of somebody who may open the admin at all."""
        return open_step(request) if super().has_permission(request) else None


def _form(view: View) -> View:
    sensitive: View = sensitive_post_parameters("password", "code")(view)
    return never_cache(csrf_protect(sensitive))

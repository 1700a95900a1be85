"""The pages of the second factor, in the admin's frame."""

from base64 import b32encode
from math import ceil
from typing import Any

import segno
from django import forms
from django.conf import settings
from django.contrib import admin, auth, messages
from django.contrib.auth import views as auth_views
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_http_methods
from django_otp import login as note_device
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import sessions
from accounts.models import User
from accounts.second_factor import pending, services
from accounts.second_factor.errors import PasswordRefused
from accounts.second_factor.forms import (
    AppCodeForm,
    OwnPasswordForm,
    PasswordAndCodeForm,
    RecoveryCodeForm,
)
from accounts.second_factor.selectors import (
    Step,
    forget_step,
    has_second_factor,
    must_have_second_factor,
    open_step,
    second_factor_of,
)
from reserve.core.errors import DomainError, retry_seconds

_FEW_CODES = 3
_form_pages = require_http_methods(["GET", "HEAD", "POST"])


class PasswordView(LoginView):
    """The first half of a login: whoever has a second factor is not logged in by it yet."""

    next_page = "admin:index"

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.get_user()
        if has_second_factor(user):
            pending.begin(self.request, user)
            return redirect(_address("admin:second_factor_code", self.get_redirect_url()))
        response = super().form_valid(form)
        sessions.begin(self.request.session)
        return response


class PasswordChangeView(auth_views.PasswordChangeView):
    """One's own password; this browser stays logged in."""

    form_class = OwnPasswordForm
    template_name = "registration/password_change_form.html"

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            form.change()
        except DomainError as refusal:
            form.refuse(refusal)
            response = self.form_invalid(form)
            if refusal.retry_after is not None:
                response.status_code = refusal.status
                response.headers["Retry-After"] = str(retry_seconds(refusal.retry_after))
            return response
        return super().form_valid(form)


@_form_pages
def code(request: HttpRequest) -> HttpResponse:
    """The second half of a login, or what an open session lacks since it was set up elsewhere."""
    user = pending.user_of(request)
    if user is None and open_step(request) is Step.CODE:
        user = _person(request)
    if user is None:
        return redirect(_address("admin:login", _next(request)))
    by_recovery_code = "recovery" in request.GET
    form = (RecoveryCodeForm if by_recovery_code else AppCodeForm)(request.POST or None)
    if form.is_valid():
        try:
            device = services.check_code(user=user, code=form.cleaned_data["code"])
        except DomainError as refusal:
            form.add_error(None, _sentence(refusal))
        else:
            pending.end(request)
            auth.login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
            _let_in(request, device)
            _warn_of_few_codes(request, user, device)
            return redirect(_next(request) or reverse("admin:index"))
    return _page(
        request,
        "code",
        "Second factor",
        form=form,
        by_recovery_code=by_recovery_code,
        other_address=_address(
            "admin:second_factor_code",
            _next(request),
            **({} if by_recovery_code else {"recovery": 1}),
        ),
        login_address=_address("admin:login", _next(request)),
    )


@_form_pages
def overview(request: HttpRequest) -> HttpResponse:
    """What one has, and what can be done about it."""
    user = _person(request)
    return _page(
        request,
        "overview",
        "Second factor",
        second_factor=second_factor_of(user),
        is_required=must_have_second_factor(user),
        few_codes=_FEW_CODES,
    )


@_form_pages
def set_up(request: HttpRequest) -> HttpResponse:
    """A secret to scan or type, and the code that proves it was."""
    user = _person(request)
    if has_second_factor(user):
        return redirect("admin:second_factor")
    form = AppCodeForm(request.POST or None)
    if form.is_valid():
        try:
            made = services.confirm_set_up(user=user, code=form.cleaned_data["code"])
        except DomainError as refusal:
            form.add_error(None, _sentence(refusal))
        else:
            request.session.cycle_key()
            _let_in(request, made.device)
            return _codes_page(request, made.recovery_codes, _next(request))
    device = services.begin_set_up(user=user)
    return _page(
        request,
        "set_up",
        "Set up a second factor",
        form=form,
        image=_qr_code(device),
        app_address=device.config_url,
        secret=_secret(device),
        is_required=must_have_second_factor(user),
    )


@_form_pages
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Ten new recovery codes for the old ones."""
    user = _person(request)
    if not has_second_factor(user):
        return redirect("admin:second_factor")
    form = PasswordAndCodeForm(request.POST or None)
    if form.is_valid() and _confirms(form, user):
        codes = services.renew_recovery_codes(user=user)
        # A recovery code may have opened this session; its device is gone.
        device = TOTPDevice.objects.filter(user=user, confirmed=True).first()
        if device is not None:
            _let_in(request, device)
        return _codes_page(request, codes, None)
    return _page(request, "confirm", "New recovery codes", form=form, renews=True)


@_form_pages
def switch_off(request: HttpRequest) -> HttpResponse:
    user = _person(request)
    if not has_second_factor(user):
        return redirect("admin:second_factor")
    form = PasswordAndCodeForm(request.POST or None)
    if form.is_valid() and _confirms(form, user):
        services.switch_off(user=user)
        messages.success(request, "Your second factor is switched off.")
        return redirect("admin:second_factor")
    return _page(
        request,
        "confirm",
        "Switch off the second factor",
        form=form,
        renews=False,
        is_required=must_have_second_factor(user),
    )


# --- Parts --------------------------------------------------------------------------


def step_address(step: Step, back_to: str) -> str:
    """The page on which a session gets what it lacks."""
    name = "admin:second_factor_code" if step is Step.CODE else "admin:second_factor_set_up"
    return _address(name, back_to)


def _confirms(form: forms.Form, user: User) -> bool:
    """Whether the form has the person's password and a code; otherwise it says what is wrong."""
    try:
        services.check_password_and_code(user=user, **form.cleaned_data)
    except PasswordRefused as refusal:
        form.add_error("password", refusal.text)
    except DomainError as refusal:
        form.add_error("code", _sentence(refusal))
    return form.is_valid()


def _let_in(request: HttpRequest, device: Device) -> None:
    note_device(request, device)
    sessions.begin(request.session)
    forget_step(request)


def _warn_of_few_codes(request: HttpRequest, user: User, device: Device) -> None:
    second_factor = second_factor_of(user)
    if not isinstance(device, StaticDevice) or second_factor is None:
        return
    left = second_factor.recovery_codes_left
    if left <= _FEW_CODES:
        messages.warning(
            request,
            format_html(
                'Recovery codes left: {}. <a href="{}">Make new ones</a>.',
                left,
                reverse("admin:second_factor_codes"),
            ),
        )


def _codes_page(request: HttpRequest, codes: list[str], back_to: str | None) -> HttpResponse:
    """Shown in answer to the form, and never again."""
    return _page(
        request,
        "codes",
        "Recovery codes",
        codes=codes,
        go_on_to=back_to or reverse("admin:second_factor"),
    )


def _page(request: HttpRequest, name: str, title: str, **context: Any) -> HttpResponse:
    request.current_app = admin.site.name
    frame = admin.site.each_context(request)
    # Until the session has what it lacks, no list of what there is to open.
    frame["is_nav_sidebar_enabled"] &= frame["has_permission"]
    template = f"accounts/second_factor/{name}.html"
    return TemplateResponse(request, template, {**frame, "title": title, **context})


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "The site lets only people in."
    return request.user


def _sentence(refusal: DomainError) -> str:
    """What is wrong, and for how long."""
    if refusal.retry_after is None:
        return refusal.text
    return f"{refusal.text} Wait {ceil(refusal.retry_after.total_seconds())} s, then try again."


def _next(request: HttpRequest) -> str:
    """Where the person wanted to go, if that is here."""
    address = request.POST.get("next") or request.GET.get("next", "")
    if url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return address
    return ""


def _address(name: str, back_to: str, **query: Any) -> str:
    if back_to:
        query["next"] = back_to
    return reverse(name) + (f"?{urlencode(query)}" if query else "")


def _qr_code(device: TOTPDevice) -> SafeString:
    """The secret for the app's camera, drawn here: no other site learns it."""
    drawing = segno.make_qr(device.config_url, error="m").svg_inline(
        scale=5, border=3, dark="#000", light="#fff", omitsize=True, svgclass="qr-code"
    )
    return mark_safe(drawing)  # noqa: S308 (made of squares)


def _secret(device: TOTPDevice) -> str:
    """The secret to type, in groups of four."""
    secret = b32encode(device.bin_key).decode()
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))

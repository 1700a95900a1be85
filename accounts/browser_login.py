"""Logging in and out with a browser, and who is logged in there: one session for everybody.

What the pages of staff ask for beyond that, they ask for themselves.
"""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import path, reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext_lazy as _
from django.views import View

from accounts import sessions
from accounts.errors import CredentialsRefused
from accounts.models import User
from accounts.pages import EmailForm, Page, page_response
from accounts.password_threads import wait_for_password_thread
from accounts.second_factor import pending
from accounts.second_factor.selectors import Step, has_second_factor, open_step
from accounts.services.logins import check_credentials


class LogInForm(EmailForm):
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


def person_of(request: HttpRequest) -> User | None:
    """Whoever is logged in with this browser, if anybody is, wherever they did so."""
    # Looking into a session makes the answer vary by cookie.
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return None
    user = request.user
    if not isinstance(user, User) or (user.is_staff and open_step(request) is Step.CODE):
        return None
    return user


def refuse_forged(request: HttpRequest) -> HttpResponse | None:
    """What answers a form without our token against forgery, for views that want it at times."""
    answer = CsrfViewMiddleware(_nothing).process_view(request, _nothing, (), {})
    return HttpResponse(answer.content, status=answer.status_code) if answer else None


def _nothing(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def login_address(next_page: str) -> str:
    """Where one logs in and is led back from."""
    return f"{reverse('log-in')}?{urlencode({'next': next_page})}"


class LogInPage(Page):
    """Logs in with this browser, and leads back to where one came from."""

    title = _("Log in")
    button = _("Log in")
    form_class = LogInForm
    done_title = _("You are logged in")
    done_text = _("You can close this page.")

    user: User

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._lead_back() if person_of(request) else super().get(request)

    def show(self, form: forms.Form, status: int = 200) -> HttpResponse:
        content = {"title": self.title, "button": self.button, "form": form}
        forgotten = {reverse("forgotten-password"): _("Forgotten password")}
        return page_response(self.request, content | {"links": forgotten}, status)

    def act(self, values: dict[str, Any]) -> None:
        try:
            self.user = wait_for_password_thread(check_credentials, **values)
        except CredentialsRefused as refused:
            refused.text = str(_("This address and this password do not belong together."))
            raise

    def thank(self) -> HttpResponse:
        if self.user.is_staff and has_second_factor(self.user):
            pending.begin(self.request, self.user)
            query = urlencode({"next": self._next}) if self._next else ""
            return HttpResponseRedirect(f"{reverse('admin:second_factor_code')}?{query}")
        auth.login(self.request, self.user, backend=settings.AUTHENTICATION_BACKENDS[0])
        sessions.begin(self.request.session)
        return self._lead_back()

    def _lead_back(self) -> HttpResponse:
        return HttpResponseRedirect(self._next) if self._next else super().thank()

    @property
    def _next(self) -> str:
        """Where one came from; nowhere but a page of ours."""
        return _own_page(self.request, self.request.GET.get("next", ""))


class LogOutPage(View):
    """A form of any page of ours; the session ends, and one is where one was."""

    def post(self, request: HttpRequest) -> HttpResponse:
        auth.logout(request)
        page = _own_page(request, request.POST.get("next", ""))
        return HttpResponseRedirect(page or reverse("log-in"))


def _own_page(request: HttpRequest, address: str) -> str:
    is_own = url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return address if is_own else ""


urlpatterns = [
    path("log-in", LogInPage.as_view(), name="log-in"),
    path("log-out", LogOutPage.as_view(), name="log-out"),
]

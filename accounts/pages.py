"""Where the links of mails lead: plain pages that work without scripts.

The token of a link goes from the address into the session, and the browser on to the
same page without it: no history, bookmark or Referer has it. What a page is for happens
by a button, since mail servers look at links before people do.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path
from django.utils import translation
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from accounts.errors import LinkRefused
from accounts.links import Purpose, read_token
from accounts.models import Invitation
from accounts.password_threads import wait_for_password_thread
from accounts.services import invitations
from accounts.services.emails import confirm_email_change, verify_email
from accounts.services.passwords import request_password_reset, reset_password
from reserve.core.errors import DomainError, retry_seconds

# Nothing but our own style; forms go to us, and nobody frames them.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self' data:",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


class NoFieldsForm(forms.Form):
    """A button."""


class EmailForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
    )


class NewPasswordForm(forms.Form):
    password = forms.CharField(
        label=_("New password"),
        help_text=_("At least 8 characters, and not easily guessed."),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class NewPersonForm(NewPasswordForm):
    name = forms.CharField(
        label=_("Your name"), widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    field_order = ("name", "password")


class CurrentPasswordForm(forms.Form):
    password = forms.CharField(
        label=_("Password"),
        help_text=_("That of your account."),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


def page_response(request: HttpRequest, content: dict[str, Any], status: int = 200) -> HttpResponse:
    language = {
        "language": translation.get_language(),
        "is_rtl": translation.get_language_bidi(),
    }
    response = render(request, "accounts/pages/page.html", content | language, status=status)
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response


@method_decorator((never_cache, sensitive_post_parameters("password")), name="dispatch")
class Page(View, ABC):
    """A title, a few words, a form with one button."""

    title: ClassVar[Any]
    text: ClassVar[Any] = ""
    button: ClassVar[Any]
    form_class: ClassVar[type[forms.Form]] = NoFieldsForm
    done_title: ClassVar[Any]
    done_text: ClassVar[Any] = ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        with translation.override(translation.get_language_from_request(request)):
            return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(self.form_class())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self.form_class(request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        try:
            self.act(form.cleaned_data)
        except LinkRefused as refused:
            return self.refuse(refused)
        except DomainError as refused:
            response = self.show(_with_errors(form, refused), status=refused.status)
            if refused.retry_after is not None:
                response.headers["Retry-After"] = str(retry_seconds(refused.retry_after))
            return response
        return self.thank()

    @abstractmethod
    def act(self, values: dict[str, Any]) -> None:
        """Do what the form asks for; a DomainError goes back into it."""

    def show(self, form: forms.Form, status: int = 200) -> HttpResponse:
        content = {"title": self.title, "text": self.text, "button": self.button, "form": form}
        return page_response(self.request, content, status)

    def thank(self) -> HttpResponse:
        return page_response(self.request, {"title": self.done_title, "text": self.done_text})

    def refuse(self, refused: LinkRefused) -> HttpResponse:
        text = _("This link has expired or was used before. Ask for a new one.")
        content = {"title": _("This link does not work"), "text": text}
        return page_response(self.request, content, refused.status)


def _with_errors(form: forms.Form, refused: DomainError) -> forms.Form:
    errors = refused.details.get("errors", {})
    for field, sentences in errors.items():
        form.add_error(field if field in form.fields else None, sentences)
    if not errors:
        form.add_error(None, refused.text)
    return form


class _LinkPage(Page):
    """A page that a link with a token leads to."""

    purpose: ClassVar[Purpose]

    @property
    def _session_key(self) -> str:
        return f"account.{self.purpose.slug}"

    @property
    def token(self) -> str:
        return str(self.request.session.get(self._session_key, ""))

    def get(self, request: HttpRequest) -> HttpResponse:
        try:
            if token := request.GET.get("token", ""):
                # A session is made for links of ours only.
                read_token(self.purpose, token)
                request.session[self._session_key] = token
                response = HttpResponseRedirect(request.path)
                # Of this address alone: without a Referer, browsers send forms with
                # the Origin "null", which the check against forgery refuses.
                response.headers["Referrer-Policy"] = "no-referrer"
                return response
            self.look()
        except LinkRefused as refused:
            return self.refuse(refused)
        return super().get(request)

    def look(self) -> None:
        """Raises LinkRefused where the link works no more."""
        read_token(self.purpose, self.token)

    def refuse(self, refused: LinkRefused) -> HttpResponse:
        self.request.session.pop(self._session_key, None)
        response = super().refuse(refused)
        if "token" in self.request.GET:
            response.headers["Referrer-Policy"] = "no-referrer"
        return response

    def thank(self) -> HttpResponse:
        self.request.session.pop(self._session_key, None)
        return super().thank()


class VerifyEmailPage(_LinkPage):
    purpose = Purpose.VERIFY_EMAIL
    title = _("Confirm your e-mail address")
    text = _("Press the button to confirm that this address is yours.")
    button = _("Confirm address")
    done_title = _("Your address is confirmed")
    done_text = _("You can close this page.")

    def act(self, values: dict[str, Any]) -> None:
        verify_email(token=self.token)


class ChangeEmailPage(_LinkPage):
    purpose = Purpose.CHANGE_EMAIL
    title = _("Confirm your new e-mail address")
    text = _("Press the button, and log in with this address from then on.")
    button = _("Confirm address")
    done_title = _("Your address was changed")
    done_text = _("You can close this page.")

    def act(self, values: dict[str, Any]) -> None:
        confirm_email_change(token=self.token)


class ForgottenPasswordPage(Page):
    title = _("Forgotten password")
    text = _("We send you a link with which you can choose a new one.")
    button = _("Send the link")
    form_class = EmailForm
    done_title = _("Look into your mail")
    done_text = _("If this address has an account, a link is on its way. It works for one hour.")

    def act(self, values: dict[str, Any]) -> None:
        request_password_reset(email=values["email"])


class ResetPasswordPage(_LinkPage):
    purpose = Purpose.RESET_PASSWORD
    title = _("Choose a new password")
    text = _("You will be logged out everywhere.")
    button = _("Set password")
    form_class = NewPasswordForm
    done_title = _("Your password was changed")
    done_text = _("Log in with it now.")

    def act(self, values: dict[str, Any]) -> None:
        wait_for_password_thread(reset_password, token=self.token, password=values["password"])


class AcceptInvitationPage(_LinkPage):
    purpose = Purpose.ACCEPT_INVITATION
    button = _("Accept the invitation")
    done_title = _("Welcome")
    done_text = _("Log in with your e-mail address and your password.")

    invitation: Invitation
    has_account: bool

    def look(self) -> None:
        self.invitation = invitations.invitation_of(token=self.token)
        self.has_account = invitations.has_account(self.invitation)

    @property
    def form_class(self) -> type[forms.Form]:  # type: ignore[override]
        return CurrentPasswordForm if self.has_account else NewPersonForm

    @property
    def title(self) -> str:
        words = str(_("Work with %(organization)s"))
        return words % {"organization": self.invitation.organization.name}

    @property
    def text(self) -> str:
        known = _("You have an account for %(email)s: its password is enough.")
        unknown = _("An account is opened for %(email)s.")
        words = str(known if self.has_account else unknown)
        return words % {"email": self.invitation.email}

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            self.look()
        except LinkRefused as refused:
            return self.refuse(refused)
        return super().post(request)

    def act(self, values: dict[str, Any]) -> None:
        accept: Callable[..., Any] = (
            invitations.accept_with_password if self.has_account else invitations.accept_as_new
        )
        wait_for_password_thread(accept, token=self.token, **values)


urlpatterns = [
    path(Purpose.VERIFY_EMAIL.slug, VerifyEmailPage.as_view()),
    path(Purpose.CHANGE_EMAIL.slug, ChangeEmailPage.as_view()),
    path(Purpose.RESET_PASSWORD.slug, ResetPasswordPage.as_view()),
    path(Purpose.ACCEPT_INVITATION.slug, AcceptInvitationPage.as_view()),
    path("forgotten-password", ForgottenPasswordPage.as_view(), name="forgotten-password"),
]

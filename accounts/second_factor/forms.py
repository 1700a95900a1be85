from typing import Any

from django import forms
from django.contrib.admin.forms import AdminPasswordChangeForm

from accounts.actors import account
from accounts.password_threads import wait_for_password_thread
from accounts.services.passwords import change_password
from reserve.core.errors import DomainError

_CODE = {"autocomplete": "one-time-code", "autocapitalize": "off", "spellcheck": "false"}
_LONGEST = 40


class AppCodeForm(forms.Form):
    """Six digits; phones show digits to type, and offer what they received."""

    code = forms.CharField(
        label="Code",
        max_length=_LONGEST,
        widget=forms.TextInput(
            attrs=_CODE | {"inputmode": "numeric", "autofocus": True, "placeholder": "123456"}
        ),
    )


class RecoveryCodeForm(forms.Form):
    code = forms.CharField(
        label="Recovery code",
        max_length=_LONGEST,
        widget=forms.TextInput(
            attrs=_CODE
            | {"autocomplete": "off", "autofocus": True, "placeholder": "abcd-efgh-jkmn-pqrs"}
        ),
    )


class PasswordAndCodeForm(forms.Form):
    """Password and code once more, for what an open session alone must not do."""

    password = forms.CharField(
        label="Password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    code = forms.CharField(
        label="Code, or a recovery code", max_length=_LONGEST, widget=forms.TextInput(attrs=_CODE)
    )


class OwnPasswordForm(AdminPasswordChangeForm):
    """Leaves the present password to the service, which counts how often it is guessed."""

    _fields = {"current_password": "old_password", "new_password": "new_password2"}  # noqa: RUF012

    def clean_old_password(self) -> str:
        return str(self.cleaned_data["old_password"])

    def change(self) -> None:
        """Raises DomainError where the service refuses."""
        wait_for_password_thread(
            change_password,
            actor=account(self.user.pk),
            current_password=self.cleaned_data["old_password"],
            new_password=self.cleaned_data["new_password1"],
        )
        # The session goes on with what it is held to from now on.
        self.user.refresh_from_db()

    def refuse(self, refusal: DomainError) -> None:
        errors = refusal.details.get("errors", {})
        for name, sentences in errors.items():
            self.add_error(self._fields.get(name), sentences)
        if not errors:
            self.add_error(None, refusal.text)

    def save(self, commit: bool = True) -> Any:
        return self.user

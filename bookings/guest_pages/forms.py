"""What visitors type, looked through in their language before a service sees it."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.person import MAX_EMAIL, MAX_NAME, MAX_PHONE
from bookings.guests import GuestDetails
from bookings.services.bookings import MAX_NOTES
from reserve.core.errors import DomainError


def _notes() -> forms.CharField:
    return forms.CharField(
        label=_("Anything that we should know?"),
        max_length=MAX_NOTES,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class _RefusableForm(forms.Form):
    def refuse(self, refused: DomainError, sentence: str) -> None:
        """Show what a service did not take, at the field that it names."""
        for name in refused.details.get("errors", {}):
            field = name.rpartition(".")[2]
            self.add_error(field if field in self.fields else None, _("This cannot be right."))
        if not self.errors:
            self.add_error(None, sentence)


class DetailsForm(_RefusableForm):
    name = forms.CharField(
        label=_("Your name"),
        max_length=MAX_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=MAX_EMAIL,
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    phone = forms.CharField(
        label=_("Phone"),
        help_text=_("An e-mail address or a phone number is enough."),
        max_length=MAX_PHONE,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "tel", "type": "tel"}),
    )
    notes = _notes()
    # People do not see it; whoever fills in everything is none.
    website = forms.CharField(required=False, max_length=0)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        is_reachable = values.get("email") or values.get("phone")
        if not is_reachable and not {"email", "phone"} & self.errors.keys():
            self.add_error("email", _("Please give an e-mail address or a phone number."))
        return values

    def guest(self, locale: str) -> GuestDetails:
        values = self.cleaned_data
        return GuestDetails(values["name"], values["email"], values["phone"], locale)


class NotesForm(_RefusableForm):
    """What is left to say for somebody who has an account."""

    notes = _notes()

    def guest(self, _locale: str) -> None:
        """Nobody else than the account."""


class LookUpForm(forms.Form):
    code = forms.CharField(
        label=_("Confirmation code"),
        max_length=20,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )
    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=MAX_EMAIL,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

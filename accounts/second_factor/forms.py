from django import forms

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

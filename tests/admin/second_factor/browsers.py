"""Browsers that log in with a second factor, and what its app shows."""

from django.contrib.auth import SESSION_KEY
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import User
from accounts.second_factor import services
from tests.factories import PASSWORD

INDEX = "/admin/"
LOGIN = "/admin/login/"
CODE = "/admin/login/code/"
OVERVIEW = "/admin/second-factor/"
SET_UP = "/admin/second-factor/set-up/"
CODES = "/admin/second-factor/codes/"
OFF = "/admin/second-factor/off/"


def code_of(user: User, *, confirmed: bool = True, steps: int = 0) -> str:
    """What the app shows, some steps of 30 s from now. A code that was used needs a later one."""
    device = TOTPDevice.objects.get(user=user, confirmed=confirmed)
    return f"{totp(device.bin_key, drift=steps):06}"


def wrong_code_of(user: User, **which) -> str:
    """A code that is not one of the three that are accepted now."""
    right = {code_of(user, steps=steps, **which) for steps in (-2, -1, 0, 1, 2)}
    return next(code for code in (f"{digit}" * 6 for digit in range(6)) if code not in right)


def forgive(user: User) -> None:
    """As if the wait after wrong codes were over."""
    for kind in (TOTPDevice, StaticDevice):
        kind.objects.filter(user=user).update(
            throttling_failure_count=0, throttling_failure_timestamp=None
        )


def enrol(user: User) -> list[str]:
    """Give somebody a second factor, as if it had been set up a while ago."""
    services.begin_set_up(user=user)
    made = services.confirm_set_up(user=user, code=code_of(user, confirmed=False))
    TOTPDevice.objects.filter(user=user).update(last_t=-1, drift=0)
    return made.recovery_codes


def give_password(user: User, password: str = PASSWORD, **query) -> tuple[Client, str]:
    """A browser after the first half of a login, and where it was led."""
    browser = Client()
    response = browser.post(
        LOGIN, {"username": user.email, "password": password, "next": query.get("next", INDEX)}
    )
    return browser, response.headers.get("Location", "")


def logged_in(browser: Client) -> bool:
    return SESSION_KEY in browser.session

"""What ends a person's logins ends the sessions of their browsers too, from the next page on."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from accounts.actors import SYSTEM, account
from accounts.models import User
from accounts.services.deletion import delete_account
from accounts.services.logins import log_in, log_out_everywhere, open_logins_of, revoke_login
from accounts.services.passwords import change_password
from accounts.services.suspension import reinstate_user, suspend_user
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "another good passphrase"


def _browser(user: User) -> Client:
    browser = Client()
    browser.force_login(User.objects.get(pk=user.pk))
    assert browser.get(reverse("admin:index")).status_code == 200
    return browser


def _is_logged_in(browser: Client) -> bool:
    return browser.get(reverse("admin:index")).status_code == 200


def _suspend_for_a_moment(user: User) -> None:
    suspend_user(actor=SYSTEM, user_id=user.pk)
    reinstate_user(actor=SYSTEM, user_id=user.pk)


ENDS: dict[str, Callable[[User], object]] = {
    "everywhere": lambda user: log_out_everywhere(actor=account(user.pk)),
    "password": lambda user: change_password(
        actor=account(user.pk), current_password=PASSWORD, new_password=NEW
    ),
    "suspension": lambda user: suspend_user(actor=SYSTEM, user_id=user.pk),
    "suspension that is over": _suspend_for_a_moment,
    "deletion": lambda user: delete_account(actor=account(user.pk), password=PASSWORD),
}


def test_sessions_end_with_the_logins() -> None:
    for way, end in ENDS.items():
        user, other = (make_user(is_staff=True, is_superuser=True) for _ in range(2))
        browsers = [_browser(user), _browser(user)]
        elsewhere = _browser(other)
        end(user)
        assert not any(map(_is_logged_in, browsers)), way
        assert _is_logged_in(elsewhere), way


def test_one_login_that_is_ended_leaves_browsers_alone() -> None:
    user = make_user(is_staff=True, is_superuser=True)
    log_in(email=user.email, password=PASSWORD)
    browser = _browser(user)
    login = open_logins_of(user.pk).get()
    revoke_login(actor=account(user.pk), login_id=login.pk)
    assert _is_logged_in(browser)


def test_the_admins_own_password_form_ends_everything_but_itself() -> None:
    user = make_user(is_staff=True, is_superuser=True)
    log_in(email=user.email, password=PASSWORD)
    browser, other = _browser(user), _browser(user)
    page = reverse("admin:password_change")
    form = {"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}
    refused = browser.post(page, form)
    assert "This is not your password." in refused.content.decode()
    weak = form | {"old_password": PASSWORD, "new_password1": "1234", "new_password2": "1234"}
    assert "too short" in browser.post(page, weak).content.decode()
    assert open_logins_of(user.pk).count() == 1
    changed = browser.post(page, form | {"old_password": PASSWORD}, follow=True)
    assert changed.redirect_chain == [(reverse("admin:password_change_done"), 302)]
    assert _is_logged_in(browser)
    assert not _is_logged_in(other)
    assert not open_logins_of(user.pk).exists()
    user.refresh_from_db()
    assert user.check_password(NEW)

"""Suspending a person and changing their password in the admin ends their logins."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.errors import CredentialsRefused, TokenRefused
from accounts.models import Login, User
from accounts.services.logins import LoggedIn, log_in, open_login, refresh_tokens
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db(transaction=True)

NEW_PASSWORD = "a long sentence nobody guesses 7"


@pytest.fixture
def admin() -> Client:
    browser = Client()
    browser.force_login(make_user(is_staff=True, is_superuser=True))
    return browser


def _change(admin: Client, person: User, **fields: str) -> None:
    page = reverse("admin:accounts_user_change", args=[person.pk])
    form = admin.get(page).context["adminform"].form
    given = {
        name: value
        for name, value in form.initial.items()
        if isinstance(value, str) and name in form.fields
    }
    assert admin.post(page, given | fields).status_code == 302


def _has_ended(logged_in: LoggedIn) -> bool:
    try:
        refresh_tokens(refresh_token=logged_in.refresh_token)
    except TokenRefused:
        return True
    return False


def test_a_suspended_person_is_logged_out_and_stays_out(admin: Client) -> None:
    person = make_user()
    logged_in, bystander = open_login(person), open_login(make_user())
    _change(admin, person, is_active="on")
    assert not _has_ended(logged_in)
    _change(admin, person)
    assert _has_ended(logged_in)
    assert Login.objects.get(user=person).revoked_at is not None
    with pytest.raises(CredentialsRefused):
        log_in(email=person.email, password=PASSWORD)
    _change(admin, person, is_active="on")
    assert log_in(email=person.email, password=PASSWORD)
    assert not _has_ended(bystander)


def test_a_new_password_logs_a_person_out(admin: Client) -> None:
    person = make_user()
    logged_in = open_login(person)
    page = reverse("admin:auth_user_password_change", args=[person.pk])
    fields = {"usable_password": "true", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert admin.post(page, fields).status_code == 302
    assert _has_ended(logged_in)

"""Browser sessions: their cookies, and when they end."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.test import Client

from accounts import sessions
from accounts.models import User
from reserve.core.clock import now
from tests.factories import PASSWORD, make_user

INDEX = "/admin/"
LOGIN = "/admin/login/"


@pytest.fixture
def person(db) -> User:
    return make_user(is_staff=True)


def log_in(user: User) -> Client:
    browser = Client()
    browser.post(LOGIN, {"username": user.email, "password": PASSWORD})
    assert browser.get(INDEX).status_code == 200
    return browser


@pytest.fixture
def later(monkeypatch):
    """Move the clock of sessions."""

    def move(**by) -> None:
        monkeypatch.setattr(sessions, "now", lambda: now() + timedelta(**by))

    return move


def test_a_session_ends_when_nobody_is_there(person, later) -> None:
    browser = log_in(person)
    later(minutes=29)
    assert browser.get(INDEX).status_code == 200
    later(minutes=29 + 29)
    assert browser.get(INDEX).status_code == 200
    key = browser.session.session_key
    later(minutes=29 + 29 + 30)
    assert browser.get(INDEX).headers["Location"].startswith(LOGIN)
    assert not Session.objects.filter(session_key=key).exists()


def test_a_session_ends_however_busy(person, later) -> None:
    browser = log_in(person)
    for minutes in range(25, 12 * 60, 25):
        later(minutes=minutes)
        assert browser.get(INDEX).status_code == 200
    later(hours=12)
    assert browser.get(INDEX).headers["Location"].startswith(LOGIN)


def test_logging_in_again_starts_the_clocks_anew(person, later) -> None:
    browser = log_in(person)
    later(minutes=20)
    browser.post(LOGIN, {"username": person.email, "password": PASSWORD})
    later(minutes=45)
    assert browser.get(INDEX).status_code == 200


def test_a_busy_session_is_not_written_each_time(person) -> None:
    browser = log_in(person)
    before = browser.session["seen_at"]
    browser.get(INDEX)
    assert browser.session["seen_at"] == before


def test_a_login_changes_the_key_of_the_session(person) -> None:
    browser = Client()
    session = browser.session
    session["planted"] = "by somebody else"
    session.save()
    browser.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    browser.post(LOGIN, {"username": person.email, "password": PASSWORD})
    assert SESSION_KEY in browser.session
    assert browser.session.session_key != session.session_key
    assert not Session.objects.filter(session_key=session.session_key).exists()


@pytest.mark.django_db(transaction=True)
def test_a_new_password_ends_the_other_sessions(person) -> None:
    ours, other = log_in(person), log_in(person)
    password = "another long sentence 5"
    fields = {"old_password": PASSWORD, "new_password1": password, "new_password2": password}
    assert ours.post("/admin/password_change/", fields).status_code == 302
    assert ours.get(INDEX).status_code == 200
    assert other.get(INDEX).headers["Location"].startswith(LOGIN)


def test_suspension_ends_every_session(person) -> None:
    browser = log_in(person)
    User.objects.filter(pk=person.pk).update(is_active=False)
    assert browser.get(INDEX).headers["Location"].startswith(LOGIN)


def test_cookies_are_not_for_scripts_or_other_sites(person) -> None:
    browser = log_in(person)
    browser.get(LOGIN)
    for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME):
        cookie = browser.cookies[name]
        assert cookie["httponly"], name
        assert cookie["samesite"] == "Lax", name
        assert not cookie["domain"], name
        assert cookie["path"] == "/", name


def test_forms_without_a_token_are_refused(person) -> None:
    addresses = (LOGIN, "/admin/login/code/", "/admin/second-factor/set-up/", "/admin/logout/")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person)
    for address in addresses:
        response = browser.post(address, {"username": person.email, "password": PASSWORD})
        assert response.status_code == 403, address
        page = response.content.decode()
        assert "The form was refused" in page
        assert "<style" not in page

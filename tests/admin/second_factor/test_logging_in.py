"""Password, then code: what a code opens, and what it does not."""

import re
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import Role, User
from accounts.second_factor import pending, services
from accounts.second_factor.errors import CodeRefused, TooManyCodes
from accounts.second_factor.recovery_codes import NUMBER, digest
from reserve.core.clock import now
from tests.admin.second_factor.browsers import (
    CODE,
    INDEX,
    LOGIN,
    OVERVIEW,
    code_of,
    enrol,
    forgive,
    give_password,
    logged_in,
    wrong_code_of,
)
from tests.factories import PASSWORD, make_member, make_organization


def test_password_then_code(owner) -> None:
    enrol(owner)
    wanted = reverse("admin:accounts_membership_changelist")
    browser, location = give_password(owner, next=wanted)
    assert location.startswith(CODE)
    # Half a login is none, for the admin or anything else.
    assert not logged_in(browser)
    assert browser.get(INDEX).headers["Location"].startswith(LOGIN)
    assert owner.email not in browser.get(location).content.decode()

    key = browser.session.session_key
    response = browser.post(location, {"code": code_of(owner)})
    assert response.headers["Location"] == wanted
    assert browser.get(wanted).status_code == 200
    assert browser.session.session_key != key
    owner.refresh_from_db()
    assert owner.last_login is not None


def test_a_wrong_password_never_reaches_the_code(owner) -> None:
    enrol(owner)
    browser, _ = give_password(owner, "wrong")
    assert browser.get(CODE).headers["Location"].startswith(LOGIN)


def test_a_code_opens_one_session(owner) -> None:
    enrol(owner)
    code = code_of(owner)
    for attempt in range(2):
        browser, location = give_password(owner)
        browser.post(location, {"code": code})
        assert logged_in(browser) == (attempt == 0)


def test_a_recovery_code_opens_one_session(owner) -> None:
    codes = enrol(owner)
    # However it is typed.
    for attempt, typed in enumerate((codes[0].upper().replace("-", " "), codes[0])):
        browser, location = give_password(owner)
        browser.post(f"{location}&recovery=1", {"code": typed})
        assert logged_in(browser) == (attempt == 0)
    assert StaticToken.objects.count() == NUMBER - 1


def test_few_recovery_codes_are_told_of(owner) -> None:
    codes = enrol(owner)
    StaticToken.objects.exclude(token__in=[digest(codes[0]), digest(codes[1])]).delete()
    browser, location = give_password(owner)
    page = browser.post(f"{location}&recovery=1", {"code": codes[0]}, follow=True)
    assert "Recovery codes left: 1." in page.content.decode()


@pytest.mark.parametrize(
    "code",
    ["", "12345", "1234567", "-12345", "１２３４５６", "12345６", "\0" * 6, "x" * 40, "a" * 16],
)
def test_what_is_no_code_is_refused(code, owner) -> None:
    enrol(owner)
    browser, location = give_password(owner)
    assert browser.post(location, {"code": code}).status_code == 200
    assert not logged_in(browser)


def test_each_wrong_code_doubles_the_wait(owner) -> None:
    enrol(owner)
    with pytest.raises(CodeRefused):
        services.check_code(user=owner, code=wrong_code_of(owner))
    # Right, but too soon.
    with pytest.raises(TooManyCodes):
        services.check_code(user=owner, code=code_of(owner))
    TOTPDevice.objects.update(throttling_failure_count=6)
    browser, location = give_password(owner)
    page = browser.post(location, {"code": code_of(owner)}).content.decode()
    assert re.search(r"Too many wrong codes\. Wait (3[0-2]|2[0-9]) s", page)
    assert not logged_in(browser)
    forgive(owner)
    services.check_code(user=owner, code=code_of(owner))


def test_half_a_login_ends(owner, monkeypatch) -> None:
    enrol(owner)
    browser, location = give_password(owner)
    monkeypatch.setattr(pending, "now", lambda: now() + timedelta(minutes=5))
    assert browser.post(location, {"code": code_of(owner)}).headers["Location"].startswith(LOGIN)
    monkeypatch.undo()

    for change in ("password", "is_active", "is_staff"):
        browser, location = give_password(owner)
        if change == "password":
            owner.set_password("another sentence 77")
            owner.save()
        else:
            User.objects.filter(pk=owner.pk).update(**{change: False})
        assert not logged_in(browser)
        response = browser.post(location, {"code": code_of(owner)})
        assert response.headers["Location"].startswith(LOGIN), change
        owner.set_password(PASSWORD)
        owner.is_active = owner.is_staff = True
        owner.save()


def test_nobody_is_led_to_another_site(owner) -> None:
    enrol(owner)
    browser, _ = give_password(owner)
    response = browser.post(f"{CODE}?next=https://evil.example/", {"code": code_of(owner)})
    assert response.headers["Location"] == INDEX


def test_other_sessions_need_a_code_from_then_on(owner) -> None:
    earlier, _ = give_password(owner)
    assert earlier.get(INDEX).status_code == 200
    enrol(owner)
    assert earlier.get(INDEX).headers["Location"].startswith(CODE)
    assert earlier.get(OVERVIEW).headers["Location"].startswith(CODE)
    assert earlier.get(LOGIN).headers["Location"].startswith(CODE)
    earlier.post(CODE, {"code": code_of(owner)})
    assert earlier.get(INDEX).status_code == 200


def test_a_device_of_somebody_else_opens_nothing(owner) -> None:
    other = make_member(make_organization(), Role.OWNER)
    enrol(owner)
    codes = enrol(other)
    browser, location = give_password(owner)
    for code in (code_of(other), codes[0]):
        forgive(owner)
        browser.post(location, {"code": code})
        assert not logged_in(browser)
    assert StaticToken.objects.filter(device__user=other).count() == NUMBER


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["app", "recovery"])
@pytest.mark.parametrize("locked", [True, False])
def test_of_eight_browsers_one_gets_in(kind, locked, monkeypatch) -> None:
    """The control lets all read the device before any of them writes: without the lock, many do."""
    owner = make_member(make_organization(), Role.OWNER)
    codes = enrol(owner)
    code = code_of(owner) if kind == "app" else codes[0]
    barrier = threading.Barrier(8)
    if not locked:
        model = TOTPDevice if kind == "app" else StaticDevice

        def unlocked(user, _code):
            device = model.objects.get(user=user, confirmed=True)
            barrier.wait(20)
            return device

        monkeypatch.setattr(services, "_lock_device", unlocked)
    results = []

    def run() -> None:
        try:
            if locked:
                barrier.wait(20)
            services.check_code(user=owner, code=code)
            results.append("in")
        except (CodeRefused, TooManyCodes):
            results.append("out")
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(results) == 8
    if locked:
        assert results.count("in") == 1
    else:
        assert results.count("in") > 1

"""New recovery codes, switching off, and resetting somebody's second factor."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from structlog.testing import capture_logs

from accounts.models import User
from accounts.second_factor import services
from accounts.second_factor.recovery_codes import NUMBER, new_codes
from tests.admin.second_factor.browsers import (
    CODES,
    INDEX,
    LOGIN,
    OFF,
    OVERVIEW,
    SET_UP,
    code_of,
    enrol,
    forgive,
    give_password,
    logged_in,
    wrong_code_of,
)
from tests.admin.tenants import page_of
from tests.factories import PASSWORD, make_user


def let_in(user: User, codes: list[str]) -> Client:
    browser, location = give_password(user)
    browser.post(f"{location}&recovery=1", {"code": codes.pop()})
    assert logged_in(browser)
    return browser


def test_new_recovery_codes_need_password_and_code(owner) -> None:
    codes = enrol(owner)
    browser = let_in(owner, codes)
    stored = set(StaticToken.objects.values_list("token", flat=True))
    attempts = [
        {"password": "wrong", "code": code_of(owner)},
        {"password": PASSWORD, "code": wrong_code_of(owner)},
        {"password": PASSWORD},
        {"code": code_of(owner)},
    ]
    for fields in attempts:
        forgive(owner)
        assert "abcd" not in browser.post(CODES, fields).content.decode()
        assert set(StaticToken.objects.values_list("token", flat=True)) == stored
    forgive(owner)
    page = browser.post(CODES, {"password": PASSWORD, "code": code_of(owner)}).content.decode()
    renewed = set(StaticToken.objects.values_list("token", flat=True))
    assert len(renewed) == NUMBER
    assert not renewed & stored
    assert page.count("<li>") >= NUMBER
    assert browser.get(INDEX).status_code == 200, "opened by a code whose device is gone"
    browser, location = give_password(owner)
    browser.post(f"{location}&recovery=1", {"code": codes[0]})
    assert not logged_in(browser)


def test_passwords_are_not_guessed_in_an_open_session(owner) -> None:
    browser = let_in(owner, enrol(owner))
    fields = {"password": "wrong", "code": code_of(owner)}
    assert "password is wrong" in browser.post(OFF, fields).content.decode()
    page = browser.post(OFF, {**fields, "password": PASSWORD}).content.decode()
    assert "Too many wrong codes" in page
    assert TOTPDevice.objects.filter(user=owner).exists()


@pytest.mark.parametrize("with_recovery_code", [False, True])
def test_switching_off(with_recovery_code, owner, required_for) -> None:
    codes = enrol(owner)
    browser = let_in(owner, codes)
    fields = {"password": PASSWORD, "code": codes[0] if with_recovery_code else code_of(owner)}
    assert browser.get(OFF).status_code == 200
    assert TOTPDevice.objects.exists(), "looking changes nothing"
    assert browser.post(OFF, fields).status_code == 302
    assert not TOTPDevice.objects.exists()
    assert not StaticToken.objects.exists()
    assert browser.get(INDEX).status_code == 200
    required_for("owners")
    assert browser.get(INDEX).headers["Location"].startswith(SET_UP)


def test_an_administrator_resets_somebody(owner, superuser, admin_of) -> None:
    browser_of_owner = let_in(owner, enrol(owner))
    browser = admin_of(superuser)
    address = reverse("admin:accounts_user_second_factor", args=[owner.pk])
    assert address in browser.get(page_of(User, "change", owner)).content.decode()
    assert browser.get(address).status_code == 200
    assert TOTPDevice.objects.exists(), "looking changes nothing"
    with capture_logs() as logs:
        browser.post(address)
    assert not TOTPDevice.objects.exists()
    (said,) = [line for line in logs if line["event"] == "second_factor_reset"]
    assert said["user_id"] == owner.public_id
    assert said["administrator_id"] == superuser.public_id
    history = browser.get(page_of(User, "history", owner)).content.decode()
    assert "Second factor reset." in history
    assert browser_of_owner.get(INDEX).status_code == 200


def test_nobody_else_resets_or_sees_a_device(ours, theirs, admin_of) -> None:
    enrol(ours.staff)
    address = reverse("admin:accounts_user_second_factor", args=[ours.staff.pk])
    for person in (ours.owner, ours.manager, theirs.owner):
        browser = admin_of(person)
        assert browser.get(address).status_code in {302, 403}
        assert browser.post(address).status_code in {302, 403}
        for path in ("otp_totp/totpdevice/", "otp_static/staticdevice/", "otp_totp/"):
            assert browser.get(f"/admin/{path}").status_code == 404
    assert TOTPDevice.objects.filter(user=ours.staff, confirmed=True).exists()


def test_customers_have_no_pages_for_it(db) -> None:
    customer = make_user()
    browser = Client()
    browser.force_login(customer)
    for address in (OVERVIEW, SET_UP, CODES, OFF):
        assert browser.get(address).headers["Location"].startswith(LOGIN)
    assert not TOTPDevice.objects.exists()


def test_what_happens_is_logged_by_ids_only(owner) -> None:
    with capture_logs() as logs:
        codes = enrol(owner)
        browser, location = give_password(owner)
        browser.post(location, {"code": wrong_code_of(owner)})
        forgive(owner)
        browser.post(location, {"code": code_of(owner)})
        let_in(owner, codes)
        services.renew_recovery_codes(user=owner)
        services.switch_off(user=owner)
    events = [line["event"] for line in logs]
    for event in (
        "second_factor_set_up",
        "second_factor_refused",
        "second_factor_passed",
        "recovery_code_used",
        "recovery_codes_renewed",
        "second_factor_switched_off",
    ):
        assert event in events
    text = str(logs)
    assert owner.public_id in text
    assert owner.email not in text
    assert not any(code in text for code in codes)


def test_recovery_codes_are_not_guessable() -> None:
    codes = {code for _ in range(50) for code in new_codes()}
    assert len(codes) == 500
    assert all(re.fullmatch(r"[2-9a-hjkmnp-z]{4}(-[2-9a-hjkmnp-z]{4}){3}", code) for code in codes)
    assert len(set("".join(codes))) == 32, "every letter, and the dash"

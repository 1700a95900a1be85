"""Who must have a second factor, and how one is set up."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import Role, User
from accounts.second_factor import services
from accounts.second_factor.recovery_codes import NUMBER, digest
from reserve.core.clock import now
from tests.admin.second_factor.browsers import (
    INDEX,
    OVERVIEW,
    SET_UP,
    code_of,
    forgive,
    give_password,
    logged_in,
    wrong_code_of,
)
from tests.admin.tenants import page_of
from tests.factories import make_member, make_organization, make_user


@pytest.mark.parametrize(
    ("whom", "led"),
    [
        ("nobody", set()),
        ("owners", {"OWNER", "administrator"}),
        ("managers", {"OWNER", "MANAGER", "administrator"}),
        ("staff", {"OWNER", "MANAGER", "STAFF", "administrator"}),
    ],
)
def test_whoever_must_is_led_to_set_it_up(whom, led, db, required_for) -> None:
    required_for(whom)
    organization = make_organization()
    people = {role.value: make_member(organization, role) for role in Role}
    people["administrator"] = make_user(is_staff=True, is_superuser=True)
    for name, person in people.items():
        browser, _ = give_password(person)
        response = browser.get(INDEX)
        if name in led:
            assert response.headers["Location"] == f"{SET_UP}?next=%2Fadmin%2F", name
        else:
            assert response.status_code == 200, name


def test_nothing_of_the_admin_opens_before_it_is_set_up(owner, required_for) -> None:
    browser, _ = give_password(owner)
    assert browser.get(page_of(User, "changelist")).status_code == 403
    required_for("owners")
    addresses = [
        INDEX,
        page_of(User, "changelist"),
        reverse("admin:accounts_membership_changelist"),
        reverse("admin:password_change"),
        reverse("admin:jsi18n"),
        "/admin/autocomplete/?app_label=accounts&model_name=membership&field_name=user",
        "/admin/no/such/page/",
    ]
    for address in addresses:
        response = browser.get(address)
        assert response.status_code == 302, address
        assert response.headers["Location"].startswith(SET_UP)
    # What there is to open is no part of the page either.
    page = browser.get(SET_UP)
    assert page.status_code == 200
    assert "changelist" not in page.content.decode()
    assert 'id="nav-sidebar"' not in page.content.decode()
    # Whoever is led can also leave.
    browser.post(reverse("admin:logout"))
    assert not logged_in(browser)


def test_setting_up(owner, required_for) -> None:
    required_for("owners")
    browser, _ = give_password(owner)
    address = f"{SET_UP}?next={reverse('admin:accounts_membership_changelist')}"
    page = browser.get(address).content.decode()
    secret = TOTPDevice.objects.get(user=owner)
    assert "<svg" in page
    assert "http" not in re.sub(r'xmlns="[^"]*"', "", page.split("<svg", 1)[1].split("</svg>")[0])
    assert browser.get(address).content.decode().count("<svg") == page.count("<svg")
    assert TOTPDevice.objects.get(user=owner).key == secret.key, "a reload shows the same secret"

    refused = browser.post(address, {"code": wrong_code_of(owner, confirmed=False)})
    assert "wrong, or was used" in refused.content.decode()
    assert browser.get(INDEX).status_code == 302
    forgive(owner)

    key = browser.session.session_key
    shown = browser.post(address, {"code": code_of(owner, confirmed=False)})
    codes = re.findall(r"<li>([a-z2-9]{4}(?:-[a-z2-9]{4}){3})</li>", shown.content.decode())
    assert len(set(codes)) == NUMBER
    assert shown.headers["Cache-Control"].count("no-store")
    assert browser.session.session_key != key
    assert browser.get(INDEX).status_code == 200
    # Shown once, kept as digests.
    assert not any(code in browser.get(OVERVIEW).content.decode() for code in codes)
    stored = set(StaticToken.objects.values_list("token", flat=True))
    assert stored == {digest(code) for code in codes}
    # A reload of the answer sends the form again.
    assert browser.post(address, {"code": code_of(owner)}).status_code == 302


def test_what_was_begun_long_ago_is_begun_anew(owner) -> None:
    before = services.begin_set_up(user=owner)
    assert services.begin_set_up(user=owner).key == before.key
    TOTPDevice.objects.update(created_at=now() - timedelta(minutes=16))
    assert services.begin_set_up(user=owner).key != before.key
    assert TOTPDevice.objects.count() == 1


def test_an_unconfirmed_device_counts_for_nothing(owner) -> None:
    services.begin_set_up(user=owner)
    browser, location = give_password(owner)
    assert location == INDEX
    assert browser.get(INDEX).status_code == 200

"""Password, then code: who needs one, what a code opens, and what it does not."""

import re
import threading
from datetime import timedelta

import pytest
from django.contrib.auth import SESSION_KEY
from django.db import connection
from django.test import Client
from django.urls import reverse
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from structlog.testing import capture_logs

from accounts.models import Role, User
from accounts.second_factor import pending, services
from accounts.second_factor.errors import CodeRefused, TooManyCodes
from accounts.second_factor.recovery_codes import NUMBER, digest, new_codes
from reserve.core.clock import now
from tests.admin.tenants import page_of
from tests.factories import PASSWORD, make_member, make_organization, make_user

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


@pytest.fixture
def owner(db) -> User:
    return make_member(make_organization(), Role.OWNER)


@pytest.fixture
def required_for(settings):
    def require(whom: str) -> None:
        settings.SECOND_FACTOR_REQUIRED_FOR = whom

    return require


# --- Who must -----------------------------------------------------------------------


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


# --- Setting up ------------------------------------------------------------------------


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


# --- Logging in -------------------------------------------------------------------------


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


# --- Managing it ---------------------------------------------------------------------------


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

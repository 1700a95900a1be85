"""The booking page for people with an account, who log in from it and come back."""

import re
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.actors import account
from accounts.models import User
from bookings.models import Booking, Guest, Slot
from bookings.services.bookings import create_booking
from tests.factories import (
    PASSWORD,
    make_member,
    make_resource,
    make_slot,
    make_user,
    make_venue,
    seats_on,
)

pytestmark = pytest.mark.django_db(transaction=True)

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@pytest.fixture
def slot(db: None) -> Slot:
    return make_slot(capacity=4)


def _home(slot: Slot, prefix: str = "book") -> str:
    venue = slot.venue
    return f"/{prefix}/{venue.organization.slug}/{venue.slug}/"


class _Browser:
    """Sends forms as a browser does: with what is hidden in the page before."""

    def __init__(self) -> None:
        self.client = Client(enforce_csrf_checks=True)
        self.page: Any = None

    @property
    def text(self) -> str:
        return str(self.page.content.decode())

    def get(self, address: str) -> "_Browser":
        self.page = self.client.get(address)
        return self

    def post(self, address: str, **form: Any) -> "_Browser":
        if token := _TOKEN.search(self.text):
            form["csrfmiddlewaretoken"] = token[1]
        if state := re.search(r'name="state" value="([^"]+)"', self.text):
            form.setdefault("state", state[1])
        self.page = self.client.post(address, form)
        return self

    def log_in(self, user: User, back_to: str, password: str = PASSWORD) -> "_Browser":
        address = f"/account/log-in?next={quote(back_to)}"
        return self.get(address).post(address, email=user.email, password=password)

    def hold(self, slot: Slot, prefix: str = "book") -> "_Browser":
        home = _home(slot, prefix)
        return self.get(home).post(f"{home}hold", slot=slot.public_id, party=2, nonce="n1")


def test_who_is_logged_in_books_and_cancels_by_their_account(slot: Slot) -> None:
    ada, home = make_user(name="Ada Account", email="ada@example.net"), _home(slot)
    browser = _Browser().get(home)
    assert f'href="/account/log-in?next={quote(home, safe="")}"' in browser.text
    assert browser.log_in(ada, home).page.headers["Location"] == home
    browser.get(home)
    assert "Ada Account" in browser.text
    assert "Log out" in browser.text

    browser.hold(slot)
    booking = Booking.objects.get()
    assert (booking.status, booking.customer_id) == ("HELD", ada.pk)
    # Who they are is known and shown, and not asked for.
    assert "Ada Account" in browser.text
    assert "ada@example.net" in browser.text
    assert 'name="email"' not in browser.text
    held = browser.page

    # A form of another site lacks the token, and a stranger's browser the account.
    stranger = _Browser().log_in(make_user(), home)
    stranger.page = held
    for page, code in ((stranger.post(f"{home}confirm"), 403), (_Browser().get(home), 200)):
        assert page.page.status_code == code
    stranger.get(home)
    state = re.search(r'name="state" value="([^"]+)"', held.content.decode())[1]
    assert stranger.post(f"{home}confirm", state=state).page.status_code == 404
    assert _Browser().get(home).post(f"{home}confirm", state=state).page.status_code == 404
    booking.refresh_from_db()
    assert booking.status == "HELD"

    browser.post(f"{home}confirm", notes="By the window")
    booking.refresh_from_db()
    assert (booking.status, booking.notes) == ("PENDING", "By the window")
    assert (booking.guest.account_id, booking.guest.name) == (ada.pk, "Ada Account")
    assert booking.confirmation_code in browser.text
    browser.post(f"{home}cancel")
    booking.refresh_from_db()
    assert booking.status == "CANCELLED"

    # Whoever has logged out is a visitor again.
    browser.get(home).post("/account/log-out", next=home)
    assert browser.page.headers["Location"] == home
    assert "Ada Account" not in browser.get(home).text


def test_who_logs_in_with_seats_in_hand_confirms_them_as_an_account(slot: Slot) -> None:
    home = _home(slot)
    slot.venue.open_bookings_per_customer = 1
    slot.venue.save()
    ada = make_user()
    browser = _Browser().hold(slot)
    assert "Do you have an account?" in browser.text
    browser.log_in(ada, home).get(home)
    assert "You are holding" in browser.text
    browser.post(f"{home}resume")
    assert ada.email in browser.text
    browser.post(f"{home}confirm")
    booking = Booking.objects.get()
    assert (booking.status, booking.customer_id) == ("PENDING", ada.pk)
    assert booking.guest.account_id == ada.pk

    # It counts as one of the account's.
    second = make_slot(make_resource(slot.venue))
    late = _Browser().hold(second).log_in(ada, home).get(home).post(f"{home}resume")
    late.post(f"{home}confirm")
    assert late.page.status_code == 409
    assert Booking.objects.get(status="HELD").customer_id is None


def test_frames_act_for_nobody_who_is_logged_in(slot: Slot) -> None:
    browser = _Browser().log_in(make_user(name="Ada Account"), "/")
    browser.hold(slot, "embed")
    assert Booking.objects.get().customer_id is None
    assert "Ada Account" not in browser.text
    assert 'name="email"' in browser.text
    assert "/account/log-in" not in browser.text


def test_venues_for_accounts_only_are_booked_by_those_who_log_in() -> None:
    slot = make_slot(make_resource(make_venue(accepts_guests=False)))
    browser = _Browser().get(_home(slot))
    assert "from people with an account only" in browser.text
    browser.log_in(make_user(), _home(slot)).get(_home(slot))
    assert "from people with an account only" not in browser.text
    browser.hold(slot)
    assert Booking.objects.get().status == "HELD"


def test_all_who_have_yet_to_say_who_they_are_are_one_guest(slot: Slot) -> None:
    home = _home(slot)
    for number in range(3):
        _Browser().get(home).post(f"{home}hold", slot=slot.public_id, party=1, nonce=f"n{number}")
    assert Booking.objects.count() == 3
    assert Guest.objects.count() == 1
    # Whoever says it is a guest of their own from then on.
    browser = _Browser().get(home)
    browser.post(f"{home}hold", slot=slot.public_id, party=1, nonce="n1")
    browser.post(f"{home}confirm", name="Ada", email="ada@example.org")
    assert set(Guest.objects.values_list("name", flat=True)) == {"Visitor", "Ada"}
    assert Booking.objects.filter(guest__name="Visitor").count() == 2
    elsewhere = make_slot(make_resource(make_venue()))
    _Browser().hold(elsewhere)
    assert Guest.objects.filter(name="Visitor").count() == 2


def test_logging_in_asks_for_everything_and_leads_nowhere_else(slot: Slot) -> None:
    ada = make_user()
    browser = _Browser().log_in(ada, "/", password="not it at all")
    assert browser.page.status_code == 401
    assert "do not belong together" in browser.text
    assert "sessionid" not in browser.client.cookies
    # Nor without the token against forgery.
    form = {"email": ada.email, "password": PASSWORD}
    assert _Browser().client.post("/account/log-in", form).status_code == 403
    for address in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        page = _Browser().log_in(ada, address).page
        assert "Location" not in page.headers
        assert "You are logged in" in page.content.decode()
    # Half a login is none: the code of the second factor comes first.
    staff = make_member(slot.organization)
    TOTPDevice.objects.create(user=staff, name="app", confirmed=True)
    browser = _Browser().log_in(staff, _home(slot))
    assert browser.page.headers["Location"].startswith("/admin/login/code/?next=")
    browser.hold(slot)
    assert Booking.objects.get().customer_id is None


def test_an_accounts_own_booking_stays_out_of_others_reach(slot: Slot) -> None:
    booking = create_booking(actor=account(make_user().pk), seats=seats_on(slot))
    home = _home(slot)
    found = _Browser().log_in(make_user(), home).get(f"{home}look-up")
    found.post(f"{home}look-up", code=booking.confirmation_code, email=booking.guest.email)
    assert booking.confirmation_code in found.text
    assert f'action="{home}cancel"' not in found.text
    found.post(f"{home}cancel")
    booking.refresh_from_db()
    assert booking.status == "PENDING"

"""The pages that links lead to, as a browser without scripts sees them."""

import re
from collections.abc import Iterator

import httpx
import pytest

from accounts.actors import account
from accounts.links import Purpose, make_token
from accounts.models import Membership, Role, User
from accounts.selectors import is_verified
from accounts.services.emails import request_email_change
from accounts.services.invitations import invite_member
from reserve.outbox.models import Event
from tests.factories import PASSWORD, make_login_user, make_member, make_organization, make_user

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "another long sentence 7"


class Browser:
    """Follows links and sends forms as they stand on the page."""

    def __init__(self, address: str) -> None:
        self.http = httpx.Client(base_url=address, headers={"Accept": "text/html"})
        self.address = address

    def open(self, purpose: Purpose, token: str) -> httpx.Response:
        return self.http.get(
            f"/account/{purpose.slug}", params={"token": token}, follow_redirects=True
        )

    def send(self, page: httpx.Response, **fields: str) -> httpx.Response:
        (secret,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        headers = {"Origin": self.address}
        data = {"csrfmiddlewaretoken": secret} | fields
        return self.http.post(page.url, data=data, headers=headers)


@pytest.fixture
def browser(server: str) -> Iterator[Browser]:
    browser = Browser(server)
    with browser.http:
        yield browser


def test_a_link_is_stripped_of_its_token_and_looked_at_it_does_nothing(browser: Browser) -> None:
    user = make_user()
    token = make_token(Purpose.VERIFY_EMAIL, user)
    redirect = browser.http.get("/account/verify-email", params={"token": token})
    assert (redirect.status_code, redirect.headers["location"]) == (302, "/account/verify-email")
    assert redirect.headers["referrer-policy"] == "no-referrer"

    page = browser.http.get("/account/verify-email")
    assert page.status_code == 200
    assert token not in page.text
    assert "no-store" in page.headers["cache-control"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert not is_verified(user.pk)

    done = browser.send(page)
    assert done.status_code == 200
    assert "Your address is confirmed" in done.text
    assert is_verified(user.pk)
    # Neither the session nor the link is good for a second time.
    assert browser.http.get("/account/verify-email").status_code == 400
    again = browser.send(browser.open(Purpose.VERIFY_EMAIL, token))
    assert (again.status_code, "does not work" in again.text) == (400, True)


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("token", ["", "nonsense", "a:b:c", "\0"])
def test_what_is_no_link_of_ours_makes_no_session(
    browser: Browser, purpose: Purpose, token: str
) -> None:
    page = browser.open(purpose, token)
    assert page.status_code == 400
    assert "This link does not work" in page.text
    assert "set-cookie" not in page.headers


def test_a_form_from_elsewhere_is_refused(browser: Browser) -> None:
    page = browser.open(Purpose.VERIFY_EMAIL, make_token(Purpose.VERIFY_EMAIL, make_user()))
    assert browser.http.post(page.url, headers={"Origin": browser.address}).status_code == 403
    browser.address = "https://evil.example"
    assert browser.send(page).status_code == 403


def test_a_forgotten_password_is_asked_for_and_replaced(browser: Browser) -> None:
    user = make_user(email="ada@example.org")
    page = browser.http.get("/account/forgotten-password")
    known = browser.send(page, email="Ada@example.org")
    unknown = browser.send(page, email="who@example.org")
    assert known.text == unknown.text
    assert Event.objects.count() == 2
    assert browser.send(page, email="nonsense").status_code == 400

    page = browser.open(Purpose.RESET_PASSWORD, make_token(Purpose.RESET_PASSWORD, user))
    weak = browser.send(page, password="12345")
    assert weak.status_code == 400
    assert "too short" in weak.text
    assert 'aria-invalid="true"' in weak.text
    assert "12345" not in weak.text
    assert browser.send(weak, password=NEW).status_code == 200
    user.refresh_from_db()
    assert user.password.startswith("argon2$argon2id$")
    assert "p=1$" in user.password


def test_a_new_address_is_confirmed(browser: Browser) -> None:
    user = make_user()
    request_email_change(actor=account(user.pk), email="new@example.org", password=PASSWORD)
    user.refresh_from_db()
    page = browser.open(Purpose.CHANGE_EMAIL, make_token(Purpose.CHANGE_EMAIL, user))
    assert browser.send(page).status_code == 200
    assert User.objects.get(pk=user.pk).email == "new@example.org"


def test_an_invitation_is_accepted_by_somebody_new(browser: Browser) -> None:
    organization = make_organization(name="Kestrel & Co <b>")
    owner = account(make_member(organization, Role.OWNER).pk)
    invitation = invite_member(
        actor=owner, organization_id=organization.pk, email="new@example.org", role=Role.STAFF
    )
    page = browser.open(
        Purpose.ACCEPT_INVITATION, make_token(Purpose.ACCEPT_INVITATION, invitation)
    )
    assert "Kestrel &amp; Co &lt;b&gt;" in page.text
    assert browser.send(page, name="A\u202eB", password=NEW).status_code == 400
    assert browser.send(page, name="New Person", password=NEW).status_code == 200
    assert Membership.objects.get(user__email="new@example.org").role == Role.STAFF


def test_an_invitation_is_accepted_with_the_password_of_the_account(browser: Browser) -> None:
    user, organization = make_login_user(), make_organization()
    owner = account(make_member(organization, Role.OWNER).pk)
    invitation = invite_member(
        actor=owner, organization_id=organization.pk, email=user.email, role=Role.MANAGER
    )
    page = browser.open(
        Purpose.ACCEPT_INVITATION, make_token(Purpose.ACCEPT_INVITATION, invitation)
    )
    assert 'name="name"' not in page.text
    assert browser.send(page, password="wrong").status_code == 400
    assert browser.send(page, password=PASSWORD).status_code == 200
    assert Membership.objects.get(user=user).role == Role.MANAGER


def test_the_style_of_the_pages_is_served(browser: Browser) -> None:
    for style in ("reserve/house.css", "accounts/pages.css"):
        assert browser.http.get(f"/static/{style}").status_code == 200, style

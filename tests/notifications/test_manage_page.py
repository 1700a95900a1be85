"""The link of a guest's mail: it shows the booking, and cancels it."""

import re
from urllib.parse import urlsplit

import pytest
from django.test import Client

from accounts.actors import ANONYMOUS, account
from accounts.models import Role
from bookings.guests import GuestDetails
from bookings.models import Booking
from bookings.services.bookings import apply_transition, create_booking
from bookings.states import CHECK_IN
from tests.factories import make_member, make_slot, seats_on
from venues.models import Venue

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def booked(mails):
    """A booking without an account, and the path of the link that its guest got."""
    slot = make_slot()
    guest = GuestDetails(name="Ada", email="ada@example.org", locale="en")
    booking = create_booking(actor=ANONYMOUS, seats=seats_on(slot, 2, guest=guest))
    (message,) = mails()
    (link,) = re.findall(r"https?://\S+", message.body)
    parts = urlsplit(link)
    return booking, f"{parts.path}?{parts.query}"


def test_the_link_shows_the_booking_and_its_button_cancels_it(booked) -> None:
    booking, link = booked
    browser = Client()
    response = browser.get(link)
    assert (response.status_code, response["Location"]) == (302, "/booking/manage")
    page = browser.get("/booking/manage").content.decode()
    assert booking.confirmation_code in page
    assert "token" not in page.replace("csrfmiddlewaretoken", "")
    # It is the venue's own page, with all that can be done there.
    assert "Add to calendar" in page
    address = re.search(r'action="([^"]+/cancel)"', page)[1]
    assert address.startswith(f"/book/{booking.venue.organization.slug}/{booking.venue.slug}/")
    state = re.search(r'name="state" value="([^"]+)"', page)[1]
    cancelled = browser.post(address, {"state": state}).content.decode()
    assert "This booking is cancelled" in cancelled
    assert Booking.objects.get(pk=booking.pk).status == "CANCELLED"
    assert "This booking is cancelled" in browser.get("/booking/manage").content.decode()


def test_a_venue_without_a_page_of_its_own_shows_a_plain_one(booked) -> None:
    booking, link = booked
    Venue.objects.filter(pk=booking.venue_id).update(is_public=False)
    browser = Client()
    browser.get(link)
    page = browser.get("/booking/manage").content.decode()
    assert booking.confirmation_code in page
    assert "Cancel the booking" in page
    assert "token" not in page.replace("csrfmiddlewaretoken", "")
    assert "/book/" not in page

    assert "Your booking is cancelled" in browser.post("/booking/manage").content.decode()
    assert Booking.objects.get(pk=booking.pk).status == "CANCELLED"
    assert "Cancel the booking" not in browser.get("/booking/manage").content.decode()
    assert browser.post("/booking/manage").status_code == 409


def test_no_other_link_works(booked) -> None:
    booking, link = booked
    other = Booking.objects.get(pk=booking.pk)
    for wrong in (
        "/booking/manage",
        link.replace("token=", "token=0"),
        link.replace(booking.public_id, "booking_01HQ3000000000000000000000"),
        link.replace(booking.public_id, "nonsense"),
        "/booking/manage?token=x",
    ):
        browser = Client()
        assert browser.get(wrong).status_code == 404, wrong
        assert browser.post("/booking/manage").status_code == 404
    other.refresh_from_db()
    assert other.status == "CONFIRMED"


def test_what_is_too_late_is_said_in_the_language_of_the_browser(booked) -> None:
    booking, link = booked
    staff = make_member(booking.venue.organization, Role.STAFF)
    apply_transition(actor=account(staff.pk), booking_id=booking.pk, transition=CHECK_IN)
    browser = Client(headers={"Accept-Language": "de"})
    browser.get(link)
    response = browser.post("/booking/manage")
    assert response.status_code == 409
    assert "kann hier nicht mehr geändert werden" in response.content.decode()
    assert Booking.objects.get(pk=booking.pk).status == "CHECKED_IN"

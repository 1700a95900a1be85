"""Lists of bookings through both APIs: the same bookings in the same order, the same codes."""

from datetime import timedelta

import pytest

from accounts.actors import ANONYMOUS, account
from bookings.models import Booking
from bookings.services.bookings import apply_transition, create_booking, create_hold
from bookings.states import CANCEL
from reserve.core.clock import now
from tests.clients import BookingApi
from tests.factories import make_customer, make_member, make_slot, make_venue, seats_on, somebody

pytestmark = pytest.mark.django_db(transaction=True)


def test_customers_list_what_they_booked(api: BookingApi) -> None:
    slot, customer = make_slot(capacity=50), make_customer()
    first = create_booking(actor=customer, seats=seats_on(slot))
    second = create_booking(actor=customer, seats=seats_on(slot))
    hold = create_hold(actor=customer, seats=seats_on(slot))
    create_booking(actor=make_customer(), seats=seats_on(slot))
    apply_transition(actor=customer, booking_id=first.pk, transition=CANCEL)
    Booking.objects.filter(pk=hold.pk).update(hold_expires_at=now() - timedelta(seconds=1))

    newest_first = [booking.public_id for booking in (hold, second, first)]
    assert api.bookings(customer).body == (3, newest_first)
    assert api.bookings(customer, first=2).body == (3, newest_first[:2])
    assert api.bookings(customer, status="CANCELLED").body == (1, [first.public_id])
    assert api.bookings(customer, status="EXPIRED").body == (1, [hold.public_id])
    assert api.bookings(customer, status="HELD").body == (0, [])
    assert api.bookings(ANONYMOUS).code == "UNAUTHENTICATED"
    for wrong in ({"status": "LOST"}, {"first": 0}, {"first": 101}):
        assert api.bookings(customer, **wrong).code == "BAD_USER_INPUT", wrong


def test_staff_list_what_is_booked_at_their_venue(api: BookingApi) -> None:
    slot = make_slot(capacity=50)
    venue = slot.venue
    staff = account(make_member(venue.organization).pk)
    booking = create_booking(actor=staff, seats=seats_on(slot, guest=somebody()))
    found = 1, [booking.public_id]
    day = venue.local(slot.starts_at).date()
    for asked, expected in (
        ({}, found),
        ({"date": day.isoformat()}, found),
        ({"date": (day + timedelta(days=1)).isoformat()}, (0, [])),
        ({"date": day.isoformat(), "status": "PENDING", "search": "ada"}, found),
        ({"search": booking.confirmation_code[:4].lower()}, found),
        ({"search": "eve"}, (0, [])),
        ({"status": "CONFIRMED"}, (0, [])),
    ):
        assert api.bookings(staff, venue.public_id, **asked).body == expected, asked
    hidden = make_venue(is_public=False)
    for actor, where, code in (
        (ANONYMOUS, venue, "UNAUTHENTICATED"),
        (make_customer(), venue, "FORBIDDEN"),
        (account(make_member(make_venue().organization).pk), venue, "FORBIDDEN"),
        (make_customer(), hidden, "NOT_FOUND"),
    ):
        assert api.bookings(actor, where.public_id).code == code
    assert api.bookings(staff, booking.public_id).code == "BAD_USER_INPUT"
    assert api.bookings(staff, venue.public_id, date="never").code == "BAD_USER_INPUT"

"""The state machine is the contract's: every pair of statuses, allowed or not."""

import itertools

import pytest

from accounts.actors import SYSTEM
from bookings.errors import HoldExpired, InvalidState
from bookings.guests import GuestDetails
from bookings.models import Booking, Slot
from bookings.requests.imported import ImportBooking
from bookings.services.bookings import change_status, import_bookings
from bookings.states import SEATED, BookingStatus
from reserve.core.clock import now
from reserve.outbox.models import Event
from tests.factories import make_slot

pytestmark = pytest.mark.django_db

S = BookingStatus
ALLOWED = {
    (S.HELD, S.PENDING),
    (S.HELD, S.EXPIRED),
    (S.HELD, S.CANCELLED),
    (S.PENDING, S.CONFIRMED),
    (S.PENDING, S.DECLINED),
    (S.PENDING, S.CANCELLED),
    (S.CONFIRMED, S.CHECKED_IN),
    (S.CONFIRMED, S.NO_SHOW),
    (S.CONFIRMED, S.CANCELLED),
    (S.CHECKED_IN, S.COMPLETED),
    (S.CHECKED_IN, S.CONFIRMED),
    (S.NO_SHOW, S.CHECKED_IN),
}


def _booking_in(status: BookingStatus, slot: Slot) -> Booking:
    request = ImportBooking(SYSTEM, slot.pk, status, 3, GuestDetails("Somebody"), created_at=now())
    (booking,) = import_bookings(requests=[request])
    assert isinstance(booking, Booking)
    if status == S.HELD:
        # An imported hold has lapsed already; this one is to be alive.
        later = slot.starts_at
        Booking.objects.filter(pk=booking.pk).update(hold_expires_at=later)
        Slot.objects.filter(pk=slot.pk).update(next_lapse_at=later)
    return booking


@pytest.mark.parametrize(("before", "after"), list(itertools.product(S, S)))
def test_a_booking_goes_only_where_the_contract_lets_it(
    before: BookingStatus, after: BookingStatus
) -> None:
    slot = make_slot(capacity=10)
    booking = _booking_in(before, slot)

    if (before, after) in ALLOWED:
        assert change_status(actor=SYSTEM, booking_id=booking.pk, status=after).status == after
        expected, events = after, 2
    else:
        with pytest.raises((InvalidState, HoldExpired)):
            change_status(actor=SYSTEM, booking_id=booking.pk, status=after)
        expected, events = before, 1

    booking.refresh_from_db()
    slot.refresh_from_db()
    assert booking.status == expected
    assert slot.reserved == (3 if expected in SEATED else 0)
    recorded = Event.objects.filter(subject_id=booking.pk).order_by("sequence")
    assert [event.sequence for event in recorded] == list(range(1, events + 1))
    assert booking.version == events
    assert recorded.last().payload["status"] == expected

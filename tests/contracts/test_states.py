"""The state machine is the contract's: every transition from every status, allowed or not."""

import pytest

from accounts.actors import SYSTEM
from bookings import states
from bookings.errors import HoldExpired, InvalidState
from bookings.guests import GuestDetails
from bookings.models import Booking, Slot
from bookings.requests.imported import ImportBooking
from bookings.services.bookings import apply_transition, import_bookings
from bookings.states import SEATED, TRANSITIONS, BookingStatus, Transition
from reserve.core.clock import now
from reserve.outbox.models import Event
from tests.factories import make_slot

pytestmark = pytest.mark.django_db

S = BookingStatus
ALLOWED = {
    (states.CONFIRM, S.HELD): S.PENDING,
    (states.EXPIRE, S.HELD): S.EXPIRED,
    (states.CANCEL, S.HELD): S.CANCELLED,
    (states.APPROVE, S.PENDING): S.CONFIRMED,
    (states.DECLINE, S.PENDING): S.DECLINED,
    (states.CANCEL, S.PENDING): S.CANCELLED,
    (states.CHECK_IN, S.CONFIRMED): S.CHECKED_IN,
    (states.MARK_NO_SHOW, S.CONFIRMED): S.NO_SHOW,
    (states.CANCEL, S.CONFIRMED): S.CANCELLED,
    (states.COMPLETE, S.CHECKED_IN): S.COMPLETED,
    (states.UNDO_CHECK_IN, S.CHECKED_IN): S.CONFIRMED,
    (states.CHECK_IN, S.NO_SHOW): S.CHECKED_IN,
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


@pytest.mark.parametrize("before", list(S))
@pytest.mark.parametrize("transition", TRANSITIONS, ids=lambda found: found.verb)
def test_a_booking_goes_only_where_the_contract_lets_it(
    transition: Transition, before: BookingStatus
) -> None:
    slot = make_slot(capacity=10)
    booking = _booking_in(before, slot)

    def move() -> Booking:
        return apply_transition(actor=SYSTEM, booking_id=booking.pk, transition=transition)

    if after := ALLOWED.get((transition, before)):
        assert move().status == after
    else:
        with pytest.raises((InvalidState, HoldExpired)):
            move()

    expected, events = after or before, 2 if after else 1
    booking.refresh_from_db()
    slot.refresh_from_db()
    assert booking.status == expected
    assert slot.reserved == (3 if expected in SEATED else 0)
    recorded = Event.objects.filter(subject_id=booking.pk).order_by("sequence")
    assert [event.sequence for event in recorded] == list(range(1, events + 1))
    assert booking.version == events
    assert recorded.last().payload["status"] == expected

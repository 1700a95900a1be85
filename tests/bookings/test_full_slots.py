"""A slot that was full a moment ago refuses without a lock, and never for longer than that."""

from datetime import timedelta

import pytest

from bookings import full_slots
from bookings.errors import PartySizeNotAllowed, SlotUnavailable
from bookings.models import Booking, Slot
from bookings.services.bookings import apply_transition, create_booking, create_hold
from bookings.states import CANCEL
from reserve.core.clock import now
from tests.factories import make_customer, make_slot, seats_on
from venues.models import Venue

pytestmark = pytest.mark.django_db


@pytest.fixture
def full_slot() -> Slot:
    slot = make_slot(capacity=2)
    create_booking(actor=make_customer(), seats=seats_on(slot, 2))
    return slot


def test_whoever_comes_a_moment_later_is_refused_without_a_statement(
    full_slot: Slot, django_assert_num_queries
) -> None:
    customer = make_customer()
    with django_assert_num_queries(0), pytest.raises(SlotUnavailable) as refused:
        create_booking(actor=customer, seats=seats_on(full_slot))
    assert refused.value.details == {"remaining_capacity": 0}


def test_after_a_moment_the_slot_itself_is_asked(
    full_slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    Slot.objects.filter(pk=full_slot.pk).update(capacity=3)
    later = full_slots.time.monotonic() + 2 * full_slots.A_MOMENT_SECONDS
    monkeypatch.setattr(full_slots.time, "monotonic", lambda: later)
    assert create_booking(actor=make_customer(), seats=seats_on(full_slot)).pk


def test_seats_that_this_process_gave_back_are_free_at_once() -> None:
    slot, customer = make_slot(capacity=2), make_customer()
    booking = create_booking(actor=customer, seats=seats_on(slot, 2))
    apply_transition(actor=customer, booking_id=booking.pk, transition=CANCEL)
    assert create_booking(actor=make_customer(), seats=seats_on(slot, 2)).pk


def test_seats_of_a_hold_that_lapses_meanwhile_are_not_withheld() -> None:
    slot = make_slot(capacity=2)
    Venue.objects.filter(pk=slot.venue_id).update(hold_seconds=1)
    hold = create_hold(actor=make_customer(), seats=seats_on(slot, 2))
    Booking.objects.filter(pk=hold.pk).update(hold_expires_at=now() - timedelta(seconds=1))
    Slot.objects.filter(pk=slot.pk).update(next_lapse_at=now() - timedelta(seconds=1))
    seen = full_slots._seen[slot.pk].slot
    seen.next_lapse_at = now() - timedelta(seconds=1)
    assert create_booking(actor=make_customer(), seats=seats_on(slot, 2)).pk


def test_the_reason_is_the_one_that_the_desk_would_give(full_slot: Slot) -> None:
    Venue.objects.filter(pk=full_slot.venue_id).update(maximum_party_size=1)
    full_slots.forget()
    with pytest.raises(SlotUnavailable):
        create_booking(actor=make_customer(), seats=seats_on(full_slot))
    with pytest.raises(PartySizeNotAllowed):
        create_booking(actor=make_customer(), seats=seats_on(full_slot, 2))


def test_memory_is_bounded(full_slot: Slot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full_slots, "_MAXIMUM_KEPT", 0)
    other = make_slot(capacity=1, reserved=1)
    full_slots.note([full_slot, other])
    full_slots.note([other])
    assert len(full_slots._seen) <= 1

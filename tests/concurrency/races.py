"""What the races between changes of bookings have in common."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db.models import Sum

from accounts.actors import Actor
from bookings import batches, full_slots
from bookings.models import Booking, Slot
from bookings.requests import Request
from bookings.requests.create import TakeSeats
from bookings.states import SEATED, BookingStatus
from reserve.outbox.models import Event
from tests.factories import (
    make_consecutive_slots,
    make_customer,
    make_resource,
    seats_on,
)

Race = Callable[[Any], list[Any]]

control = pytest.mark.usefixtures(
    "without_row_lock", "with_a_wait_before_the_write", "without_second_attempts"
)


def at_once(race: Race, *requests: Request[Any]) -> list[Any]:
    """Each request in a transaction of its own, as from so many processes."""
    found = race([partial(batches.commit, [one]) for one in requests])
    return [outcomes[0] if isinstance(outcomes, list) else outcomes for outcomes in found]


def take(
    slot: Slot, size: int = 1, *, actor: Actor | None = None, hold: bool = False, **fields: Any
) -> TakeSeats:
    status = BookingStatus.HELD if hold else BookingStatus.PENDING
    return TakeSeats(actor or make_customer(), seats_on(slot, size, **fields), status)


def booked(slot: Slot, size: int = 1, **fields: Any) -> Booking:
    (booking,) = batches.commit([take(slot, size, **fields)])
    assert isinstance(booking, Booking)
    return booking


def slots_of_one_room(number: int, **resource: Any) -> list[Slot]:
    return make_consecutive_slots(make_resource(**resource), number)


def winners(outcomes: list[Any]) -> list[Booking]:
    return [outcome for outcome in outcomes if isinstance(outcome, Booking)]


def assert_books_agree(*slots: Slot) -> None:
    """Seats, versions and events of the slots and of their bookings fit together."""
    full_slots.forget()
    for slot in slots:
        slot.refresh_from_db()
        seated = Booking.objects.filter(slots=slot, status__in=SEATED)
        assert slot.reserved == (seated.aggregate(total=Sum("seats"))["total"] or 0)
        assert 0 <= slot.reserved <= slot.capacity
        told = sorted(
            change["version"]
            for event in Event.objects.filter(name__startswith="booking.")
            for change in event.payload["slots"]
            if change["slot"] == slot.public_id
        )
        changed = Event.objects.filter(name="slot.changed", subject_id=slot.pk)
        told = sorted([*told, *changed.values_list("sequence", flat=True)])
        assert told == list(range(1, slot.version + 1))
    for booking in Booking.objects.filter(slots__in=slots).distinct():
        events = Event.objects.filter(subject_id=booking.pk).order_by("sequence")
        assert [event.sequence for event in events] == list(range(1, booking.version + 1))
        assert events[len(events) - 1].payload["status"] == booking.status

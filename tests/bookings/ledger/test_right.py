"""`verify_ledger` finds nothing wrong with whatever the services do."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from accounts.actors import SYSTEM
from bookings.audit import verify
from bookings.models import Booking, Slot
from bookings.services.bookings import (
    apply_transition,
    create_booking,
    create_hold,
    release_lapsed_holds,
    reschedule_booking,
    update_booking,
)
from bookings.services.slots import change_slot
from bookings.states import CANCEL, CONFIRM
from reserve.core.clock import now
from tests.bookings.ledger.story import Story, broken, run
from tests.factories import seats_on

# The command chooses the isolation of its own transaction.
pytestmark = pytest.mark.django_db(transaction=True)


def test_an_empty_database_is_right() -> None:
    lines, code = run()
    assert code == 0
    assert lines[-1].startswith("0 slots, 0 bookings and 0 events checked in ")


def test_whatever_bookings_go_through_the_ledger_stays_right(story) -> None:
    slots, actor = story.slots, story.actor
    assert broken() == {}
    # Everything that changes seats, slots or bookings.
    apply_transition(actor=actor, booking_id=story.held.pk, transition=CONFIRM)
    update_booking(actor=actor, booking_id=story.held.pk, guest_count=4)
    reschedule_booking(actor=actor, booking_id=story.held.pk, slot_id=slots[2].pk)
    swept = create_hold(actor=actor, seats=seats_on(slots[1], 1, slot_count=2))
    lapse(swept)
    release_lapsed_holds()
    assert Booking.objects.get(pk=swept.pk).status == "EXPIRED"
    apply_transition(actor=actor, booking_id=story.long.pk, transition=CANCEL)
    for change in ({"capacity": 12}, {"is_closed": True}, {"is_closed": False}):
        change_slot(actor=SYSTEM, slot_id=slots[0].pk, **change)
    # A hold that has lapsed and that nobody has expired uses its seats until then.
    lapse(create_hold(actor=actor, seats=seats_on(slots[3], 1)))
    # And one whose seats the next caller takes.
    reclaimed = create_hold(actor=actor, seats=seats_on(slots[0], 1))
    lapse(reclaimed)
    create_booking(actor=actor, seats=seats_on(slots[0], 1))
    assert Booking.objects.get(pk=reclaimed.pk).status == "EXPIRED"
    lines, code = run()
    assert code == 0, lines
    assert lines[0].startswith("4 slots, 7 bookings and 17 events checked in "), lines
    assert lines[0].endswith(": nothing breaks.")


def test_bookings_that_go_on_meanwhile_are_no_problem(story, monkeypatch) -> None:
    """Seats, bookings and log are read one after the other, as of one instant."""
    results = verify._results

    def book_first(*arguments):
        with ThreadPoolExecutor(1) as thread:
            thread.submit(_book_in_another_connection, story).result()
        return results(*arguments)

    monkeypatch.setattr(verify, "_results", book_first)
    assert broken() == {}
    assert Booking.objects.count() > 3


def _book_in_another_connection(story: Story) -> None:
    try:
        create_booking(actor=story.actor, seats=seats_on(story.slots[1]))
    finally:
        connection.close()


def lapse(booking: Booking) -> None:
    moment = now() - timedelta(seconds=1)
    Booking.objects.filter(pk=booking.pk).update(hold_expires_at=moment)
    Slot.objects.filter(bookings=booking).update(next_lapse_at=moment)

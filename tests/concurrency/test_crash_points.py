"""A process that dies in the middle of a booking leaves all of it or nothing."""

import signal
import subprocess
import sys
from textwrap import dedent

import pytest

from accounts.actors import Actor
from bookings.crash_points import CRASH_POINTS
from bookings.models import Booking, BookingSlot, Guest, IdempotencyKey, Slot
from bookings.services.bookings import create_booking
from bookings.states import BookingStatus
from reserve.outbox.models import Event
from reserve.outbox.services import relay_pending_events
from tests.factories import make_consecutive_slots, make_customer, make_resource, seats_on
from tests.processes import PROJECT, environment

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = "after write, before commit"
_KEY = "the-very-call"
_BOOK = dedent(
    """
    import os
    from uuid import UUID

    import django

    django.setup()

    from accounts.actors import account
    from bookings.models import Slot
    from bookings.services.bookings import create_booking
    from tests.factories import seats_on

    create_booking(
        actor=account(UUID(os.environ["ACTOR"])),
        seats=seats_on(
            Slot.objects.get(pk=os.environ["SLOT"]),
            2,
            slot_count=2,
            idempotency_key=os.environ["KEY"],
        ),
    )
    print("answered")
    """
)


def _book_in_a_process(actor: Actor, slot: Slot, crash_point: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", _BOOK],
        cwd=PROJECT,
        env=environment(
            DJANGO_SETTINGS_MODULE="reserve.settings",
            RESERVE_CRASH_POINT=crash_point,
            ACTOR=str(actor.user_id),
            SLOT=str(slot.pk),
            KEY=_KEY,
        ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _retry(actor: Actor, slot: Slot) -> Booking:
    return create_booking(actor=actor, seats=seats_on(slot, 2, slot_count=2, idempotency_key=_KEY))


def _assert_booked_once(actor: Actor, slots: list[Slot]) -> Booking:
    booking = Booking.objects.get()
    assert booking.customer_id == actor.user_id
    assert list(booking.slots.order_by("starts_at")) == slots
    for slot in slots:
        slot.refresh_from_db()
        assert (slot.reserved, slot.version) == (2, 1)
    assert IdempotencyKey.objects.get().booking_id == booking.pk
    return booking


@pytest.fixture
def slots() -> list[Slot]:
    return make_consecutive_slots(make_resource(capacity=3), 2)


def test_without_a_crash_the_process_answers(slots: list[Slot]) -> None:
    """The control: it is the crash that ends the others."""
    actor = make_customer()
    ended = _book_in_a_process(actor, slots[0], "")
    assert (ended.returncode, ended.stdout) == (0, "answered\n"), ended.stderr
    _assert_booked_once(actor, slots)


def test_killed_before_the_commit_nothing_is_there_and_a_retry_books(slots: list[Slot]) -> None:
    actor = make_customer()
    ended = _book_in_a_process(actor, slots[0], BEFORE)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, ""), ended.stderr

    for model in (Booking, BookingSlot, Guest, IdempotencyKey, Event):
        assert not model.objects.exists()
    for slot in slots:
        slot.refresh_from_db()
        assert (slot.reserved, slot.version) == (0, 0)

    booking = _retry(actor, slots[0])
    assert _assert_booked_once(actor, slots).pk == booking.pk


@pytest.mark.parametrize("crash_point", sorted(CRASH_POINTS - {BEFORE}))
def test_killed_after_the_commit_the_booking_stands_and_a_retry_tells_of_it(
    slots: list[Slot], crash_point: str
) -> None:
    actor = make_customer()
    ended = _book_in_a_process(actor, slots[0], crash_point)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, ""), ended.stderr

    booking = _assert_booked_once(actor, slots)
    assert booking.status == BookingStatus.PENDING
    told = _retry(actor, slots[0])
    assert (told.pk, told.confirmation_code) == (booking.pk, booking.confirmation_code)
    _assert_booked_once(actor, slots)

    event = Event.objects.get()
    assert (event.name, event.subject_id, event.sequence) == ("booking.created", booking.pk, 1)
    assert event.delivered_at is None

    while relay_pending_events():
        pass
    booking.refresh_from_db()
    assert booking.status == BookingStatus.CONFIRMED
    names = Event.objects.order_by("sequence").values_list("name", flat=True)
    assert list(names) == ["booking.created", "booking.confirmed"]
    assert not Event.objects.filter(delivered_at=None).exists()
    assert _retry(actor, slots[0]).confirmation_code == booking.confirmation_code
    for slot in slots:
        slot.refresh_from_db()
        assert slot.reserved == 2


def test_every_crash_point_is_tried() -> None:
    assert BEFORE in CRASH_POINTS
    assert len(CRASH_POINTS) == 3

"""Reminders: each once, of bookings as they are when the time comes."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail

from accounts.actors import account
from bookings.models import Booking
from bookings.services.bookings import apply_transition, create_booking, reschedule_booking
from bookings.states import CANCEL
from notifications.kinds import Kind
from notifications.models import Delivery, Reminder
from notifications.services.reminders import make_due
from tests.factories import make_resource, make_slot, make_user, make_venue, seats_on
from tests.notifications.conftest import send

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def resource():
    return make_resource(make_venue(name="Noma"))


def book(resource, *, starts_in: timedelta, booked_ago: timedelta = timedelta(days=3)) -> Booking:
    starts_at = (datetime.now(UTC) + starts_in).replace(microsecond=0)
    user = make_user(email=f"guest{starts_at.timestamp():.0f}@example.org")
    booking = create_booking(
        actor=account(user.pk), seats=seats_on(make_slot(resource, starts_at=starts_at), 2)
    )
    Booking.objects.filter(pk=booking.pk).update(created_at=datetime.now(UTC) - booked_ago)
    return booking


def reminded() -> list[tuple[Booking, int]]:
    made = Delivery.objects.filter(kind=Kind.REMINDER).order_by("id")
    return [(each.booking, each.facts["minutes_before"]) for each in made]


def test_each_reminder_is_made_once_when_its_time_comes(resource, mails) -> None:
    day = book(resource, starts_in=timedelta(hours=23, minutes=50))
    soon = book(resource, starts_in=timedelta(hours=1, minutes=50))
    later = book(resource, starts_in=timedelta(hours=30))
    mails()
    for _ in range(3):
        make_due()
    assert sorted(minutes for _, minutes in reminded()) == [120, 1440]
    assert {booking.pk for booking, _ in reminded()} == {day.pk, soon.pk}
    assert later.pk not in {booking.pk for booking, _ in reminded()}
    send()
    send(due_now=True)
    assert len(mail.outbox) == 2
    assert all(message.subject.startswith("Reminder: Noma, ") for message in mail.outbox)
    assert all(not message.attachments for message in mail.outbox)


def test_who_booked_a_moment_ago_needs_no_reminder(resource, mails) -> None:
    book(resource, starts_in=timedelta(hours=1, minutes=55), booked_ago=timedelta(minutes=10))
    mails()
    make_due()
    assert reminded() == []


def test_times_are_the_venue_s_own(resource, mails) -> None:
    resource.venue.reminder_minutes = [60]
    resource.venue.save()
    book(resource, starts_in=timedelta(minutes=55))
    never = make_resource(make_venue(reminder_minutes=[]))
    book(never, starts_in=timedelta(minutes=54))
    mails()
    make_due()
    assert [minutes for _, minutes in reminded()] == [60]


def test_nobody_is_reminded_of_what_was_moved_or_cancelled(resource, mails) -> None:
    venue = resource.venue
    cancelled = book(resource, starts_in=timedelta(hours=1, minutes=50))
    moved = book(make_resource(venue), starts_in=timedelta(hours=1, minutes=10))
    unsent = book(make_resource(venue), starts_in=timedelta(hours=1, minutes=20))
    mails()
    apply_transition(
        actor=account(cancelled.customer_id), booking_id=cancelled.pk, transition=CANCEL
    )
    make_due()
    assert {booking.pk for booking, _ in reminded()} == {unsent.pk, moved.pk}

    # Made, and overtaken before they were sent.
    target = make_slot(
        make_resource(venue), starts_at=datetime.now(UTC) + timedelta(hours=1, minutes=55)
    )
    reschedule_booking(actor=account(moved.customer_id), booking_id=moved.pk, slot_id=target.pk)
    apply_transition(actor=account(unsent.customer_id), booking_id=unsent.pk, transition=CANCEL)
    send()
    assert mail.outbox == []
    outcomes = Delivery.objects.filter(kind=Kind.REMINDER).values_list("outcome", flat=True)
    assert set(outcomes) == {"reminder_overtaken"}

    # The new start has a reminder of its own, once.
    mails()
    for _ in range(2):
        make_due()
        send()
    assert len(mail.outbox) == 1
    assert Reminder.objects.filter(booking=moved).count() == 2


def test_a_night_without_beat_is_made_good_within_reason(resource, mails) -> None:
    late = book(resource, starts_in=timedelta(hours=14))
    too_late = book(resource, starts_in=timedelta(hours=11))
    mails()
    make_due()
    assert {booking.pk for booking, _ in reminded()} == {late.pk}
    assert too_late.pk != late.pk


def test_two_beats_make_each_reminder_once(resource, mails, monkeypatch) -> None:
    book(resource, starts_in=timedelta(hours=1, minutes=50))
    mails()
    make_due()
    # The other one read what was due before this one had written.
    Reminder.objects.all().delete()
    make_due()
    assert len(reminded()) == 1

"""Who is told of what, once, in which words."""

from datetime import timedelta
from email.utils import parseaddr

import pytest
from django.core import mail
from icalendar import Calendar

from accounts.actors import ANONYMOUS, SYSTEM, account
from accounts.models import Role
from bookings.guests import GuestDetails
from bookings.manage_tokens import manage_token_of
from bookings.models import Booking
from bookings.services.bookings import (
    apply_transition,
    confirm_hold,
    create_booking,
    create_hold,
    reschedule_booking,
)
from bookings.states import APPROVE, CANCEL, CHECK_IN, DECLINE, MARK_NO_SHOW
from notifications.handlers import tell_of_bookings
from notifications.kinds import Kind
from notifications.models import Delivery, DeliveryState
from reserve.outbox.models import Event
from reserve.outbox.services import relay_pending_events
from tests.factories import (
    make_member,
    make_organization,
    make_resource,
    make_slot,
    make_user,
    make_venue,
    seats_on,
    tomorrow_at,
)
from tests.notifications.conftest import relay, send

pytestmark = pytest.mark.django_db(transaction=True)

ADA = GuestDetails(name="Ada", email="ada@example.org", locale="en")


class House:
    """A venue with an owner, a manager and two of its staff."""

    def __init__(self, **venue) -> None:
        self.organization = make_organization()
        self.owner = make_member(self.organization, Role.OWNER, email="owner@house.example")
        self.staff = make_member(self.organization, Role.STAFF, email="staff@house.example")
        self.venue = make_venue(
            organization=self.organization, name="Noma", contact_email="hello@noma.example", **venue
        )
        self.resource = make_resource(self.venue)
        self.slot = make_slot(self.resource)
        self.later = make_slot(self.resource, starts_at=tomorrow_at(14))
        self.guest = make_user(email="guest@example.org", name="Grace")

    def book(self, **seats) -> Booking:
        return create_booking(actor=account(self.guest.pk), seats=seats_on(self.slot, 2, **seats))

    def staff_do(self, booking: Booking, transition, reason: str = "") -> None:
        apply_transition(
            actor=account(self.staff.pk),
            booking_id=booking.pk,
            transition=transition,
            reason=reason,
        )


def told(messages) -> list[tuple[str, str]]:
    """Address and subject of each, in order of the addresses."""
    return sorted((reader_of(message), message.subject) for message in messages)


def reader_of(message) -> str:
    (recipient,) = message.recipients()
    return parseaddr(recipient)[1]


def calendar_in(message) -> Calendar | None:
    for part in message.attachments:
        if part.get_content_type() == "text/calendar":
            return Calendar.from_ical(part.get_payload(decode=True))
    return None


def test_an_automatic_booking_is_told_once_it_is_confirmed(mails) -> None:
    house = House()
    house.book()
    assert told(mails()) == [("guest@example.org", "Your booking at Noma is confirmed")]
    assert mails() == []


def test_a_manual_booking_is_received_and_then_confirmed_or_declined(mails) -> None:
    house = House(confirmation_mode="MANUAL")
    booking = house.book()
    received = told(mails())
    assert received[0] == ("guest@example.org", "Noma has received your booking")
    assert received[1][0] == "owner@house.example"
    assert received[1][1].startswith("New booking to answer: ")
    assert len(received) == 2

    house.staff_do(booking, APPROVE)
    assert told(mails()) == [("guest@example.org", "Your booking at Noma is confirmed")]

    other = house.book()
    mails()
    house.staff_do(other, DECLINE, reason="We are full.")
    (declined,) = mails()
    assert declined.subject == "Noma cannot take your booking"
    assert "We are full." in declined.body
    assert calendar_in(declined) is None


def test_a_booking_that_moves_moves_its_entry_in_the_calendar(mails) -> None:
    house = House()
    booking = house.book()
    (confirmed,) = mails()
    reschedule_booking(actor=account(house.guest.pk), booking_id=booking.pk, slot_id=house.later.pk)
    (moved,) = mails()
    apply_transition(actor=account(house.guest.pk), booking_id=booking.pk, transition=CANCEL)
    cancelled = next(each for each in mails() if reader_of(each) == "guest@example.org")

    first, second, third = map(calendar_in, (confirmed, moved, cancelled))
    entries = [each.walk("VEVENT")[0] for each in (first, second, third)]
    assert [str(each["METHOD"]) for each in (first, second, third)] == [
        "REQUEST",
        "REQUEST",
        "CANCEL",
    ]
    assert len({str(entry["UID"]) for entry in entries}) == 1
    sequences = [int(entry["SEQUENCE"]) for entry in entries]
    assert sequences == sorted(set(sequences))
    assert entries[0]["DTSTART"].dt == house.slot.starts_at
    assert entries[1]["DTSTART"].dt == house.later.starts_at
    assert entries[2]["DTSTART"].dt == house.later.starts_at
    assert str(entries[2]["STATUS"]) == "CANCELLED"
    assert "mailto:guest@example.org" in str(entries[0]["ATTENDEE"])
    # And what the mail program reads it by.
    (part,) = [each for each in confirmed.attachments if each.get_filename() == "booking.ics"]
    assert part.get_param("method") == "REQUEST"
    assert confirmed.reply_to == ["hello@noma.example"]


def test_who_cancelled_decides_what_is_said(mails) -> None:
    house = House()
    by_guest, by_venue, by_system = house.book(), house.book(), house.book()
    mails()
    apply_transition(actor=account(house.guest.pk), booking_id=by_guest.pk, transition=CANCEL)
    messages = told(mails())
    assert ("guest@example.org", "Your booking at Noma is cancelled") in messages
    assert [who for who, _ in messages] == ["guest@example.org", "owner@house.example"]

    house.staff_do(by_venue, CANCEL, reason="The kitchen is flooded.")
    (told_guest,) = mails()
    assert told_guest.subject == "Noma had to cancel your booking"
    assert "The kitchen is flooded." in told_guest.body

    apply_transition(actor=SYSTEM, booking_id=by_system.pk, transition=CANCEL)
    assert told(mails()) == [("guest@example.org", "Noma had to cancel your booking")]


def test_a_hold_is_told_while_it_lasts_and_no_longer(mails) -> None:
    house = House()
    hold = create_hold(actor=account(house.guest.pk), seats=seats_on(house.slot, 2))
    (held,) = mails()
    assert held.subject.startswith("Your seats at Noma are held until ")

    confirm_hold(actor=account(house.guest.pk), booking_id=hold.pk)
    assert told(mails()) == [("guest@example.org", "Your booking at Noma is confirmed")]

    # Confirmed before anybody was told of the hold: that is old news.
    quick = create_hold(actor=account(house.guest.pk), seats=seats_on(house.slot, 2))
    confirm_hold(actor=account(house.guest.pk), booking_id=quick.pk)
    assert told(mails()) == [("guest@example.org", "Your booking at Noma is confirmed")]
    skipped = Delivery.objects.get(booking=quick, kind=Kind.HELD)
    assert (skipped.state, skipped.outcome) == (DeliveryState.SKIPPED, "hold_over")

    # A hold that is given up is nobody's loss.
    dropped = create_hold(actor=account(house.guest.pk), seats=seats_on(house.slot, 2))
    mails()
    apply_transition(actor=account(house.guest.pk), booking_id=dropped.pk, transition=CANCEL)
    assert mails() == []


def test_a_no_show_is_followed_up_unless_they_came_after_all(mails) -> None:
    house = House()
    missed, late = house.book(), house.book()
    mails()
    for booking in (missed, late):
        house.staff_do(booking, MARK_NO_SHOW)
    assert mails() == [], "whoever comes late is given a quarter of an hour"
    house.staff_do(late, CHECK_IN)
    send(due_now=True)
    assert told(mail.outbox) == [("guest@example.org", "We missed you at Noma")]
    follow_ups = Delivery.objects.filter(kind=Kind.NO_SHOW_FOLLOW_UP)
    assert follow_ups.get(booking=late).outcome == "came_after_all"


def test_a_guest_without_an_account_gets_a_link_and_nobody_else_does(mails, caplog) -> None:
    house = House(confirmation_mode="MANUAL")
    anonymous = create_booking_as_guest(house)
    messages = mails()
    secret = manage_token_of(anonymous.pk)
    to_guest = next(each for each in messages if reader_of(each) == "ada@example.org")
    assert secret in to_guest.body
    assert secret in to_guest.alternatives[0].content
    others = [each for each in messages if each is not to_guest]
    assert others
    for message in others:
        assert secret not in message.message().as_string()
    for row in Delivery.objects.values():
        assert secret not in str(row)
        assert "ada@example.org" not in str(row)
    # Nor is it in the calendar, which is passed on, nor in a log.
    house.staff_do(anonymous, APPROVE)
    (confirmed,) = mails()
    assert secret not in calendar_in(confirmed).to_ical().decode()
    assert secret not in caplog.text
    assert "ada@example.org" not in caplog.text

    # Over, it leads nowhere.
    house.staff_do(anonymous, CANCEL)
    (cancelled,) = mails()
    assert secret not in cancelled.body


def create_booking_as_guest(house: House) -> Booking:
    return create_booking(actor=ANONYMOUS, seats=seats_on(house.slot, 2, guest=ADA))


def test_an_event_that_comes_again_tells_nothing_again(mails) -> None:
    house = House()
    house.book()
    assert len(mails()) == 1
    for _ in range(3):
        Event.objects.update(delivered_at=None)
        relay()
        send(due_now=True)
    assert mail.outbox == []
    assert Delivery.objects.filter(state=DeliveryState.SENT).count() == 1


def test_messages_to_one_reader_go_in_order(mails) -> None:
    house = House()
    booking = house.book()
    relay()
    # The first waits for another attempt; what came after it does not overtake it.
    waiting = Delivery.objects.get(booking=booking, kind=Kind.CONFIRMED)
    Delivery.objects.filter(pk=waiting.pk).update(
        next_attempt_at=waiting.created_at + timedelta(hours=1)
    )
    apply_transition(actor=account(house.guest.pk), booking_id=booking.pk, transition=CANCEL)
    assert [who for who, _ in told(mails())] == ["owner@house.example"]
    send(due_now=True)
    send(due_now=True)
    assert [message.subject for message in mail.outbox] == [
        "Your booking at Noma is confirmed",
        "Your booking at Noma is cancelled",
    ]


def test_staff_hear_of_the_venues_where_they_work_and_not_of_their_own_doing(mails) -> None:
    house = House(confirmation_mode="MANUAL")
    elsewhere = make_venue(organization=house.organization)
    manager = make_member(house.organization, Role.MANAGER, email="manager@house.example")
    membership = house.owner.memberships.get()
    membership.role, membership.venue_ids = Role.STAFF, [elsewhere.pk]
    membership.save()
    booking = house.book()
    assert [who for who, _ in told(mails())] == ["guest@example.org", "manager@house.example"]
    create_booking(actor=account(manager.pk), seats=seats_on(house.slot, 1, guest=ADA))
    assert [who for who, _ in told(mails())] == ["ada@example.org"]
    assert booking.organization_id == house.organization.pk


def test_an_old_event_is_news_no_more() -> None:
    house = House()
    house.book()
    event = Event.objects.get(name="booking.created")
    event.recorded_at -= timedelta(days=31)
    event.name = "booking.confirmed"
    event.payload["status"] = "CONFIRMED"
    tell_of_bookings([event])
    assert not Delivery.objects.exists()
    event.recorded_at += timedelta(days=31)
    tell_of_bookings([event, event])
    assert Delivery.objects.count() == 1
    assert relay_pending_events()

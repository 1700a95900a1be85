"""Bookings are made, moved and resized from the admin, through the desk alone."""

import pytest
from django.urls import reverse

from accounts.actors import account
from accounts.models import Role
from bookings.models import Booking, Slot
from bookings.services.bookings import apply_transition
from bookings.states import APPROVE, CHECK_IN
from reserve.outbox.models import Event
from tests.admin.tenants import page_of
from tests.factories import make_member, make_slot

ADD = "/admin/bookings/booking/add/"


def asked(slot: Slot, **fields) -> str:
    day = slot.venue.local(slot.starts_at).date()
    query = {"venue": slot.venue_id, "date": day, "guest_count": 3, "slot_count": 1} | fields
    return ADD + "?" + "&".join(f"{name}={value}" for name, value in query.items())


def guest(slot: Slot, **fields) -> dict[str, object]:
    return {"slot": slot.public_id, "name": "Ada Desk", "phone": "+45 12 34", "key": "k1"} | fields


def book(browser, slot: Slot, **fields):
    return browser.post_once(asked(slot), guest(slot, **fields))


@pytest.fixture
def slot(ours) -> Slot:
    return make_slot(ours.resource, starts_at=ours.slot.ends_at)


@pytest.mark.parametrize("role", list(Role))
def test_staff_of_every_role_book_for_somebody(role, ours, slot, admin_of) -> None:
    person = make_member(ours.organization, role)
    browser = admin_of(person)
    page = browser.get(asked(slot))
    assert {one for _, one in page.context["slots"]} == {ours.slot, slot}
    answer = book(browser, slot, notes="By the <window>")
    booking = Booking.objects.get(guest__name="Ada Desk")
    assert answer["Location"] == page_of(Booking, "change", booking)
    assert (booking.guest_count, booking.notes) == (3, "By the <window>")
    assert (booking.status, booking.customer_id) == ("PENDING", None)
    event = Event.objects.get(subject_id=booking.pk)
    assert (event.name, event.payload["actor"]) == ("booking.created", person.public_id)
    slot.refresh_from_db()
    assert slot.reserved == 3
    # The same form again is the same booking.
    assert book(browser, slot, notes="By the <window>")["Location"] == answer["Location"]
    slot.refresh_from_db()
    assert slot.reserved == 3


def test_a_slot_leads_to_the_form_with_its_day(ours, slot, admin_of) -> None:
    page = admin_of(ours.staff).get(f"{ADD}?slot={slot.public_id}")
    assert page.context["chosen"] == slot.public_id
    assert slot in {one for _, one in page.context["slots"]}


def test_what_cannot_be_booked_is_refused_and_leaves_nothing(ours, theirs, slot, admin_of) -> None:
    browser = admin_of(ours.staff)
    # A hold that has lapsed on the slot may go meanwhile.
    events = Event.objects.exclude(name="booking.expired")
    before = Booking.objects.count(), events.count()
    for fields, sentence in (
        ({"name": ""}, "This field is required."),
        ({"email": "nobody"}, "Enter a valid e-mail address."),
        ({"slot": "nothing"}, "id"),
        ({"slot": theirs.slot.public_id}, "There is nothing here by that id."),
    ):
        page = browser.post_once(asked(slot), guest(slot) | fields)
        assert page.status_code == 200
        assert sentence in page.content.decode(), fields
    Slot.objects.filter(pk=slot.pk).update(is_closed=True)
    assert "The venue has closed this slot." in book(browser, slot).content.decode()
    page = browser.post_once(asked(theirs.slot), guest(theirs.slot))
    assert page.status_code == 200
    assert not page.context["is_found"]
    page = browser.get(f"{ADD}?slot={theirs.slot.public_id}")
    assert not page.context["is_found"]
    assert (Booking.objects.count(), events.count()) == before
    for nonsense in ("?date=never&venue=1", "?slot=x", "?guest_count=-1", "?slot_count=99999"):
        assert browser.get(ADD + nonsense).status_code == 200


def test_a_booking_is_moved_with_a_reason(ours, slot, admin_of) -> None:
    browser = admin_of(ours.staff)
    address = reverse("admin:bookings_booking_move", args=[ours.booking.pk])
    page = browser.get(address)
    assert {one for _, one in page.context["slots"]} == {ours.slot, slot}
    answer = browser.post(address, {"slot": slot.public_id, "reason": "Their train is late"})
    assert answer["Location"] == page_of(Booking, "change", ours.booking)
    moved = Booking.objects.get(pk=ours.booking.pk)
    assert moved.starts_at == slot.starts_at
    line = browser.get(answer["Location"]).context["history"][-1]
    assert (line.what, line.by, line.reason) == (
        "Rescheduled",
        "staff ours",
        "Their train is late",
    )
    assert [Slot.objects.get(pk=each.pk).reserved for each in (ours.slot, slot)] == [0, 2]


def test_a_party_is_resized_with_a_reason(ours, admin_of) -> None:
    browser = admin_of(ours.staff)
    address = reverse("admin:bookings_booking_party", args=[ours.booking.pk])
    browser.post(address, {"guest_count": 5, "notes": "Two chairs", "reason": "They called"})
    booking = Booking.objects.get(pk=ours.booking.pk)
    assert (booking.guest_count, booking.seats, booking.notes) == (5, 5, "Two chairs")
    page = browser.get(page_of(Booking, "change", booking))
    assert page.context["history"][-1].reason == "They called"


def test_refused_moves_and_sizes_change_nothing(ours, theirs, slot, admin_of) -> None:
    browser = admin_of(ours.staff)
    move = reverse("admin:bookings_booking_move", args=[ours.booking.pk])
    party = reverse("admin:bookings_booking_party", args=[ours.booking.pk])
    before = Booking.objects.values().get(pk=ours.booking.pk)
    # Of this booking: a hold that has lapsed on the slot may go meanwhile.
    events = Event.objects.filter(subject_id=ours.booking.pk)
    known = events.count()
    Slot.objects.filter(pk=slot.pk).update(capacity=1)
    for target in (slot.public_id, theirs.slot.public_id, "nothing", ""):
        assert browser.post(move, {"slot": target}).status_code == 200
    for size in ("11", "0", "many", "", "9" * 30):
        browser.post(party, {"guest_count": size, "notes": ""})
    browser.post(party, {"guest_count": "3", "reason": "x" * 501})
    for address in (move, party):
        assert admin_of(theirs.owner).post(address, {"slot": slot.public_id}).status_code == 302
    staff = account(ours.staff.pk)
    assert Booking.objects.values().get(pk=ours.booking.pk) == before
    assert events.count() == known
    for transition in (APPROVE, CHECK_IN):
        apply_transition(actor=staff, booking_id=ours.booking.pk, transition=transition)
    assert browser.get(move).status_code == 302
    page = browser.get(page_of(Booking, "change", ours.booking))
    assert not page.context["is_changeable"]
    assert browser.get(f"{move}?date=0001-01-01").status_code == 302

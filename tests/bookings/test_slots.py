from datetime import timedelta

import pytest

from accounts.actors import ANONYMOUS, SYSTEM
from bookings import full_slots, selectors
from bookings.models import Booking, Slot
from bookings.services.bookings import (
    create_booking,
    create_hold,
    decline_unanswered,
    release_lapsed_holds,
)
from reserve.core.clock import now
from reserve.core.errors import Unauthenticated
from reserve.outbox.models import Event
from reserve.outbox.services import relay_pending_events
from tests.factories import (
    make_consecutive_slots,
    make_customer,
    make_resource,
    make_slot,
    make_venue,
    seats_on,
    somebody,
    tomorrow_at,
)
from venues.models import ConfirmationMode, Venue

pytestmark = pytest.mark.django_db


def test_only_what_can_be_booked_now_is_available() -> None:
    resource = make_resource(make_venue(timezone="UTC"), capacity=4)
    free = make_slot(resource)
    make_slot(resource, starts_at=tomorrow_at(14), is_closed=True)
    make_slot(resource, starts_at=tomorrow_at(15), reserved=4)
    nearly_full = make_slot(resource, starts_at=tomorrow_at(16), reserved=3)
    day = tomorrow_at(0).date()

    def available(**asked: object) -> list[Slot]:
        return selectors.available_slots(
            actor=ANONYMOUS,
            venue_id=resource.venue_id,
            day=day,
            **asked,  # type: ignore[arg-type]
        )

    assert available() == [free, nearly_full]
    assert available(guest_count=2) == [free]
    assert available(guest_count=5) == []
    assert available(resource_id=make_resource().pk) == []


def test_a_run_of_slots_is_available_where_all_of_it_is() -> None:
    resource = make_resource(make_venue(timezone="UTC"), capacity=4)
    slots = make_consecutive_slots(resource, 4)
    Slot.objects.filter(pk=slots[2].pk).update(reserved=4)
    found = selectors.available_slots(
        actor=ANONYMOUS, venue_id=resource.venue_id, day=tomorrow_at(0).date(), slot_count=2
    )
    assert found == [slots[0]]


@pytest.mark.parametrize("rows", [1, 20])
def test_availability_costs_the_same_for_one_slot_as_for_twenty(
    rows: int, django_assert_num_queries
) -> None:
    resource = make_resource(make_venue(timezone="UTC"))
    make_consecutive_slots(resource, rows)
    with django_assert_num_queries(2):
        selectors.available_slots(
            actor=ANONYMOUS, venue_id=resource.venue_id, day=tomorrow_at(0).date()
        )


def _lapse(booking: Booking) -> None:
    past = now() - timedelta(seconds=1)
    Booking.objects.filter(pk=booking.pk).update(hold_expires_at=past)
    Slot.objects.filter(bookings=booking).update(next_lapse_at=past)
    full_slots.forget()


def test_sweeping_gives_the_seats_of_lapsed_holds_back_once() -> None:
    slots = make_consecutive_slots(make_resource(capacity=4), 2)
    lapsed = create_hold(actor=make_customer(), seats=seats_on(slots[0], 2, slot_count=2))
    alive = create_hold(actor=make_customer(), seats=seats_on(slots[0], 1))
    _lapse(lapsed)

    assert release_lapsed_holds() == 1
    assert release_lapsed_holds() == 0

    assert [slot.reserved for slot in Slot.objects.order_by("starts_at")] == [1, 0]
    assert Booking.objects.get(pk=lapsed.pk).status == "EXPIRED"
    assert Booking.objects.get(pk=alive.pk).status == "HELD"
    assert Slot.objects.get(pk=slots[0].pk).next_lapse_at == alive.hold_expires_at
    assert list(Event.objects.filter(subject_id=lapsed.pk).values_list("name", flat=True)) == [
        "booking.held",
        "booking.expired",
    ]


def test_a_booking_takes_the_seats_of_a_lapsed_hold_that_reaches_further_than_itself() -> None:
    slots = make_consecutive_slots(make_resource(capacity=4), 3)
    hold = create_hold(actor=make_customer(), seats=seats_on(slots[0], 4, slot_count=3))
    _lapse(hold)
    create_booking(actor=make_customer(), seats=seats_on(slots[1], 4))
    assert [slot.reserved for slot in Slot.objects.order_by("starts_at")] == [0, 4, 0]
    assert Booking.objects.get(pk=hold.pk).status == "EXPIRED"


def test_a_pending_booking_that_nobody_answered_is_declined_at_its_start() -> None:
    slot = make_slot()
    booking = create_booking(actor=make_customer(), seats=seats_on(slot))
    assert decline_unanswered() == 0
    Booking.objects.filter(pk=booking.pk).update(starts_at=now() - timedelta(seconds=1))
    assert decline_unanswered() == 1
    booking.refresh_from_db()
    slot.refresh_from_db()
    assert (booking.status, slot.reserved) == ("DECLINED", 0)
    assert Event.objects.get(name="booking.declined").payload["actor"] == SYSTEM.kind.value


@pytest.mark.parametrize(
    ("mode", "status"),
    [(ConfirmationMode.AUTOMATIC, "CONFIRMED"), (ConfirmationMode.MANUAL, "PENDING")],
)
def test_the_relay_confirms_where_the_venue_leaves_it_to_the_queue(mode: str, status: str) -> None:
    slot = make_slot()
    Venue.objects.filter(pk=slot.venue_id).update(confirmation_mode=mode)
    booking = create_booking(actor=make_customer(), seats=seats_on(slot))
    while relay_pending_events():
        pass
    booking.refresh_from_db()
    assert booking.status == status


def test_the_same_guest_of_an_organization_is_found_again() -> None:
    slot, customer = make_slot(), make_customer()
    first = create_booking(actor=customer, seats=seats_on(slot))
    second = create_booking(actor=customer, seats=seats_on(slot))
    elsewhere = create_booking(actor=customer, seats=seats_on(make_slot()))
    assert first.guest == second.guest
    assert elsewhere.guest != first.guest
    assert elsewhere.guest.account_id == customer.user_id


def test_a_booking_is_always_for_somebody() -> None:
    with pytest.raises(Unauthenticated):
        create_booking(actor=SYSTEM, seats=seats_on(make_slot()))
    assert create_booking(actor=SYSTEM, seats=seats_on(make_slot(), guest=somebody())).pk

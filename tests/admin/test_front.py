"""The front page: what is to be known and done now, and nobody else's."""

from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.actors import account
from bookings.models import Booking, LedgerCheck, Publication, Slot
from bookings.services.bookings import apply_transition, create_booking, create_hold
from bookings.states import APPROVE
from reserve.core.clock import now
from tests.admin.tenants import make_rows
from tests.factories import make_customer, make_member, make_slot, make_venue, seats_on, somebody


def front(browser):
    response = browser.get(reverse("admin:index"))
    assert response.status_code == 200
    return response


def slot_now(resource, **fields) -> Slot:
    """One that has begun, so that it is on the present day of its venue."""
    start = now() - timedelta(seconds=1)
    return make_slot(resource, starts_at=start, ends_at=start + timedelta(minutes=5), **fields)


def test_occupancy_is_of_the_venues_day_without_lapsed_holds(ours, theirs, admin_of) -> None:
    slot = slot_now(ours.resource)
    staff = account(ours.staff.pk)
    create_booking(actor=staff, seats=seats_on(slot, 4, guest=somebody()))
    hold = create_hold(actor=staff, seats=seats_on(slot, 3, guest=somebody()))
    lapse = now() - timedelta(seconds=1)
    Booking.objects.filter(pk=hold.pk).update(hold_expires_at=lapse)
    Slot.objects.filter(pk=slot.pk).update(next_lapse_at=lapse)
    slot_now(theirs.resource)
    today = front(admin_of(ours.staff)).context["today"]
    assert [(venue, load.used, load.capacity) for venue, load in today.occupancies] == [
        (ours.venue, 4, 10)
    ]
    Slot.objects.filter(pk=slot.pk).update(is_closed=True)
    today = front(admin_of(ours.staff)).context["today"]
    assert [load.capacity for _, load in today.occupancies] == [0]


def test_arrivals_and_pending_bookings(ours, theirs, admin_of) -> None:
    page = front(admin_of(ours.staff))
    assert [booking for booking, _ in page.context["pending"]] == [ours.booking]
    assert page.context["arrivals"] == []
    soon = make_slot(ours.resource, starts_at=now() + timedelta(hours=1))
    coming = create_booking(actor=make_customer(), seats=seats_on(soon, 2))
    browser = admin_of(ours.staff)
    action = {"action": "approve", "_selected_action": coming.pk, "index": 0, "_from_front": 1}
    answer = browser.post(reverse("admin:bookings_booking_changelist") + "?day=all", action)
    assert answer["Location"] == reverse("admin:index")
    page = front(browser)
    assert [booking for booking, _ in page.context["arrivals"]] == [coming]
    assert "Venue theirs" not in page.content.decode()
    assert page.content.decode().count('value="check_in"') == 1
    browser.post(reverse("admin:bookings_booking_changelist"), action | {"action": "check_in"})
    assert front(browser).context["arrivals"] == []
    assert Booking.objects.get(pk=coming.pk).status == "CHECKED_IN"


def test_trouble_is_told_to_whoever_can_see_to_it(ours, theirs, superuser, admin_of) -> None:
    Publication.objects.create(organization=ours.organization, venue=ours.venue, conflict_count=3)
    bare = make_venue(organization=ours.organization, name="Bare")
    told = {
        role: [trouble.text for trouble in front(admin_of(person)).context["troubles"]]
        for role, person in (("owner", ours.owner), ("staff", ours.staff), ("all", superuser))
    }
    at_venue = [
        f"{ours.venue}: 3 slots in conflict with the schedule",
        f"{bare}: no opening hours, so nothing can be booked",
    ]
    message = "1 message could not be sent"
    webhook = "1 webhook message did not arrive"
    assert told["owner"] == ["1 dead event", message, webhook, *at_venue]
    assert told["staff"] == [message, *at_venue]
    assert told["all"][:3] == [
        *("2 dead events", "2 messages could not be sent", "2 webhook messages did not arrive")
    ]
    assert "1 problem in the ledger" in told["all"]
    for trouble in front(admin_of(ours.owner)).context["troubles"]:
        assert admin_of(ours.owner).get(trouble.address).status_code == 200


def test_a_ledger_that_nobody_checks_is_trouble(superuser, admin_of) -> None:
    def told() -> list[str]:
        return [trouble.text for trouble in front(admin_of(superuser)).context["troubles"]]

    assert told() == ["The ledger has never been checked"]
    started = now() - timedelta(days=3)
    LedgerCheck.objects.create(
        started_at=started, seconds=1, slots=0, bookings=0, events=0, problem_count=0
    )
    assert told() == [f"The ledger was checked last on {started:%Y-%m-%d}"]


def test_staff_who_are_limited_to_a_venue_see_it_alone(ours, admin_of) -> None:
    make_rows(ours.organization, "more")
    person = make_member(ours.organization, venues=[ours.venue])
    today = front(admin_of(person)).context["today"]
    assert [venue for venue, _ in today.occupancies] == [ours.venue]


def test_the_front_costs_the_same_for_2_venues_as_for_12(ours, superuser, admin_of) -> None:
    def grow(number: int) -> None:
        for _ in range(number):
            rows = make_rows(ours.organization, "more")
            slot_now(rows["resource"])
            Publication.objects.create(
                organization=ours.organization, venue=rows["venue"], conflict_count=1
            )
            soon = make_slot(rows["resource"], starts_at=now() + timedelta(hours=2))
            for actor in (make_customer(), make_customer()):
                booking = create_booking(actor=actor, seats=seats_on(soon))
            apply_transition(
                actor=account(ours.staff.pk), booking_id=booking.pk, transition=APPROVE
            )

    def cost(person) -> int:
        browser = admin_of(person)
        front(browser)
        with CaptureQueriesContext(connection) as queries:
            front(browser)
        return len(queries)

    people = (ours.owner, ours.staff, superuser)
    grow(1)
    few = [cost(person) for person in people]
    grow(10)
    assert [cost(person) for person in people] == few
    assert max(few) < 25

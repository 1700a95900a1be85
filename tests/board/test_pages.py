"""The pages of the live board, without a browser."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from accounts.actors import account
from accounts.models import Membership, Organization, Role, User
from bookings.models import Booking, Slot
from bookings.services.bookings import create_booking, create_hold
from bookings.states import BookingStatus
from reserve.core.clock import now
from tests.factories import (
    make_customer,
    make_member,
    make_organization,
    make_resource,
    make_slot,
    make_user,
    make_venue,
    seats_on,
    somebody,
    tomorrow_at,
)

pytestmark = pytest.mark.django_db(transaction=True)


def board(slot: Slot, path: str = "") -> str:
    return f"/dashboard/{slot.venue.public_id}/{path}"


def on_day(slot: Slot) -> dict[str, str]:
    return {"date": slot.venue.local(slot.starts_at).date().isoformat()}


def test_the_board_shows_the_day(browser: Client, slot: Slot) -> None:
    booking = create_booking(
        actor=make_customer(), seats=seats_on(slot, 3, notes="By <b>window</b>")
    )
    create_hold(actor=make_customer(), seats=seats_on(slot, 2))
    text = browser.get(board(slot), on_day(slot)).content.decode()
    assert slot.venue.name in text
    assert booking.confirmation_code in text
    assert "By &lt;b&gt;window" in text
    # Booked seats and held ones are drawn apart.
    booked, held = (round(100 * seats / slot.capacity, 2) for seats in (3, 2))
    assert f'<rect class="booked" width="{booked}%" height="100%"/>' in text
    assert f'<rect class="held" x="{booked}%" width="{held}%" height="100%"/>' in text
    # A part of the page is the same as within it.
    part = browser.get(board(slot, "board"), on_day(slot)).content.decode()
    assert part.startswith('<main id="board"')
    assert booking.confirmation_code in part


def _staff(organization: Organization) -> User:
    return make_member(organization, Role.STAFF)


def _manager(organization: Organization) -> User:
    return make_member(organization, Role.MANAGER)


def _elsewhere(organization: Organization) -> User:
    user = make_member(organization, Role.STAFF)
    other = make_venue(organization=organization)
    Membership.objects.filter(user=user).update(venue_ids=[other.pk])
    return user


def _stranger(_organization: Organization) -> User:
    return make_member(make_organization(), Role.OWNER)


def _customer(_organization: Organization) -> User:
    return make_user()


def _suspended(organization: Organization) -> User:
    return make_member(organization, Role.OWNER, is_active=False)


@pytest.mark.parametrize(
    ("who", "status"),
    [
        (_staff, 200),
        (_manager, 200),
        (_elsewhere, 403),
        (_stranger, 403),
        (_customer, 302),
        (_suspended, 302),
        (None, 302),
    ],
)
def test_who_sees_and_works_a_board(
    slot: Slot, who: Callable[[Organization], User] | None, status: int
) -> None:
    # On a day that is today nowhere: the first page shows who comes next today.
    slot = make_slot(slot.resource, starts_at=tomorrow_at(12) + timedelta(days=2))
    booking = create_booking(actor=make_customer(), seats=seats_on(slot, 2))
    client = Client()
    if who:
        client.force_login(who(slot.venue.organization))
    for path in ("", "board", f"slots/{slot.public_id}"):
        answer = client.get(board(slot, path))
        assert answer.status_code == status, path
        assert (booking.confirmation_code in answer.content.decode()) == (
            status == 200 and path.startswith("slots")
        )
    client.post(board(slot, f"bookings/{booking.public_id}/approve"))
    client.post(board(slot, f"slots/{slot.public_id}/walk-in"), {"guest_count": "1"})
    booking.refresh_from_db()
    slot.refresh_from_db()
    is_let = status == 200
    assert (booking.status, slot.reserved) == (("CONFIRMED", 3) if is_let else ("PENDING", 2))


def test_a_private_venue_and_none_look_alike(slot: Slot) -> None:
    private = make_slot(make_resource(make_venue(is_public=False)))
    client = Client()
    client.force_login(_stranger(slot.venue.organization))
    nowhere = f"/dashboard/venue_{'0' * 26}/"
    assert client.get(board(private)).status_code == client.get(nowhere).status_code == 404
    assert client.get(board(private)).content == client.get(nowhere).content
    assert client.get("/dashboard/slot_1/").status_code == 400


def test_a_walk_in_is_seated_by_one_post(browser: Client, staff: User) -> None:
    resource = make_resource(
        make_venue(organization=Membership.objects.get(user=staff).organization)
    )
    later = make_slot(resource)
    begun = make_slot(
        resource, starts_at=now() - timedelta(minutes=10), ends_at=now() + timedelta(minutes=20)
    )
    htmx = {"HX-Request": "true"}
    for slot, status in ((later, "CONFIRMED"), (begun, "CHECKED_IN")):
        answer = browser.post(
            board(slot, f"slots/{slot.public_id}/walk-in"), {"guest_count": "2"}, headers=htmx
        )
        assert answer.status_code == 200
        booking = Booking.objects.get(slots=slot)
        assert (booking.status, booking.guest_count, booking.guest.name) == (status, 2, "Walk-in")
        assert booking.confirmation_code in answer.content.decode()
    for nonsense in ("", "0", "-1", "two", "1.5", "999999999999"):
        answer = browser.post(
            board(later, f"slots/{later.public_id}/walk-in"),
            {"guest_count": nonsense},
            headers=htmx,
        )
        assert "from 1 to" in answer.content.decode()
    too_many = browser.post(
        board(later, f"slots/{later.public_id}/walk-in"), {"guest_count": "9"}, headers=htmx
    )
    assert "seats" in too_many.content.decode()
    assert Booking.objects.count() == 2


def test_a_slot_tells_why_nobody_can_be_seated(browser: Client, slot: Slot) -> None:
    def panel() -> str:
        return browser.get(board(slot, f"slots/{slot.public_id}")).content.decode()

    assert 'name="guest_count"' in panel()
    ended = now() - timedelta(minutes=1)
    for change, told in (
        ({"is_closed": True}, "Closed: nobody can book it."),
        (
            {"is_closed": False, "starts_at": ended - timedelta(minutes=30), "ends_at": ended},
            "This time is over.",
        ),
    ):
        Slot.objects.filter(pk=slot.pk).update(**change)
        assert told in panel()
        assert 'name="guest_count"' not in panel()


def test_buttons_move_bookings_and_tell_of_refusals(browser: Client, slot: Slot) -> None:
    booking = create_booking(actor=make_customer(), seats=seats_on(slot, 2))
    htmx = {"HX-Request": "true"}

    def press(verb: str) -> str:
        path = board(slot, f"bookings/{booking.public_id}/{verb}")
        return browser.post(path, on_day(slot), headers=htmx).content.decode()

    for verb, status in (
        ("approve", BookingStatus.CONFIRMED),
        ("check-in", BookingStatus.CHECKED_IN),
        ("undo-check-in", BookingStatus.CONFIRMED),
        ("no-show", BookingStatus.NO_SHOW),
        ("check-in", BookingStatus.CHECKED_IN),
        ("complete", BookingStatus.COMPLETED),
    ):
        assert 'role="alert"></p>' in press(verb)
        booking.refresh_from_db()
        assert booking.status == status
    assert 'role="alert"></p>' not in press("cancel")
    booking.refresh_from_db()
    assert booking.status == BookingStatus.COMPLETED
    # Without scripts the whole page comes back.
    plain = browser.post(board(slot, f"bookings/{booking.public_id}/cancel"), on_day(slot))
    assert plain.status_code == 302
    assert plain.headers["location"] == board(slot) + "?date=" + on_day(slot)["date"]
    assert browser.post(board(slot, f"bookings/{booking.public_id}/steal")).status_code == 404
    assert browser.get(board(slot, f"bookings/{booking.public_id}/cancel")).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser.cookies
    assert strict.post(board(slot, f"bookings/{booking.public_id}/cancel")).status_code == 403


def test_days_that_make_no_sense_are_refused(browser: Client, slot: Slot) -> None:
    for day in ("tomorrow", "2026-13-01", "0001-01-01", "9999-12-31"):
        answer = browser.get(board(slot), {"date": day})
        assert answer.status_code == 400, day
        assert "Traceback" not in answer.content.decode()


def test_a_board_costs_the_same_statements_for_one_booking_as_for_many(
    browser: Client, slot: Slot, django_assert_max_num_queries
) -> None:
    create_booking(actor=make_customer(), seats=seats_on(slot, 1))

    def cost() -> int:
        with django_assert_max_num_queries(30) as captured:
            assert browser.get(board(slot, "board"), on_day(slot)).status_code == 200
        return len(captured)

    # The first page of a session writes when it began.
    cost()
    one = cost()
    for _ in range(3):
        resource = make_resource(slot.venue)
        for number in range(4):
            other = make_slot(resource, starts_at=slot.starts_at + timedelta(minutes=30 * number))
            create_booking(actor=make_customer(), seats=seats_on(other, 1))
    assert cost() == one


def test_the_venues_to_choose_from_are_ones_own(staff: User, browser: Client, slot: Slot) -> None:
    alone = browser.get("/dashboard/")
    assert alone.headers["location"] == board(slot)
    second = make_venue(organization=slot.venue.organization)
    foreign = make_venue()
    text = browser.get("/dashboard/").content.decode()
    assert second.name in text
    assert foreign.name not in text
    create_booking(
        actor=account(staff.pk), seats=seats_on(make_slot(make_resource(second)), guest=somebody())
    )


def test_boards_speak_the_browsers_language(browser: Client, slot: Slot) -> None:
    answer = browser.get(board(slot), on_day(slot), headers={"Accept-Language": "da,en;q=0.5"})
    text = answer.content.decode()
    assert '<html lang="da"' in text
    assert "Næste ankomster" in text

"""Bookings change by actions only, and these go through the desk."""

import pytest

from accounts.models import Role
from bookings.admin.bookings import MAX_REASON
from bookings.models import Booking, Slot
from reserve.outbox.models import Event
from tests.admin.tenants import page_of
from tests.factories import make_member


def act(browser, action: str, *bookings: Booking, **fields):
    """Send an action; return what it says of each booking."""
    response = browser.post(
        page_of(Booking, "changelist"),
        {
            "action": action,
            "_selected_action": [booking.pk for booking in bookings],
            "index": 0,
            **fields,
        },
        follow=True,
    )
    return [str(message) for message in response.context["messages"]]


def status_of(booking: Booking) -> str:
    return Booking.objects.get(pk=booking.pk).status


@pytest.mark.parametrize("role", list(Role))
def test_staff_of_every_role_move_bookings(role, ours, admin_of) -> None:
    browser = admin_of(make_member(ours.organization, role))
    code = ours.booking.confirmation_code
    assert act(browser, "approve", ours.booking) == [f"{code} is approved."]
    assert act(browser, "mark_as_no_show", ours.booking) == [f"{code} is marked as no-show."]
    assert act(browser, "check_in", ours.booking) == [f"{code} is checked in."]
    assert act(browser, "undo_check_in", ours.booking) == [f"{code} is no longer checked in."]
    act(browser, "check_in", ours.booking)
    assert act(browser, "complete", ours.booking) == [f"{code} is completed."]
    assert status_of(ours.booking) == "COMPLETED"


@pytest.mark.parametrize("action", ["decline", "cancel"])
def test_seats_go_back_and_the_history_says_why(action, ours, admin_of) -> None:
    browser = admin_of(ours.staff)
    act(browser, action, ours.booking, reason="A <burst> pipe")
    # Those of the lapsed hold have gone back with them.
    assert Slot.objects.get(pk=ours.slot.pk).reserved == 0
    event = Event.objects.filter(subject_id=ours.booking.pk).latest("sequence")
    assert event.payload["reason"] == "A <burst> pipe"
    assert event.payload["actor"] == ours.staff.public_id

    page = browser.get(page_of(Booking, "change", ours.booking))
    assert [(line.what, line.by, line.reason) for line in page.context["history"]] == [
        ("Created", "Guest ours", ""),
        (event.name.partition(".")[2].capitalize(), "staff ours", "A <burst> pipe"),
    ]
    assert "A &lt;burst&gt; pipe" in page.content.decode()
    assert page.context["moves"] == []


def test_each_booking_has_its_own_outcome(ours, admin_of) -> None:
    hold = Booking.objects.get(status="HELD")
    said = act(admin_of(ours.staff), "decline", ours.booking, hold)
    assert set(said) == {
        f"{ours.booking.confirmation_code} is declined.",
        f"{hold.confirmation_code}: The hold has lapsed.",
    }


def test_approving_is_not_undoing_a_check_in(ours, admin_of) -> None:
    browser = admin_of(ours.staff)
    act(browser, "approve", ours.booking)
    act(browser, "check_in", ours.booking)
    (said,) = act(browser, "approve", ours.booking)
    assert "cannot be approved" in said
    assert status_of(ours.booking) == "CHECKED_IN"


def test_a_refused_action_changes_nothing(ours, admin_of) -> None:
    browser = admin_of(ours.staff)
    events = Event.objects.filter(subject_id=ours.booking.pk)
    before = events.count()
    (said,) = act(browser, "complete", ours.booking)
    assert said.endswith("A booking that is pending cannot be completed.")
    (said,) = act(browser, "cancel", ours.booking, reason="x" * (MAX_REASON + 1))
    assert status_of(ours.booking) == "PENDING"
    assert events.count() == before


def test_an_administrator_works_for_every_organization(ours, superuser, admin_of) -> None:
    (said,) = act(admin_of(superuser), "approve", ours.booking)
    assert said.endswith("is approved.")
    assert status_of(ours.booking) == "CONFIRMED"


def test_the_page_of_a_booking_offers_what_its_status_allows(ours, admin_of) -> None:
    browser = admin_of(ours.staff)
    page = browser.get(page_of(Booking, "change", ours.booking))
    assert [name for name, _ in page.context["moves"]] == ["approve", "decline", "cancel"]
    response = browser.post(
        page_of(Booking, "changelist") + "?day=all",
        {"action": "approve", "_selected_action": ours.booking.pk, "index": 0, "_from_page": 1},
    )
    assert response["Location"] == page_of(Booking, "change", ours.booking)
    assert status_of(ours.booking) == "CONFIRMED"


def test_forms_take_no_changes(ours, superuser, admin_of) -> None:
    for person in (superuser, ours.owner):
        browser = admin_of(person)
        change = browser.post(page_of(Booking, "change", ours.booking), {"status": "CONFIRMED"})
        assert change.status_code == 403
        assert browser.get(page_of(Booking, "delete", ours.booking)).status_code == 403
        assert browser.post(page_of(Slot, "change", ours.slot), {"reserved": 0}).status_code == 403
        assert "delete_selected" not in _offered(browser, Booking)
    assert status_of(ours.booking) == "PENDING"


def _offered(browser, model) -> set[str]:
    form = browser.get(page_of(model, "changelist")).context["action_form"]
    return {name for name, _ in form.fields["action"].choices}

"""What a page would do to slots is shown before it is done."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import DELETION, LogEntry
from django.urls import reverse

from accounts.actors import SYSTEM
from bookings.admin.schedule import SEEN
from bookings.models import Slot
from bookings.services.bookings import create_booking
from bookings.services.publication import republish
from reserve.core.errors import Busy
from reserve.outbox.models import Event
from tests.admin.conftest import Person
from tests.admin.tenants import Tenant, answer, is_question, page_of
from tests.admin.test_forms import HOURS_ROW, VENUE, formset
from tests.factories import make_customer, seats_on
from venues.models import Closure, Venue
from venues.services.schedule import add_closure, remove_closure

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def person(ours: Tenant, admin_of) -> Person:
    Slot.objects.filter(pk=ours.slot.pk).update(version=1)
    return admin_of(ours.manager)


def closing(tenant: Tenant) -> dict:
    day = tenant.venue.local(tenant.slot.starts_at).date().isoformat()
    days = {"first_date": day, "last_date": day, "reason": "Snow"}
    return {"venue": tenant.venue.pk, "resource": ""} | days


def test_a_closure_is_asked_about_and_then_made(ours: Tenant, person: Person) -> None:
    page = page_of(Closure, "add")
    asked = person.post_once(page, closing(ours))
    assert is_question(asked)
    text = asked.content.decode()
    for told in (ours.booking.confirmation_code, ours.booking.guest.name, "Nothing has been saved"):
        assert told in text
    assert f"{ours.venue.local(ours.slot.starts_at):%Y-%m-%d %H:%M}" in text
    assert Closure.objects.count() == 1
    assert not Event.objects.filter(name="venue.schedule_changed").exists()

    saved = person.post_once(page, answer(asked))
    assert saved.status_code == 302
    assert Closure.objects.filter(reason="Snow").exists()
    (said,) = person.get(saved.url).context["messages"]
    assert "was added" in str(said)
    republish(venue_id=ours.venue.pk)
    ours.slot.refresh_from_db()
    assert (ours.slot.is_withdrawn, ours.booking.status) == (True, "PENDING")


def test_somebody_elses_change_is_shown_first(ours: Tenant, person: Person) -> None:
    asked = person.post_once(page_of(Closure, "add"), closing(ours))
    day = ours.closure.first_date + timedelta(days=9)
    add_closure(actor=SYSTEM, venue_id=ours.venue.pk, first_date=day, last_date=day)
    again = person.post_once(page_of(Closure, "add"), answer(asked))
    assert is_question(again)
    assert answer(again)[SEEN] != answer(asked)[SEEN]
    assert not Closure.objects.filter(reason="Snow").exists()


def test_what_moves_nothing_is_saved_at_once(ours: Tenant, person: Person) -> None:
    fields = VENUE | formset("resources")
    assert person.post_once(page_of(Venue, "change", ours.venue), fields).status_code == 302
    rows = fields | formset("opening_hours", HOURS_ROW)
    assert is_question(person.post_once(page_of(Venue, "change", ours.venue), rows))
    assert not ours.venue.opening_hours.filter(resource=None).exists()


def test_removing_a_closure_shows_what_opens(ours: Tenant, person: Person) -> None:
    page = page_of(Closure, "delete", ours.closure)
    asked = person.get(page)
    assert is_question(asked)
    assert "Nothing has been deleted" in asked.content.decode()
    # Who has not seen it, or not as it is now, is shown it first.
    day = ours.closure.first_date + timedelta(days=9)
    add_closure(actor=SYSTEM, venue_id=ours.venue.pk, first_date=day, last_date=day)
    for fields in ({"post": "yes"}, answer(asked)):
        response = person.post_once(page, fields)
        (said,) = person.get(response.url).context["messages"]
        assert (response.url, said.level_tag) == (page, "warning")
        assert Closure.objects.filter(pk=ours.closure.pk).exists()
    assert person.post_once(page, answer(person.get(page))).status_code == 302
    assert not Closure.objects.filter(pk=ours.closure.pk).exists()


def test_deleting_several_closures_is_asked_about(
    ours: Tenant, theirs: Tenant, person: Person
) -> None:
    day = ours.venue.local(ours.slot.starts_at).date()
    other = add_closure(actor=SYSTEM, venue_id=ours.venue.pk, first_date=day, last_date=day)
    republish(venue_id=ours.venue.pk)
    page = page_of(Closure, "changelist")
    chosen = {"_selected_action": [ours.closure.pk, other.pk, theirs.closure.pk]}
    deletion = {"action": "delete_selected", **chosen}
    for fields in (deletion, deletion | {"post": "yes"}):
        asked = person.post_once(page, fields)
        assert is_question(asked)
        text = asked.content.decode()
        assert ours.booking.confirmation_code in text
        assert theirs.venue.name not in text
    add_closure(actor=SYSTEM, venue_id=ours.venue.pk, first_date=day, last_date=day)
    again = person.post_once(page, answer(asked))
    assert is_question(again)
    assert Closure.objects.count() == 4
    assert person.post_once(page, answer(again)).status_code == 302
    kept = Closure.objects.values_list("pk", flat=True)
    assert ours.closure.pk not in kept
    assert other.pk not in kept
    assert theirs.closure.pk in kept
    assert LogEntry.objects.filter(action_flag=DELETION).count() == 2


def test_a_venue_that_somebody_changes_is_told_of_and_nothing_deleted(
    ours: Tenant, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = add_closure(
        actor=SYSTEM,
        venue_id=ours.venue.pk,
        first_date=ours.closure.first_date,
        last_date=ours.closure.first_date,
    )
    one, several = page_of(Closure, "delete", ours.closure), page_of(Closure, "changelist")
    chosen = {"action": "delete_selected", "_selected_action": [ours.closure.pk, other.pk]}
    answers = {
        one: answer(person.get(one)),
        several: answer(person.post_once(several, chosen)),
    }
    removals: list[object] = []

    def busy_at_the_second(**arguments: Any) -> None:
        removals.append(arguments)
        if len(removals) > 1:
            raise Busy
        remove_closure(**arguments)

    monkeypatch.setattr("venues.admin.closures.remove_closure", busy_at_the_second)
    for page in (several, one):
        response = person.post_once(page, answers[page])
        assert response.status_code == 302
        said = [str(message) for message in person.get(page).context["messages"]]
        assert said == [Busy.message]
        assert Closure.objects.count() == 2
        assert not LogEntry.objects.exists()


def test_conflicts_are_listed_for_staff(ours: Tenant, theirs: Tenant, admin_of) -> None:
    Slot.objects.filter(pk=ours.slot.pk).update(version=1)
    republish(venue_id=ours.venue.pk)
    page = reverse("admin:venues_venue_conflicts", args=[ours.venue.pk])
    browser = admin_of(ours.staff)
    change, changes = page_of(Venue, "change", ours.venue), page_of(Venue, "changelist")
    for linking in (change, changes):
        assert f'<a href="{page}">1</a>' in browser.get(linking).content.decode()
    text = browser.get(page).content.decode()
    for told in (ours.booking.confirmation_code, ours.booking.guest.name, "no longer offered"):
        assert told in text
    assert f"{ours.venue.local(ours.slot.starts_at):%Y-%m-%d %H:%M}" in text
    assert browser.get(page + "?after=mine!").url == page
    assert ours.booking.confirmation_code not in admin_of(theirs.owner).get(page).content.decode()
    assert admin_of(theirs.owner).get(page).status_code == 403
    assert browser.get(page_of(Venue, "add")).status_code == 403
    assert admin_of(ours.manager).get(page_of(Venue, "add")).status_code == 200


def test_others_are_shown_nothing_of_it(ours: Tenant, theirs: Tenant, admin_of) -> None:
    for user, code in ((theirs.manager, 200), (ours.staff, 403)):
        response = admin_of(user).post_once(page_of(Closure, "add"), closing(ours))
        assert response.status_code == code
        assert ours.booking.confirmation_code not in response.content.decode()
    assert Closure.objects.count() == 2


def test_staff_close_reopen_and_resize_slots(ours: Tenant, theirs: Tenant, admin_of) -> None:
    browser = admin_of(ours.staff)
    slots = page_of(Slot, "changelist") + "?day=all"
    for action, fields in (("close", {}), ("reopen", {}), ("set_capacity", {"capacity": "5"})):
        chosen = [ours.slot.pk, theirs.slot.pk]
        browser.post(slots, {"action": action, "_selected_action": chosen, **fields})
        ours.slot.refresh_from_db()
        assert ours.slot.is_closed is (action == "close")
    assert ours.slot.capacity == 5
    theirs.slot.refresh_from_db()
    assert (theirs.slot.capacity, theirs.slot.is_closed) == (10, False)
    create_booking(actor=make_customer(), seats=seats_on(ours.slot))
    browser.post(slots, {"action": "set_capacity", "_selected_action": [ours.slot.pk]})
    ours.slot.refresh_from_db()
    assert ours.slot.capacity == 5


def test_no_slot_is_given_a_capacity_that_makes_no_sense(ours: Tenant, admin_of) -> None:
    browser = admin_of(ours.staff)
    slots, before = page_of(Slot, "changelist") + "?day=all", list(Slot.objects.values())
    events = Event.objects.count()
    for capacity in ("0", "-1", str(2**31), "9" * 5_000, "2.5", "four", ""):
        chosen = {"action": "set_capacity", "_selected_action": [ours.slot.pk]}
        response = browser.post(slots, chosen | {"capacity": capacity}, follow=True)
        assert response.status_code == 200
        (said,) = response.context["messages"]
        if capacity in {"0", "-1", str(2**31)}:
            assert "capacity: This must be from 1 to" in str(said)
            assert said.level_tag == "error"
        else:
            assert said.level_tag in {"error", "warning"}
    assert (list(Slot.objects.values()), Event.objects.count()) == (before, events)


def test_staff_add_a_slot_by_the_venues_clock(ours: Tenant, theirs: Tenant, admin_of) -> None:
    browser, page = admin_of(ours.staff), page_of(Slot, "add")
    assert browser.get(page).status_code == 200
    day = (ours.slot.starts_at + timedelta(days=1)).date()
    fields = {"day": day.isoformat(), "start_time": "23:30", "end_time": "00:15", "capacity": ""}
    fields["resource"] = theirs.resource.pk
    assert browser.post(page, fields).context["adminform"].form.errors.keys() == {"resource"}
    fields["resource"] = ours.resource.pk
    assert browser.post(page, fields).status_code == 302
    slot = Slot.objects.get(is_added_by_hand=True)
    assert f"{ours.venue.local(slot.starts_at):%Y-%m-%d %H:%M}" == f"{day} 23:30"
    assert slot.ends_at - slot.starts_at == timedelta(minutes=45)
    assert Event.objects.filter(subject_id=slot.pk, payload__actor=ours.staff.public_id).exists()
    assert "start_time" in browser.post(page, fields).context["adminform"].form.errors

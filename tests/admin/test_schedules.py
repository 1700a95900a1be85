"""Venues' hours in the admin: the words of the services, and their effects."""

from datetime import date, time
from typing import Any

import pytest

from accounts.actors import account
from reserve.core.errors import Busy, Invalid
from reserve.outbox.models import Event
from tests.admin.tenants import Tenant, page_of
from tests.admin.test_forms import HOURS_ROW, NO_HOURS, RESOURCE_ROW, VENUE, errors_of, formset
from venues.models import Closure, OpeningHours, Resource, SpecialHours, Venue
from venues.services.schedule import Opening, add_special_hours, set_opening_hours
from venues.services.schedule import SpecialOpening as Special
from venues.services.venues import update_venue

SPECIAL_ROW = {key: value for key, value in HOURS_ROW.items() if key != "weekday"} | {
    "first_date": "2031-05-01",
    "last_date": "2031-05-02",
    "reason": "Fair",
}
# What two overlapping rows have in common but their first.
LATER = HOURS_ROW | {"opens_at": "17:30", "closes_at": "20:00"}


def post(browser, page: str, *parts: dict, **fields: Any):
    posted: dict[str, Any] = {}
    for part in parts:
        posted |= part
    return browser.post(page, posted | fields)


def formset_errors(response, prefix: str) -> list[dict]:
    assert response.status_code == 200
    formsets = [inline.formset for inline in response.context["inline_admin_formsets"]]
    (found,) = [each for each in formsets if each.prefix == prefix]
    return [{"": found.non_form_errors()}, *found.errors]


def changes_of(venue) -> list[list[str]]:
    events = Event.objects.filter(subject_id=venue.pk, name="venue.schedule_changed")
    return [event.payload["changed"] for event in events.order_by("sequence")]


@pytest.fixture
def browser(ours: Tenant, admin_of):
    return admin_of(ours.manager)


def test_a_venue_begins_with_the_resources_that_are_given(ours, browser) -> None:
    rows = formset("resources", RESOURCE_ROW, RESOURCE_ROW | {"name": "Bar", "position": 1})
    hours = formset("opening_hours", HOURS_ROW)
    assert post(browser, page_of(Venue, "add"), VENUE, rows, hours).status_code == 302
    venue = Venue.objects.get(slug="the-new-room")
    assert list(venue.resources.values_list("name", flat=True)) == ["Hall", "Bar"]
    assert venue.opening_hours.get().resource is None
    assert changes_of(venue) == [["resources"], ["resources"], ["opening_hours"]]
    assert {event.payload["actor"] for event in Event.objects.filter(subject_id=venue.pk)} == {
        ours.manager.public_id
    }


def test_a_venue_without_any_begins_with_one(browser) -> None:
    assert post(browser, page_of(Venue, "add"), VENUE, formset("resources")).status_code == 302
    assert Resource.objects.get(venue__slug="the-new-room").name == "The New Room"


def test_the_new_fields_are_kept(ours, browser) -> None:
    details = {
        "region": "Zealand",
        "latitude": "55.5",
        "longitude": "12.25",
        "contact_email": "hello@example.org",
        "website": "https://example.org",
        "picture_urls": "https://example.org/a,b.jpg\r\nhttps://example.org/c.jpg\r\n",
    }
    page = page_of(Venue, "change", ours.venue)
    assert post(browser, page, VENUE, formset("resources"), details).status_code == 302
    venue = Venue.objects.get(pk=ours.venue.pk)
    assert venue.picture_urls == ["https://example.org/a,b.jpg", "https://example.org/c.jpg"]
    assert (venue.region, venue.latitude, venue.longitude) == ("Zealand", 55.5, 12.25)
    # None of it moves slots.
    assert changes_of(venue) == []
    shown = browser.get(page).context["adminform"].form["picture_urls"].value()
    assert shown == "\n".join(venue.picture_urls)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Two\x07rooms"),
        ("timezone", "Mars/Olympus"),
        ("latitude", 91),
        ("maximum_party_size", -1),
        ("maximum_party_size", 2**31),
        ("booking_horizon_days", 36_525),
        ("hold_seconds", 0),
        ("picture_urls", "http://example.org/a.jpg"),
        ("website", "javascript:alert(1)"),
    ],
)
def test_a_form_says_what_the_service_says(ours, browser, field, value) -> None:
    change: dict[str, Any] = {field: [value] if field == "picture_urls" else value}
    if field == "latitude":
        change["longitude"] = 12
    with pytest.raises(Invalid) as refused:
        update_venue(actor=account(ours.manager.pk), venue_id=ours.venue.pk, changes=change)
    posted = change | {field: value}
    page = page_of(Venue, "change", ours.venue)
    errors = errors_of(post(browser, page, VENUE, formset("resources"), posted))
    assert errors == refused.value.details["errors"]
    assert Venue.objects.get(pk=ours.venue.pk).name == ours.venue.name


def test_position_and_party_sizes_go_together_in_the_form_too(ours, browser) -> None:
    page = page_of(Venue, "change", ours.venue)
    bad = {"latitude": 5, "minimum_party_size": 4, "maximum_party_size": 3}
    errors = errors_of(post(browser, page, VENUE, formset("resources"), bad))
    assert list(errors) == ["longitude", "maximum_party_size"]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"capacity": 0}, "capacity"),
        ({"capacity": 2**31}, "capacity"),
        ({"slot_minutes": 0}, "slot_minutes"),
        ({"slot_minutes": 600}, "slot_minutes"),
        ({"interval_minutes": 20}, "interval_minutes"),
        ({"closes_at": "10:00"}, "closes_at"),
        ({"valid_from": "2031-05-02", "valid_until": "2031-05-01"}, "valid_until"),
    ],
)
def test_hours_in_a_form_are_refused_as_by_the_service(ours, browser, row, field) -> None:
    before = list(OpeningHours.objects.values())
    page = page_of(Resource, "add")
    rows = formset("opening_hours", HOURS_ROW | {"weekday": 3}, HOURS_ROW | row)
    fields = RESOURCE_ROW | {"venue": ours.venue.pk}
    response = post(browser, page, fields, NO_HOURS, rows)
    _, first, second = formset_errors(response, "opening_hours")
    assert (first, list(second)) == ({}, [field])

    change: dict[str, Any] = {
        name: date.fromisoformat(value)
        if name.startswith("valid")
        else time.fromisoformat(value)
        if name.endswith("_at")
        else value
        for name, value in row.items()
    }
    bad = Opening(**({"weekday": 2, "opens_at": time(10), "closes_at": time(18)} | change))
    with pytest.raises(Invalid) as refused:
        set_opening_hours(
            actor=account(ours.manager.pk),
            venue_id=ours.venue.pk,
            resource_id=None,
            openings=[bad],
        )
    assert refused.value.details["errors"] == {f"openings.0.{field}": second[field]}
    assert list(OpeningHours.objects.values()) == before


@pytest.mark.parametrize(
    ("prefix", "rows"),
    [
        ("opening_hours", (HOURS_ROW, LATER)),
        (
            "special_hours",
            (SPECIAL_ROW, SPECIAL_ROW | {"opens_at": "17:30", "closes_at": "20:00"}),
        ),
    ],
)
def test_rows_that_overlap_are_refused_at_the_later_one(ours, browser, prefix, rows) -> None:
    page = page_of(Venue, "change", ours.venue)
    response = post(browser, page, VENUE, formset("resources"), formset(prefix, *rows))
    _, first, second = formset_errors(response, prefix)
    assert (first, list(second)) == ({}, ["opens_at"])
    assert "overlaps" in second["opens_at"][0]
    assert not SpecialHours.objects.exists()
    assert not OpeningHours.objects.filter(resource=None).exists()


def test_hours_of_a_venue_and_of_its_resource_are_on_their_own_pages(ours, browser) -> None:
    page = page_of(Venue, "change", ours.venue)
    rows = formset("opening_hours", HOURS_ROW), formset("special_hours", SPECIAL_ROW)
    assert post(browser, page, VENUE, formset("resources"), *rows).status_code == 302
    own = OpeningHours.objects.get(resource=ours.resource)
    whole = OpeningHours.objects.get(resource=None)
    assert (whole.venue, whole.organization) == (ours.venue, ours.organization)
    assert SpecialHours.objects.get().resource is None
    inlines = browser.get(page).context["inline_admin_formsets"]
    shown = [form.instance for inline in inlines for form in inline.formset.initial_forms]
    assert whole in shown
    assert own not in shown

    # One is changed, one is added, and one goes.
    row = HOURS_ROW | {"id": whole.pk, "venue": ours.venue.pk, "closes_at": "17:00"}
    rows = (formset("opening_hours", row, HOURS_ROW | {"weekday": 4}, initial=1),)
    special = SpecialHours.objects.get()
    gone = SPECIAL_ROW | {"id": special.pk, "venue": ours.venue.pk, "DELETE": "on"}
    rows += (formset("special_hours", gone, initial=1),)
    assert post(browser, page, VENUE, formset("resources"), *rows).status_code == 302
    closings = ours.venue.opening_hours.filter(resource=None).values_list("weekday", "closes_at")
    assert set(closings) == {(2, time(17)), (4, time(18))}
    assert not SpecialHours.objects.exists()
    assert OpeningHours.objects.get(resource=ours.resource) == own
    assert changes_of(ours.venue) == [["opening_hours"], ["special_hours"]] * 2


def test_closures_are_recorded(ours, browser) -> None:
    fields = {
        "venue": ours.venue.pk,
        "resource": "",
        "first_date": "2031-05-01",
        "last_date": "2031-05-02",
        "reason": "Repairs",
    }
    assert browser.post(page_of(Closure, "add"), fields).status_code == 302
    closure = Closure.objects.get(reason="Repairs")
    fields["last_date"] = "2031-05-03"
    assert browser.post(page_of(Closure, "change", closure), fields).status_code == 302
    closure.refresh_from_db()
    assert closure.last_date == date(2031, 5, 3)
    selected = {"action": "delete_selected", "_selected_action": [closure.pk], "post": "yes"}
    browser.post(page_of(Closure, "changelist"), selected)
    assert not Closure.objects.filter(pk=closure.pk).exists()
    assert changes_of(ours.venue) == [["closures"]] * 3


def test_what_came_between_is_told_and_nothing_written(ours, browser, monkeypatch) -> None:
    def refuse(**_arguments: Any) -> None:
        raise Busy

    monkeypatch.setattr("venues.admin.writing.set_opening_hours", refuse)
    page = page_of(Venue, "change", ours.venue)
    rows = formset("opening_hours", HOURS_ROW)
    response = post(browser, page, VENUE, formset("resources"), rows)
    assert response.status_code == 302
    assert Busy.message in browser.get(response.url).content.decode()
    ours.venue.refresh_from_db()
    assert ours.venue.name != VENUE["name"]


def test_special_hours_of_another_tenant_stay(ours, theirs, browser) -> None:
    special = add_special_hours(
        actor=account(theirs.manager.pk),
        venue_id=theirs.venue.pk,
        resource_id=None,
        opening=Special(
            first_date=date(2031, 1, 1),
            last_date=date(2031, 1, 1),
            opens_at=time(10),
            closes_at=time(12),
        ),
    )
    row = SPECIAL_ROW | {"id": special.pk, "venue": ours.venue.pk, "DELETE": "on"}
    page = page_of(Venue, "change", ours.venue)
    post(browser, page, VENUE, formset("resources"), formset("special_hours", row, initial=1))
    assert SpecialHours.objects.get() == special


def test_the_page_shows_a_whole_week(ours, browser) -> None:
    """Every day has a line; those without times say nothing, and change nothing."""
    hours = [Opening(weekday=weekday, opens_at=time(9), closes_at=time(17)) for weekday in (2, 4)]
    set_opening_hours(
        actor=account(ours.manager.pk), venue_id=ours.venue.pk, resource_id=None, openings=hours
    )
    page = page_of(Venue, "change", ours.venue)

    def week() -> list[int]:
        response = browser.get(page)
        formsets = [inline.formset for inline in response.context["inline_admin_formsets"]]
        (found,) = [each for each in formsets if each.prefix == "opening_hours"]
        return sorted(form["weekday"].value() for form in found.forms)

    assert week() == [*range(7)]
    kept = [
        {"id": str(rule.pk), **HOURS_ROW, "weekday": rule.weekday, "opens_at": "09:00"}
        for rule in OpeningHours.objects.filter(venue=ours.venue, resource=None)
    ]
    # As a browser sends a line that nobody has touched but for its day.
    empty = HOURS_ROW | {"weekday": 5, "opens_at": "", "closes_at": ""}
    sent = formset("opening_hours", *kept, empty, initial=2)
    response = post(browser, page, VENUE, formset("resources"), sent)
    assert response.status_code == 302, formset_errors(response, "opening_hours")
    rules = OpeningHours.objects.filter(venue=ours.venue, resource=None)
    assert sorted(rules.values_list("weekday", flat=True)) == [2, 4]
    assert week() == [*range(7)]

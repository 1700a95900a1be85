"""Venues and what belongs to them: managers write, staff read, the organization stays right."""

from datetime import date

import pytest

from accounts.models import Membership, Role
from tests.admin.tenants import Tenant, answer, page_of
from venues.models import Closure, OpeningHours, Resource, Venue


def formset(prefix: str, *rows: dict, initial: int = 0) -> dict:
    fields = {
        f"{prefix}-TOTAL_FORMS": len(rows),
        f"{prefix}-INITIAL_FORMS": initial,
        f"{prefix}-MIN_NUM_FORMS": 0,
        f"{prefix}-MAX_NUM_FORMS": 1000,
    }
    for number, row in enumerate(rows):
        fields |= {f"{prefix}-{number}-{name}": value for name, value in row.items()}
    return fields


NO_HOURS = formset("opening_hours") | formset("special_hours")
VENUE = {
    **NO_HOURS,
    "name": "The New Room",
    "slug": "the-new-room",
    "timezone": "Europe/Copenhagen",
    "confirmation_mode": "AUTOMATIC",
    "minimum_notice_minutes": 0,
    "minimum_party_size": 1,
    "cancellation_cutoff_minutes": 0,
    "is_public": "on",
    "accepts_guests": "on",
    "accepts_unverified": "on",
}
RESOURCE_ROW = {"name": "Hall", "booking_mode": "SHARED", "capacity": 12, "position": 0}
HOURS_ROW = {
    "weekday": 2,
    "opens_at": "10:00",
    "closes_at": "18:00",
    "buffer_before_minutes": 0,
    "buffer_after_minutes": 0,
}


def errors_of(response) -> dict:
    assert response.status_code == 200
    return response.context["adminform"].form.errors


@pytest.mark.parametrize("role", ["owner", "manager"])
def test_managers_add_a_venue_with_its_resources(role, ours, theirs, admin_of) -> None:
    browser = admin_of(ours.member(role))
    response = browser.post(
        page_of(Venue, "add"),
        # Another organization is asked for, and not heard of.
        {**VENUE, "organization": theirs.organization.pk, **formset("resources", RESOURCE_ROW)},
    )
    assert response.status_code == 302
    venue = Venue.objects.get(slug="the-new-room")
    assert venue.organization == ours.organization
    (resource,) = venue.resources.all()
    assert (resource.organization, resource.capacity) == (ours.organization, 12)


def test_staff_read_only(ours, admin_of) -> None:
    browser = admin_of(ours.staff)
    for model in (Venue, Resource, Closure):
        row = ours.row_of(model)
        page = browser.get(page_of(model, "change", row))
        assert not page.context["has_change_permission"]
        assert browser.post(page_of(model, "change", row), VENUE).status_code == 403
        assert browser.get(page_of(model, "add")).status_code == 403
        assert browser.post(page_of(model, "add"), VENUE).status_code == 403
    assert not Venue.objects.filter(slug="the-new-room").exists()


def test_a_venue_keeps_its_organization(ours, theirs, superuser, admin_of) -> None:
    browser = admin_of(superuser)
    fields = {**VENUE, "organization": theirs.organization.pk, **formset("resources")}
    assert browser.post(page_of(Venue, "change", ours.venue), fields).status_code == 302
    ours.venue.refresh_from_db()
    assert ours.venue.name == "The New Room"
    assert ours.venue.organization == ours.organization


def test_a_slug_in_use_is_an_error_of_the_form(ours, admin_of) -> None:
    browser = admin_of(ours.manager)
    fields = {**VENUE, "slug": ours.venue.slug, **formset("resources")}
    assert errors_of(browser.post(page_of(Venue, "add"), fields))
    browser.post(page_of(Venue, "add"), {**VENUE, **formset("resources")})
    other = Venue.objects.get(slug="the-new-room")
    assert errors_of(browser.post(page_of(Venue, "change", other), fields))


def test_whoever_manages_several_organizations_chooses(ours, theirs, admin_of) -> None:
    Membership.objects.create(organization=theirs.organization, user=ours.owner, role=Role.MANAGER)
    browser = admin_of(ours.owner)
    fields = {**VENUE, **formset("resources")}
    assert "organization" in errors_of(browser.post(page_of(Venue, "add"), fields))
    fields["organization"] = theirs.organization.pk
    assert browser.post(page_of(Venue, "add"), fields).status_code == 302
    assert Venue.objects.get(slug="the-new-room").organization == theirs.organization


def test_the_role_in_each_organization_counts(ours, theirs, admin_of) -> None:
    """An owner here who is staff there changes nothing there."""
    Membership.objects.create(organization=theirs.organization, user=ours.owner, role=Role.STAFF)
    browser = admin_of(ours.owner)
    assert browser.get(page_of(Venue, "change", theirs.venue)).status_code == 200
    fields = {**VENUE, **formset("resources")}
    assert browser.post(page_of(Venue, "change", theirs.venue), fields).status_code == 403
    browser.post(page_of(Venue, "add"), {**fields, "organization": theirs.organization.pk})
    assert Venue.objects.get(slug="the-new-room").organization == ours.organization
    membership = Membership.objects.get(organization=theirs.organization, user=theirs.staff)
    assert browser.get(page_of(Membership, "change", membership)).status_code == 302
    for selected in ([theirs.closure.pk], [theirs.closure.pk, ours.closure.pk]):
        browser.post(
            page_of(Closure, "changelist"),
            {"action": "delete_selected", "_selected_action": selected, "post": "yes"},
        )
    assert Closure.objects.count() == 2


def test_resources_and_hours_belong_to_the_venues_organization(ours, admin_of) -> None:
    browser = admin_of(ours.manager)
    fields = {
        **RESOURCE_ROW,
        "venue": ours.venue.pk,
        **NO_HOURS,
        **formset("opening_hours", HOURS_ROW),
    }
    assert browser.post(page_of(Resource, "add"), fields).status_code == 302
    resource = Resource.objects.get(name="Hall")
    assert resource.organization == ours.organization
    (hours,) = OpeningHours.objects.filter(resource=resource)
    assert hours.organization == ours.organization

    row = HOURS_ROW | {"id": hours.pk, "resource": resource.pk, "DELETE": "on"}
    fields |= formset("opening_hours", row, initial=1)
    assert browser.post(page_of(Resource, "change", resource), fields).status_code == 302
    assert not OpeningHours.objects.filter(resource=resource).exists()


def test_rows_of_another_tenant_cannot_be_chosen(ours, theirs, admin_of) -> None:
    second = Venue.objects.create(
        organization=ours.organization, name="Second", slug="second", timezone="UTC"
    )
    browser = admin_of(ours.owner)
    fields = {**RESOURCE_ROW, "venue": theirs.venue.pk, **NO_HOURS}
    assert "venue" in errors_of(browser.post(page_of(Resource, "add"), fields))
    closure = _closure(ours, resource=theirs.resource.pk)
    assert "resource" in errors_of(browser.post(page_of(Closure, "add"), closure))
    # Nor one of another venue.
    closure = _closure(ours, resource=ours.resource.pk, venue=second.pk)
    assert "resource" in errors_of(browser.post(page_of(Closure, "add"), closure))


def test_hours_of_another_tenant_cannot_be_moved_or_deleted(ours, theirs, admin_of) -> None:
    hours = OpeningHours.objects.get(resource=theirs.resource)
    row = HOURS_ROW | {"id": hours.pk, "resource": ours.resource.pk, "DELETE": "on"}
    fields = {
        **RESOURCE_ROW,
        "venue": ours.venue.pk,
        **NO_HOURS,
        **formset("opening_hours", row, initial=1),
    }
    admin_of(ours.owner).post(page_of(Resource, "change", ours.resource), fields)
    hours.refresh_from_db()
    assert hours.resource == theirs.resource


def test_closures_are_added_and_deleted(ours, admin_of) -> None:
    browser = admin_of(ours.manager)
    response = browser.post(page_of(Closure, "add"), _closure(ours))
    assert response.status_code == 302
    closure = Closure.objects.get(first_date=date(2031, 5, 1))
    assert closure.organization == ours.organization
    backwards = _closure(ours, last_date="2031-04-01")
    assert "last_date" in errors_of(browser.post(page_of(Closure, "add"), backwards))
    page = page_of(Closure, "delete", closure)
    browser.post(page, {"post": "yes"})
    # Nobody has been shown yet what becomes of slots.
    assert Closure.objects.filter(pk=closure.pk).exists()
    browser.post(page, answer(browser.get(page)))
    assert not Closure.objects.filter(pk=closure.pk).exists()


def _closure(tenant: Tenant, **fields) -> dict:
    return {
        "venue": tenant.venue.pk,
        "resource": "",
        "first_date": "2031-05-01",
        "last_date": "2031-05-02",
        "reason": "Repairs",
    } | fields

"""Staff who are limited to venues see and change in the admin what is of these, and no more."""

from typing import Any

import pytest
from django.urls import reverse

from accounts.models import Organization
from bookings.models import Booking, Guest, Slot
from bookings.states import BookingStatus
from notifications.models import Wording
from tests.admin.tenants import Tenant, make_rows, page_of, registered
from tests.admin.test_tenancy import _words
from tests.factories import make_member
from venues.models import Closure, Resource, Venue

pytestmark = pytest.mark.django_db

# Lower case, and nowhere else on a page.
CANARY = "zqxjkwvy"
OF_VENUES = (Venue, Resource, Closure, Slot, Booking, Guest)


@pytest.fixture
def elsewhere(ours: Tenant) -> dict[str, Any]:
    """Rows of another venue of the same organization."""
    rows = make_rows(ours.organization, CANARY)
    Booking.objects.filter(pk=rows["booking"].pk).update(confirmation_code=CANARY.upper())
    # What an organization writes to its guests is that of all its venues.
    Wording.objects.filter(pk=rows["wording"].pk).update(subject="Welcome", body="Yours")
    return rows


@pytest.fixture
def browser(ours: Tenant, admin_of: Any) -> Any:
    return admin_of(make_member(ours.organization, venues=[ours.venue]))


def _name(model: Any) -> str:
    return str(model._meta.model_name)


def test_their_lists_and_pages_are_those_of_their_venues(
    ours: Tenant, elsewhere: dict[str, Any], browser: Any
) -> None:
    for model in OF_VENUES:
        day = "?day=all" if model in {Slot, Booking} else ""
        listed = browser.get(page_of(model, "changelist") + day)
        assert listed.status_code == 200
        result = listed.context["cl"].result_list
        assert ours.row_of(model) in result, model
        assert elsewhere[_name(model)] not in result, model
        for page in ("change", "history"):
            assert browser.get(page_of(model, page, ours.row_of(model))).status_code == 200
            other = browser.get(page_of(model, page, elsewhere[_name(model)]))
            assert other.status_code in {302, 403, 404}, (model, page)
    organizations = browser.get(page_of(Organization, "changelist")).context["cl"].result_list
    assert list(organizations) == [ours.organization]


def test_no_page_says_a_word_of_the_other_venues(
    ours: Tenant, elsewhere: dict[str, Any], browser: Any
) -> None:
    addresses = [reverse("admin:index")]
    for model, _ in registered():
        changelist = page_of(model, "changelist")
        addresses += [changelist, f"{changelist}?_facets=True", f"{changelist}?day=all"]
        addresses += [f"{changelist}?q={CANARY[:4]}", page_of(model, "add")]
        if model in OF_VENUES:
            row = elsewhere[_name(model)]
            addresses.append(f"{changelist}?q={row.public_id}")
            addresses += [page_of(model, page, row) for page in ("change", "history", "delete")]
            addresses.append(page_of(model, "change", ours.row_of(model)))
        for field in model._meta.fields:
            related = field.related_model
            if related in OF_VENUES:
                addresses.append(
                    f"{changelist}?{field.name}__id__exact={elsewhere[_name(related)].pk}"
                )
                source = f"app_label={model._meta.app_label}&model_name={model._meta.model_name}"
                autocomplete = f"{reverse('admin:autocomplete')}?{source}&field_name={field.name}"
                addresses += [f"{autocomplete}&term=", f"{autocomplete}&term={CANARY[:4]}"]
    assert CANARY not in _words(browser, addresses)
    assert "ours" in _words(browser, [page_of(Booking, "changelist")])


def test_their_actions_and_forms_do_nothing_elsewhere(
    ours: Tenant, elsewhere: dict[str, Any], browser: Any
) -> None:
    other = elsewhere["booking"]
    for selected in ([other.pk], [other.pk, ours.booking.pk]):
        browser.post(
            page_of(Booking, "changelist") + "?day=all",
            {"action": "approve", "_selected_action": selected, "index": 0},
        )
    other.refresh_from_db()
    assert other.status == BookingStatus.PENDING
    slot = elsewhere["slot"]
    browser.post(
        page_of(Slot, "changelist") + "?day=all",
        {"action": "close", "_selected_action": [slot.pk], "index": 0},
    )
    new = {"day": "2031-01-01", "start_time": "10:00", "end_time": "11:00"}
    refused = browser.post(page_of(Slot, "add"), {"resource": str(elsewhere["resource"].pk)} | new)
    assert "valid choice" in refused.content.decode()
    slot.refresh_from_db()
    assert not slot.is_closed
    assert Slot.objects.filter(resource=elsewhere["resource"]).count() == 1


def test_a_guest_of_two_venues_shows_the_bookings_of_theirs(
    ours: Tenant, elsewhere: dict[str, Any], browser: Any
) -> None:
    Booking.objects.filter(pk=elsewhere["booking"].pk).update(guest=ours.guest)
    guests = browser.get(page_of(Guest, "changelist")).context["cl"].result_list
    shared = next(guest for guest in guests if guest.pk == ours.guest.pk)
    assert (
        shared.booking_count == Booking.objects.filter(guest=ours.guest, venue=ours.venue).count()
    )
    every = browser.get(
        page_of(Booking, "changelist") + f"?day=all&guest__id__exact={ours.guest.pk}"
    )
    assert elsewhere["booking"] not in every.context["cl"].result_list

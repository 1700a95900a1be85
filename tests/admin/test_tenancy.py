"""Who sees what: members their organization's rows, strangers not a word of them."""

import pytest
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import Permission
from django.db import models
from django.urls import reverse

from accounts.models import Invitation, Membership, Role, User
from accounts.tenant_admin import EVERY_ROLE, MANAGING, OWNING, TenantRules
from bookings.models import Booking, LedgerCheck
from bookings.states import BookingStatus
from reserve.outbox.models import Event
from tests.admin.tenants import (
    SUPERUSER_MODELS,
    TENANT_MODELS,
    cancel,
    make_tenant,
    page_of,
    registered,
)
from webhooks.models import Webhook, WebhookDelivery

# Lower case, short enough for a confirmation code, and nowhere else on a page.
CANARY = "zqxjkwvy"

VIEWERS = {
    **dict.fromkeys((Membership, Invitation, Webhook, WebhookDelivery), MANAGING),
    Event: OWNING,
}


def viewers_of(model):
    return VIEWERS.get(model, EVERY_ROLE)


def test_every_registered_model_knows_tenants() -> None:
    assert {model for model, _ in registered()} == {*TENANT_MODELS, *SUPERUSER_MODELS}
    for _, model_admin in registered():
        assert isinstance(model_admin, TenantRules)


@pytest.mark.parametrize("role", ["owner", "manager", "staff"])
@pytest.mark.parametrize("model", TENANT_MODELS)
def test_members_see_the_rows_of_their_organization(model, role, ours, theirs, admin_of) -> None:
    browser = admin_of(ours.member(role))
    expected = 200 if Role(role.upper()) in viewers_of(model) else 403
    assert browser.get(page_of(model, "changelist")).status_code == expected
    row = ours.row_of(model)
    assert browser.get(page_of(model, "change", row)).status_code == expected
    history = browser.get(page_of(model, "history", row))
    assert (history.status_code == 200) == (expected == 200)


@pytest.mark.parametrize("model", [*TENANT_MODELS, *SUPERUSER_MODELS])
def test_superusers_see_everything(model, ours, theirs, superuser, admin_of) -> None:
    browser = admin_of(superuser)
    response = browser.get(page_of(model, "changelist") + "?_facets=True")
    assert response.status_code == 200
    for tenant in (ours, theirs):
        row = tenant.staff if model is User else tenant.row_of(model)
        assert row in response.context["cl"].result_list
        assert browser.get(page_of(model, "change", row)).status_code == 200


@pytest.mark.parametrize("role", ["owner", "manager", "staff"])
def test_staff_cannot_see_what_is_of_no_organization(role, ours, admin_of) -> None:
    browser = admin_of(ours.member(role))
    assert browser.get(page_of(User, "changelist")).status_code == 403
    assert browser.get(page_of(User, "change", ours.staff)).status_code == 403
    assert browser.get(page_of(User, "add")).status_code == 403
    check = ours.row_of(LedgerCheck)
    assert browser.get(page_of(LedgerCheck, "changelist")).status_code == 403
    assert browser.get(page_of(LedgerCheck, "change", check)).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[ours.staff.pk])
    assert browser.get(password).status_code in {302, 403}


def test_staff_without_a_membership_see_nothing(ours, admin_of) -> None:
    Membership.objects.filter(user=ours.owner).delete()
    browser = admin_of(ours.owner)
    assert browser.get(reverse("admin:index")).context["app_list"] == []
    for model, _ in registered():
        assert browser.get(page_of(model, "changelist")).status_code == 403


def test_django_permissions_grant_nothing(ours, theirs, admin_of) -> None:
    theirs.staff.user_permissions.set(Permission.objects.all())
    browser = admin_of(theirs.staff)
    assert browser.get(page_of(User, "changelist")).status_code == 403
    assert browser.get(page_of(Booking, "change", ours.booking)).status_code == 302


@pytest.mark.parametrize("model", TENANT_MODELS)
@pytest.mark.parametrize("page", ["change", "delete", "history"])
def test_strangers_do_not_reach_a_row(model, page, ours, theirs, admin_of) -> None:
    browser = admin_of(theirs.owner)
    response = browser.get(page_of(model, page, ours.row_of(model)))
    assert response.status_code in {302, 403, 404}
    response = browser.post(page_of(model, page, ours.row_of(model)), {"post": "yes"})
    assert response.status_code in {302, 403, 404}
    assert model._default_manager.filter(pk=ours.row_of(model).pk).exists()


def test_strangers_cannot_act_on_bookings(ours, theirs, admin_of) -> None:
    browser = admin_of(theirs.owner)
    for action in ("approve", "decline", "cancel", "check_in", "no_show", "complete"):
        for selected in ([ours.booking.pk], [ours.booking.pk, theirs.booking.pk]):
            browser.post(
                page_of(Booking, "changelist"),
                {"action": action, "_selected_action": selected, "index": 0},
            )
    ours.booking.refresh_from_db()
    theirs.booking.refresh_from_db()
    assert ours.booking.status == BookingStatus.PENDING
    assert theirs.booking.status != BookingStatus.PENDING


def test_strangers_see_no_word_of_another_tenant(theirs, superuser, admin_of) -> None:
    hidden = make_tenant(CANARY)
    Booking.objects.filter(pk=hidden.booking.pk).update(confirmation_code=CANARY.upper())
    cancel(hidden, reason=f"Because of {CANARY}")
    assert CANARY in _words(admin_of(superuser), [page_of(Booking, "change", hidden.booking)])

    for person in (theirs.owner, theirs.staff):
        browser = admin_of(person)
        assert CANARY not in _words(browser, _addresses(hidden, theirs))


def test_actions_on_rows_of_another_tenant_say_and_do_nothing(theirs, admin_of, rf) -> None:
    """Every bulk action of every list, with a hidden row selected beside one's own."""
    hidden = make_tenant(CANARY)
    browser, tried = admin_of(theirs.owner), 0
    request = rf.get("/")
    request.user = theirs.owner
    for model, model_admin in registered():
        if model is User or model in SUPERUSER_MODELS:
            continue
        row = hidden.row_of(model)
        before = model._base_manager.filter(pk=row.pk).values().get()
        for action in model_admin.get_actions(request):
            for selected in ([row.pk], [row.pk, theirs.row_of(model).pk]):
                response = browser.post(
                    page_of(model, "changelist"),
                    {"action": action, "_selected_action": selected, "index": 0},
                    follow=True,
                )
                told = b"".join(getattr(response, "streaming_content", [response.content]))
                assert CANARY not in told.decode(errors="replace").lower(), (model, action)
                tried += 1
        assert model._base_manager.filter(pk=row.pk).values().get() == before
    assert tried > 20


def _addresses(hidden, own):
    yield from (reverse("admin:index"), reverse("admin:password_change"))
    for model, model_admin in registered():
        changelist = page_of(model, "changelist")
        yield changelist
        yield f"{changelist}?_facets=True"
        yield f"{changelist}?day=all"
        yield f"{changelist}?q={CANARY[:4]}"
        yield from _filtered(changelist, model_admin, hidden)
        yield page_of(model, "add")
        for tenant in (hidden, own):
            row = tenant.owner if model is User else tenant.row_of(model)
            yield f"{changelist}?q={row.public_id}"
            yield from (page_of(model, page, row) for page in ("change", "history", "delete"))
        for field in model._meta.fields:
            if isinstance(field, models.ForeignKey):
                source = (
                    f"app_label={model._meta.app_label}&model_name={model._meta.model_name}"
                    f"&field_name={field.name}"
                )
                yield f"{reverse('admin:autocomplete')}?{source}&term="
                yield f"{reverse('admin:autocomplete')}?{source}&term={CANARY[:4]}"


def _filtered(changelist: str, model_admin: ModelAdmin, hidden):
    for field in model_admin.opts.fields:
        if isinstance(field, models.ForeignKey) and field.related_model in admin.site._registry:
            row = (
                hidden.owner if field.related_model is User else hidden.row_of(field.related_model)
            )
            yield f"{changelist}?{field.name}__id__exact={row.pk}"


def _words(browser, addresses) -> str:
    """Everything that these pages say, and those to which they redirect."""
    pages = (browser.get(address, follow=True) for address in addresses)
    return "\n".join(page.content.decode().lower() for page in pages)

"""Accounts, memberships and the event log."""

from django.test import Client
from django.urls import reverse

from accounts.models import Membership, Organization, Role, User
from reserve.outbox.models import Event
from reserve.outbox.services import retry_dead
from tests.admin.tenants import page_of
from tests.factories import PASSWORD, make_user

NEW_PASSWORD = "a long sentence nobody guesses 7"


def test_login_is_by_e_mail(ours) -> None:
    browser = Client()
    page = browser.get(reverse("admin:login")).content.decode()
    assert "Email" in page
    assert "ReserveAPI" in page
    credentials = {"username": ours.staff.email.upper(), "password": PASSWORD}
    assert browser.post(reverse("admin:login"), credentials).status_code == 302
    assert browser.get(reverse("admin:index")).status_code == 200


def test_customers_do_not_get_in(ours) -> None:
    make_user(email="customer@example.com")
    browser = Client()
    credentials = {"username": "customer@example.com", "password": PASSWORD}
    assert browser.post(reverse("admin:login"), credentials).status_code == 200
    assert browser.get(reverse("admin:index")).status_code == 302


def test_a_superuser_adds_a_person_and_changes_a_password(superuser, admin_of) -> None:
    browser = admin_of(superuser)
    fields = {
        "email": "New.Person@Example.com",
        "name": "New Person",
        "usable_password": "true",
        "password1": NEW_PASSWORD,
        "password2": NEW_PASSWORD,
    }
    assert browser.post(page_of(User, "add"), fields).status_code == 302
    person = User.objects.get(email="new.person@example.com")
    assert person.check_password(NEW_PASSWORD)
    assert not person.is_staff
    # The same address in other letters is an error of the form.
    assert browser.post(page_of(User, "add"), fields).status_code == 200

    address = reverse("admin:auth_user_password_change", args=[person.pk])
    assert browser.get(address).status_code == 200
    changed = {"usable_password": "true", "password1": "x" * 20 + "9", "password2": "x" * 20 + "9"}
    assert browser.post(address, changed).status_code == 302
    person.refresh_from_db()
    assert person.check_password("x" * 20 + "9")

    fields = {"email": "Other@Example.com", "name": "Other", "is_active": "on"}
    fields |= {"locale": "da", "timezone": "Europe/Copenhagen"}
    assert browser.post(page_of(User, "change", person), fields).status_code == 302
    person.refresh_from_db()
    assert (person.email, person.locale) == ("other@example.com", "da")
    assert browser.get(page_of(User, "delete", person)).status_code == 403


def test_a_superuser_gives_a_person_a_role(ours, superuser, admin_of) -> None:
    person = make_user()
    browser = admin_of(superuser)
    fields = {"organization": ours.organization.pk, "user": person.pk, "role": "STAFF"}
    assert browser.post(page_of(Membership, "add"), fields).status_code == 302
    person.refresh_from_db()
    assert person.is_staff
    membership = Membership.objects.get(user=person)
    response = browser.post(page_of(Membership, "change", membership), {"role": "MANAGER"})
    assert response.status_code == 302
    assert Membership.objects.get(user=person).role == Role.MANAGER
    browser.post(page_of(Membership, "delete", membership), {"post": "yes"})
    assert not Membership.objects.filter(user=person).exists()


def test_the_last_owner_stays_one(ours, superuser, admin_of) -> None:
    browser = admin_of(superuser)
    membership = Membership.objects.get(user=ours.owner)
    response = browser.post(page_of(Membership, "change", membership), {"role": "STAFF"})
    assert "this is its last one" in response.content.decode()
    browser.post(page_of(Membership, "delete", membership), {"post": "yes"})
    membership.refresh_from_db()
    assert membership.role == Role.OWNER


def test_owners_read_memberships_and_organizations(ours, admin_of) -> None:
    browser = admin_of(ours.owner)
    membership = Membership.objects.get(user=ours.staff)
    for model, row in ((Membership, membership), (Organization, ours.organization)):
        assert browser.post(page_of(model, "change", row), {"role": "OWNER"}).status_code == 403
        assert browser.get(page_of(model, "add")).status_code == 403
        assert browser.get(page_of(model, "delete", row)).status_code == 403


def test_owners_read_events_but_not_why_the_relay_failed(ours, superuser, admin_of) -> None:
    address = page_of(Event, "change", ours.event)
    assert "secret ours" not in admin_of(ours.owner).get(address).content.decode()
    assert "secret ours" in admin_of(superuser).get(address).content.decode()


def test_superusers_retry_dead_events(ours, superuser, admin_of) -> None:
    delivered = Event.objects.filter(subject_id=ours.booking.pk).get()
    Event.objects.filter(pk=delivered.pk).update(delivered_at=delivered.recorded_at)
    fields = {"action": "retry", "_selected_action": [ours.event.pk, delivered.pk], "index": 0}
    admin_of(ours.owner).post(page_of(Event, "changelist"), fields)
    ours.event.refresh_from_db()
    assert ours.event.dead_at is not None

    response = admin_of(superuser).post(page_of(Event, "changelist"), fields, follow=True)
    assert "1 dead events will be tried again." in response.content.decode()
    ours.event.refresh_from_db()
    assert (ours.event.dead_at, ours.event.attempts, ours.event.last_error) == (None, 0, "")
    delivered.refresh_from_db()
    assert delivered.delivered_at is not None


def test_only_dead_events_are_retried(ours) -> None:
    ids = list(Event.objects.values_list("pk", flat=True))
    assert retry_dead(ids) == 1
    assert retry_dead(ids) == 0

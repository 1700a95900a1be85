"""Accounts that are deleted or exported: the person goes, the ledger stays true."""

from datetime import datetime
from uuid import UUID

import orjson
import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.actors import account
from accounts.errors import CredentialsRefused, LastOwner
from accounts.export import export_account
from accounts.models import Login, Membership, Organization, Role, User
from accounts.services.deletion import delete_account
from accounts.services.emails import request_email_verification
from accounts.services.invitations import invite_member
from accounts.services.logins import log_in
from accounts.services.users import register
from bookings import audit
from bookings.models import Booking, Slot
from bookings.services.bookings import (
    apply_transition,
    create_booking,
    reschedule_booking,
    update_booking,
)
from bookings.states import CANCEL, DECLINE
from notifications.models import Delivery
from reserve.core.errors import Invalid, Unauthenticated
from reserve.outbox.models import Event
from tests.factories import PASSWORD, make_member, make_organization, make_slot, make_user, seats_on
from tests.notifications.conftest import send
from venues.models import ConfirmationMode, Venue
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db(transaction=True)

# Nowhere else in the database.
WORD = "zqxjkwvy"


def _person() -> User:
    return make_user(
        email=f"{WORD}@example.org", name=f"Name {WORD}", phone="+45 98 76 54 32", locale="da"
    )


def test_the_person_is_erased_and_the_bookings_stay(mails) -> None:
    user, slot, owner = _person(), make_slot(), None
    actor = account(user.pk)
    owner = account(make_member(slot.organization, Role.OWNER).pk)
    make_organization()
    invite_member(
        actor=owner, organization_id=slot.organization_id, email=user.email, role=Role.STAFF
    )
    kept = create_booking(actor=actor, seats=seats_on(slot, 2, notes=f"Notes {WORD}"))
    cancelled = create_booking(actor=actor, seats=seats_on(slot, 3))
    apply_transition(actor=actor, booking_id=cancelled.pk, transition=CANCEL)
    log_in(email=user.email, password=PASSWORD)
    TOTPDevice.objects.create(user=user, name=WORD)
    _appear_in_the_admins_log(user, slot.organization)
    request_email_verification(actor=actor)
    Event.objects.filter(organization_id=user.pk).update(last_error=f"550 <{user.email}>")
    before = Slot.objects.values().get(pk=slot.pk)
    mails()

    delete_account(actor=actor, password=PASSWORD)
    mails()

    for trace in (WORD, "98 76 54 32"):
        assert _tables_with(trace) == []
    assert Slot.objects.values().get(pk=slot.pk) == before
    booking = Booking.objects.get(pk=kept.pk)
    assert (booking.status, booking.seats, booking.guest.name) == ("CONFIRMED", 2, "Deleted guest")
    assert audit.check_ledger().problem_count == 0
    with pytest.raises(CredentialsRefused):
        log_in(email=f"{WORD}@example.org", password=PASSWORD)
    with pytest.raises(Unauthenticated):
        delete_account(actor=actor, password=PASSWORD)
    # The address is free again.
    register(email=f"{WORD}@example.org", password=PASSWORD, name="Somebody")


def _appear_in_the_admins_log(user: User, organization: Organization) -> None:
    """What an administrator does to somebody: changes the account, gives and takes a role."""
    browser = Client()
    browser.force_login(make_user(is_staff=True, is_superuser=True))
    page = reverse("admin:accounts_user_change", args=[user.pk])
    form = {
        name: value
        for name, value in browser.get(page).context["adminform"].form.initial.items()
        if value not in (None, False)
    }
    assert browser.post(page, form | {"is_staff": "on"}).status_code == 302
    add = reverse("admin:accounts_membership_add")
    role = {"organization": organization.pk, "user": user.pk, "role": Role.STAFF}
    assert browser.post(add, role).status_code == 302
    membership = Membership.objects.get(user=user)
    for name in ("change", "delete"):
        page = reverse(f"admin:accounts_membership_{name}", args=[membership.pk])
        assert browser.post(page, {"role": Role.STAFF, "post": "yes"}).status_code == 302
    logged = LogEntry.objects.values_list("object_repr", flat=True)
    assert sorted(logged) == sorted([user.public_id, *[membership.public_id] * 3])


def _tables_with(text: str) -> list[str]:
    """The columns of all tables, of whatever type they are, in which a text appears."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND data_type <> 'bytea'"
        )
        columns = cursor.fetchall()
        found = []
        for table, column in columns:
            cursor.execute(
                f'SELECT 1 FROM "{table}" WHERE "{column}"::text ILIKE %s LIMIT 1', [f"%{text}%"]
            )
            if cursor.fetchone():
                found.append(f"{table}.{column}")
    return found


def test_what_was_written_about_their_bookings_goes_and_the_ledger_stays(mails) -> None:
    """Notes, reasons and keys, in the log, in messages to anybody, and what failed of them."""
    user, slot = _person(), make_slot()
    elsewhere = make_slot(slot.resource, starts_at=slot.ends_at)
    actor, staff = account(user.pk), account(make_member(slot.organization, Role.OWNER).pk)
    Webhook.objects.create(
        organization=slot.organization, url="https://example.com/hooks", sealed_secret="s"
    )
    words = f"Because of {WORD}"
    Venue.objects.filter(pk=slot.venue_id).update(confirmation_mode=ConfirmationMode.MANUAL)
    taken = [
        create_booking(actor=actor, seats=seats_on(slot, 1, notes=words, idempotency_key=key))
        for key in (WORD, None, None)
    ]
    ids = [booking.pk for booking in taken]
    reschedule_booking(actor=staff, booking_id=ids[0], slot_id=elsewhere.pk, reason=words)
    update_booking(actor=actor, booking_id=ids[0], guest_count=2, notes=f"{words}!", reason=words)
    apply_transition(actor=actor, booking_id=ids[1], transition=CANCEL, reason=words)
    apply_transition(actor=staff, booking_id=ids[2], transition=DECLINE, reason=words)
    stranger = create_booking(actor=account(make_user().pk), seats=seats_on(slot))
    apply_transition(
        actor=staff, booking_id=stranger.pk, transition=DECLINE, reason="A party of another"
    )
    mails()
    send()
    about = Delivery.objects.filter(booking_id__in=ids)
    assert {delivery.audience for delivery in about} >= {"GUEST", "STAFF"}
    assert "notifications_delivery.facts" in _tables_with(words)
    Event.objects.filter(subject_id=ids[1]).update(last_error=f"No such thing: {words}")
    before = _facts(ids)

    delete_account(actor=actor, password=PASSWORD)
    mails()

    assert _tables_with(WORD) == []
    after = _facts(ids)
    assert after == before
    assert len(after) == 7
    assert audit.check_ledger().problem_count == 0
    assert set(about.values_list("facts__reason", flat=True)) == {""}
    # What is another's stays.
    assert sorted(_tables_with("A party of another")) == [
        "notifications_delivery.facts",
        "outbox_event.payload",
    ]


def _facts(booking_ids: list[UUID]) -> list[tuple[UUID, str, int, dict[str, object]]]:
    """The events of some bookings but for their reasons, in order."""
    events = Event.objects.filter(subject_id__in=booking_ids).order_by("subject_id", "sequence")
    return [
        (event.subject_id, event.name, event.sequence, event.payload | {"reason": ""})
        for event in events
    ]


def test_a_wrong_password_deletes_nothing() -> None:
    user = _person()
    before = User.objects.values().get(pk=user.pk)
    with pytest.raises(Invalid):
        delete_account(actor=account(user.pk), password="wrong")
    assert User.objects.values().get(pk=user.pk) == before


def test_roles_end_with_the_account_but_not_an_organization() -> None:
    organization = make_organization()
    first = make_member(organization, Role.OWNER, is_superuser=True)
    with pytest.raises(LastOwner):
        delete_account(actor=account(first.pk), password=PASSWORD)
    assert Membership.objects.filter(user=first).exists()
    make_member(organization, Role.OWNER)
    delete_account(actor=account(first.pk), password=PASSWORD)
    first.refresh_from_db()
    assert (first.is_active, first.is_staff, first.is_superuser) == (False, False, False)
    assert not Membership.objects.filter(user=first).exists()


def test_the_export_has_everything_of_the_person_and_nothing_of_others() -> None:
    user, slot = _person(), make_slot()
    actor = account(user.pk)
    create_booking(actor=actor, seats=seats_on(slot, 2, notes=f"Notes {WORD}"))
    create_booking(actor=account(make_user(name="Stranger").pk), seats=seats_on(slot, 1))
    log_in(email=user.email, password=PASSWORD)
    TOTPDevice.objects.create(user=user, name="App", confirmed=True)
    request_email_verification(actor=actor)

    export = orjson.loads(orjson.dumps(export_account(actor=actor)))

    assert export["account"]["email"] == user.email
    assert export["bookings"][0]["notes"] == f"Notes {WORD}"
    assert export["guests"][0]["phone"] == user.phone
    (login,) = export["account"]["logins"]
    refreshed = Login.objects.get(user=user).refreshed_at
    assert datetime.fromisoformat(login["last_used_at"]) == refreshed
    assert export["second_factor"]["recovery_codes_left"] == 0
    (registered,) = export["account"]["events"]
    assert registered["payload"] == {"user": user.public_id}
    (event,) = export["bookings"][0]["events"]
    assert (event["name"], event["payload"]["guest_count"]) == ("booking.created", 2)
    assert event["payload"]["actor"] == user.public_id
    assert "Stranger" not in str(export)
    assert user.password not in str(export)

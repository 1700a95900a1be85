"""Accounts that are deleted or exported: the person goes, the ledger stays true."""

import orjson
import pytest
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.actors import account
from accounts.errors import CredentialsRefused, LastOwner
from accounts.export import export_account
from accounts.models import Invitation, Login, Membership, Role, User
from accounts.services.deletion import delete_account
from accounts.services.invitations import invite_member
from accounts.services.logins import log_in
from accounts.services.users import register
from bookings import audit
from bookings.models import Booking, Guest, Slot
from bookings.services.bookings import apply_transition, create_booking
from bookings.states import CANCEL
from reserve.core.errors import Invalid, Unauthenticated
from tests.factories import PASSWORD, make_member, make_organization, make_slot, make_user, seats_on

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
    before = Slot.objects.values().get(pk=slot.pk)
    mails()

    delete_account(actor=actor, password=PASSWORD)
    mails()

    for model in (User, Guest, Booking, Invitation, Login, Membership, TOTPDevice):
        rows = str(list(model.objects.values()))
        assert WORD not in rows, model
        assert "98 76 54 32" not in rows, model
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

    export = orjson.loads(orjson.dumps(export_account(actor=actor)))

    assert export["account"]["email"] == user.email
    assert export["bookings"][0]["notes"] == f"Notes {WORD}"
    assert export["guests"][0]["phone"] == user.phone
    assert len(export["account"]["logins"]) == 1
    assert "Stranger" not in str(export)
    assert user.password not in str(export)

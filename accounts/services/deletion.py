"""Deleting an account: the person is erased, what they booked stays in the ledger."""

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import transaction

from accounts.actors import Actor
from accounts.events import account_event
from accounts.models import Invitation, Membership, User
from accounts.services.logins import erase_logins
from accounts.services.memberships import end_membership
from accounts.services.organizations import lock_organization, require_another_owner
from accounts.services.passwords import require_password
from reserve.core.clock import now
from reserve.core.errors import Invalid
from reserve.core.logging import get_logger
from reserve.outbox.models import Event
from reserve.outbox.services import record
from reserve.outbox.wake import wake_relay

log = get_logger(__name__)


def delete_account(*, actor: Actor, password: str) -> None:
    """Erase the actor: name, addresses, logins, roles. The row stays, and tells nothing.

    Bookings and the event log refer to it by its id. Guests, and what was written on
    their bookings, are erased by the handlers of `account.deleted`.

    Raises:
        TooManyAttempts: as `require_password`.
        Unauthenticated: nobody is logged in.
        Invalid: the password is wrong.
        LastOwner: an organization would be left without an owner.
    """
    user = require_password(actor=actor, password=password)
    with transaction.atomic():
        _leave_organizations(user, actor)
        Invitation.objects.filter(email=user.email).delete()
        # The password is what the actor showed: somebody else may have changed it since.
        erased = User.objects.filter(pk=user.pk, password=user.password, is_active=True).update(
            **_nobody(user), erased_at=now()
        )
        if not erased:
            raise Invalid.field("password", "This is not your password.")
        # After the row: `open_login` waits for it.
        erase_logins(user_id=user.pk)
        # What a mail server said of their address.
        Event.objects.filter(organization_id=user.pk).update(last_error="")
        record([account_event("account.deleted", user.pk)])
        transaction.on_commit(wake_relay)
    log.info("account_deleted", user_id=user.public_id)


def _leave_organizations(user: User, actor: Actor) -> None:
    # In order, so that two people who leave the same ones wait for each other.
    organization_ids = user.memberships.order_by("organization_id").values_list(
        "organization_id", flat=True
    )
    for organization_id in list(organization_ids):
        lock_organization(organization_id)
    for membership in Membership.objects.filter(user=user):
        require_another_owner(membership)
        end_membership(membership, actor=actor)


def _nobody(user: User) -> dict[str, object]:
    return {
        # Of a domain that never exists (RFC 2606), and like no other.
        "email": f"{user.public_id.lower()}@deleted.invalid",
        "email_verified_at": None,
        "pending_email": "",
        "name": "Deleted account",
        "phone": "",
        "locale": "en",
        "timezone": "UTC",
        "password": UNUSABLE_PASSWORD_PREFIX,
        "is_active": False,
        "is_staff": False,
        "is_superuser": False,
        "last_login": None,
    }

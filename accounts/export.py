"""Everything that we hold of a person, for the person: JSON values under the names of REST."""

from typing import Any
from uuid import UUID

from accounts.actors import Actor
from accounts.models import Invitation, Login, Membership, User
from accounts.ports import export_parts
from accounts.selectors import current_user
from reserve.core.logging import get_logger
from reserve.outbox.models import Event

log = get_logger(__name__)


def export_account(*, actor: Actor) -> dict[str, Any]:
    """What every app holds of the actor, by the app's part.

    Raises:
        Unauthenticated: nobody is logged in.
    """
    user = current_user(actor=actor)
    log.info("account_exported", user_id=user.public_id)
    return {name: part(user.pk) for name, part in export_parts().items()}


def export_person(user_id: UUID) -> dict[str, Any]:
    """The account, its roles, its logins and what was recorded of it."""
    user = User.objects.get(pk=user_id)
    memberships = Membership.objects.filter(user=user).select_related("organization")
    invitations = Invitation.objects.filter(email=user.email).select_related("organization")
    events = Event.objects.filter(organization_id=user_id).order_by("recorded_at")
    return {
        "id": user.public_id,
        "email": user.email,
        "email_verified_at": user.email_verified_at,
        "pending_email": user.pending_email,
        "name": user.name,
        "phone": user.phone,
        "locale": user.locale,
        "timezone": user.timezone,
        "created_at": user.created_at,
        "memberships": [
            {
                "organization": membership.organization.name,
                "role": membership.role,
                "created_at": membership.created_at,
            }
            for membership in memberships
        ],
        "invitations": [
            {
                "organization": invitation.organization.name,
                "role": invitation.role,
                "created_at": invitation.created_at,
                "accepted_at": invitation.accepted_at,
            }
            for invitation in invitations
        ],
        "logins": [
            {
                "id": login.public_id,
                "device": login.device,
                "network": login.network,
                "created_at": login.created_at,
                "last_used_at": login.refreshed_at,
                "expires_at": login.expires_at,
                "revoked_at": login.revoked_at,
            }
            for login in Login.objects.filter(user=user)
        ],
        "events": [
            {"name": event.name, "recorded_at": event.recorded_at, "payload": event.payload}
            for event in events
        ],
    }

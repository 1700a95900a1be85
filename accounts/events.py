"""What is recorded of people, organizations and who works for them.

Payloads carry ids and facts, never an address, a name or a token: the log is kept for
good, and a person can ask to be forgotten. Handlers read the rest from the rows.

Each event is a subject of its own. The relay delivers in order per subject, and a mail
server that refuses one message must not hold back what follows, least of all the
erasing of a person.
"""

from typing import Any
from uuid import UUID

from accounts.actors import Actor
from accounts.models import Invitation, Membership, Organization, User
from reserve.core.context import request_id
from reserve.core.ids import new_id
from reserve.outbox.models import Event


def account_event(name: str, user_id: UUID | None) -> Event:
    """An event about a person, who is no organization's: their own id is its tenant key.

    Without a person it is about nobody, and its tenant key is nobody's.
    """
    payload = {"user": User.format_id(user_id) if user_id else None}
    return _event(name, user_id or new_id(), payload)


def user_id_of(event: Event) -> UUID | None:
    """Whom an account event is about."""
    user = event.payload["user"]
    return None if user is None else User.parse_id(user)


def organization_event(name: str, organization: Organization, *, actor: Actor) -> Event:
    payload = {"organization": organization.public_id, "actor": _name_of(actor)}
    return _event(name, organization.pk, payload)


def membership_event(name: str, membership: Membership, *, actor: Actor) -> Event:
    payload = {
        "membership": membership.public_id,
        "user": User.format_id(membership.user_id),
        "role": membership.role,
        "venue_count": len(membership.venue_ids),
        "actor": _name_of(actor),
    }
    return _event(name, membership.organization_id, payload)


def invitation_event(name: str, invitation: Invitation, *, actor: Actor) -> Event:
    payload = {
        "invitation": invitation.public_id,
        "role": invitation.role,
        "venue_count": len(invitation.venue_ids),
        "actor": _name_of(actor),
    }
    return _event(name, invitation.organization_id, payload)


def invitation_id_of(event: Event) -> UUID:
    return Invitation.parse_id(event.payload["invitation"])


def _event(name: str, organization_id: UUID, payload: dict[str, Any]) -> Event:
    return Event(
        organization_id=organization_id,
        name=name,
        subject_id=new_id(),
        sequence=1,
        payload=payload,
        request_id=request_id(),
    )


def _name_of(actor: Actor) -> str:
    return User.format_id(actor.user_id) if actor.user_id else actor.kind.value

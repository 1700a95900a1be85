"""Inviting people by e-mail to work for an organization."""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from accounts.actors import SYSTEM, Actor, account
from accounts.errors import LinkRefused, WorksHereAlready
from accounts.events import invitation_event
from accounts.hashing import is_password_of
from accounts.links import Purpose, read_token
from accounts.models import Invitation, Membership, Role, User
from accounts.person import clean_email
from accounts.selectors import current_user, visible_invitation, visible_organization
from accounts.services.memberships import add_member, checked_venues, require_right_over
from accounts.services.organizations import lock_organization
from accounts.services.users import insert_person, new_person
from reserve.core.clock import now
from reserve.core.errors import Forbidden, Invalid
from reserve.core.logging import get_logger
from reserve.core.ratelimit import Attempt, charge_attempt
from reserve.outbox.services import record
from reserve.outbox.wake import wake_relay

log = get_logger(__name__)


def invite_member(
    *,
    actor: Actor,
    organization_id: UUID,
    email: str,
    role: Role,
    venue_ids: Collection[UUID] = (),
) -> Invitation:
    """Offer a role to whoever has an address. An earlier offer to it is replaced.

    Raises:
        NotFound: the actor does not work for the organization.
        Forbidden: managers invite staff, and only owners invite others.
        Invalid: it is no address, or a venue is not the organization's.
        WorksHereAlready: the address is that of a member.
    """
    visible_organization(actor=actor, organization_id=organization_id)
    require_right_over(role, actor=actor, organization_id=organization_id)
    address = clean_email(email)
    venues = checked_venues(organization_id, role, venue_ids)
    with transaction.atomic():
        organization = lock_organization(organization_id)
        if Membership.objects.filter(organization=organization, user__email=address).exists():
            raise WorksHereAlready
        _open(organization.invitations.filter(email=address)).update(revoked_at=now())
        invitation = Invitation.objects.create(
            organization=organization,
            email=address,
            role=role,
            venue_ids=venues,
            invited_by_id=actor.user_id,
            expires_at=now() + Purpose.ACCEPT_INVITATION.lifetime,
        )
        record([invitation_event("invitation.created", invitation, actor=actor)])
        transaction.on_commit(wake_relay)
    log.info("member_invited", invitation_id=invitation.public_id)
    return invitation


def revoke_invitation(
    *, actor: Actor, invitation_id: UUID, organization_id: UUID | None = None
) -> None:
    """Take an offer back.

    Args:
        organization_id: where the offer is looked for; anywhere, if not said.

    Raises:
        NotFound: the actor does not work for the organization, or there is no such offer
            any more.
        Forbidden: it is not theirs to take back: managers', offers to staff.
    """
    invitation = visible_invitation(
        actor=actor, invitation_id=invitation_id, organization_id=organization_id
    )
    require_right_over(invitation.role, actor=actor, organization_id=invitation.organization_id)
    with transaction.atomic():
        if _open(Invitation.objects.filter(pk=invitation_id)).update(revoked_at=now()):
            record([invitation_event("invitation.revoked", invitation, actor=actor)])
            transaction.on_commit(wake_relay)
    log.info("invitation_revoked", invitation_id=invitation.public_id)


def invitation_of(*, token: str) -> Invitation:
    """The offer that a link is about, while it can be accepted.

    Raises:
        LinkRefused: the link is not ours, or the offer was accepted, revoked or is too old.
    """
    link = read_token(Purpose.ACCEPT_INVITATION, token)
    waiting = _open(Invitation.objects.filter(pk=link.subject_id, expires_at__gt=now()))
    invitation = waiting.select_related("organization").first()
    if invitation is None or not link.holds(invitation):
        raise LinkRefused
    return invitation


def accept_invitation(*, actor: Actor, token: str) -> Membership:
    """Take the role that was offered to the actor's address.

    Whoever has the link has the mailbox, so the address counts as verified.

    Raises:
        Unauthenticated: nobody is logged in.
        LinkRefused: as `invitation_of`.
        Forbidden: it was offered to another address.
        WorksHereAlready: the actor has a role there.
    """
    user = current_user(actor=actor)
    invitation = invitation_of(token=token)
    if user.email != invitation.email:
        raise Forbidden("This invitation is for another e-mail address.")
    with transaction.atomic():
        membership = _accept(invitation, user, actor)
    log.info("invitation_accepted", invitation_id=invitation.public_id, user_id=user.public_id)
    return membership


def _accept(invitation: Invitation, user: User, actor: Actor) -> Membership:
    """Within a transaction. Raises LinkRefused or WorksHereAlready."""
    with transaction.atomic():
        lock_organization(invitation.organization_id)
        mine = invitation.organization.memberships.filter(user=user)
        if mine.exists():
            raise WorksHereAlready
        if not _open(Invitation.objects.filter(pk=invitation.pk)).update(accepted_at=now()):
            raise LinkRefused
        User.objects.filter(pk=user.pk, email_verified_at=None).update(email_verified_at=now())
        membership = add_member(
            actor=SYSTEM,
            organization=invitation.organization,
            user=user,
            role=Role(invitation.role),
            venue_ids=invitation.venue_ids,
        )
        record([invitation_event("invitation.accepted", invitation, actor=actor)])
        transaction.on_commit(wake_relay)
    return membership


def has_account(invitation: Invitation) -> bool:
    """Whether the invited address has an account; for whoever holds the link to it."""
    return User.objects.filter(email=invitation.email).exists()


def accept_with_password(*, token: str, password: str) -> Membership:
    """`accept_invitation` by whoever knows the password of the invited address's account.

    Raises:
        LinkRefused: as `invitation_of`.
        TooManyAttempts: to log in to this account, or from the client's address.
        Invalid: it is not the password.
    """
    # The link is signed by us: it names the account, and tells nothing of it.
    invitation = invitation_of(token=token)
    charge_attempt(Attempt.LOGIN, account=invitation.email)
    user = User.objects.filter(email=invitation.email, is_active=True).first()
    if not is_password_of(user, password) or user is None:
        raise Invalid.field("password", "This is not the password of your account.")
    return accept_invitation(actor=account(user.pk), token=token)


def accept_as_new(*, token: str, name: str, password: str) -> Membership:
    """`accept_invitation` by somebody new, for whom an account is opened: both or neither.

    Raises:
        LinkRefused: as `invitation_of`.
        TooManyAttempts: for this address, or from the client's.
        Invalid: the address has an account, the name makes no sense, or the password is
            too weak.
    """
    invitation = invitation_of(token=token)
    charge_attempt(Attempt.REGISTRATION, account=invitation.email)
    person = new_person(email=invitation.email, password=password, name=name)
    person.email_verified_at = now()
    with transaction.atomic():
        user = insert_person(person)
        membership = _accept(invitation, user, account(user.pk))
    log.info("registered", user_id=user.public_id)
    log.info("invitation_accepted", invitation_id=invitation.public_id, user_id=user.public_id)
    return membership


def _open(invitations: QuerySet[Invitation]) -> QuerySet[Invitation]:
    """Those of them that were neither accepted nor taken back."""
    return invitations.filter(accepted_at=None, revoked_at=None)

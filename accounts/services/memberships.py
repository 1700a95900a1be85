"""Who works for an organization, in which role, and where."""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from accounts.actors import Actor
from accounts.events import membership_event
from accounts.models import Membership, Organization, Role, User
from accounts.ports import are_venues_of
from accounts.selectors import is_administrator, role_of, visible_organization
from accounts.services.organizations import lock_organization, require_another_owner
from reserve.core.errors import Forbidden, Invalid, NotFound
from reserve.core.logging import get_logger
from reserve.outbox.services import record
from reserve.outbox.wake import wake_relay

MAX_VENUES = 1_000

log = get_logger(__name__)


def add_member(
    *,
    actor: Actor,
    organization: Organization,
    user: User,
    role: Role,
    venue_ids: Collection[UUID] = (),
) -> Membership:
    """Give a person a role in an organization, and the admin with it.

    Raises:
        Forbidden: the actor is not the system.
        LastOwner: the person is the last owner, and would be none.
    """
    if not actor.is_system:
        raise Forbidden
    with transaction.atomic():
        lock_organization(organization.pk)
        known = Membership.objects.filter(organization=organization, user=user).first()
        if known and role != Role.OWNER:
            require_another_owner(known)
        membership, _ = Membership.objects.update_or_create(
            organization=organization,
            user=user,
            defaults={"role": role, "venue_ids": list(venue_ids)},
        )
        User.objects.filter(pk=user.pk).update(is_staff=True)
        user.is_staff = True
        record([membership_event("membership.changed", membership, actor=actor)])
        transaction.on_commit(wake_relay)
    return membership


def change_member(
    *,
    actor: Actor,
    membership_id: UUID,
    organization_id: UUID | None = None,
    role: Role | None = None,
    venue_ids: Collection[UUID] | None = None,
) -> Membership:
    """Give a member another role, or other venues to work at; None leaves either as it is.

    Whoever is no longer staff works everywhere. What is so already is no event.

    Args:
        organization_id: where the member is looked for; anywhere, if not said.

    Raises:
        NotFound: the actor does not work for the organization, or there is no such member.
        Forbidden: managers change staff and make nobody more than that; staff, nothing.
        Invalid: a venue is not the organization's, or the role is not limited to venues.
        LastOwner: nobody else owns the organization.
    """
    with transaction.atomic():
        membership = _locked(actor, membership_id, organization_id)
        new_role = role or Role(membership.role)
        require_right_over(
            membership.role, new_role, actor=actor, organization_id=membership.organization_id
        )
        if new_role != Role.OWNER:
            require_another_owner(membership)
        before = membership.role, membership.venue_ids
        if venue_ids is not None:
            membership.venue_ids = checked_venues(membership.organization_id, new_role, venue_ids)
        elif new_role != Role.STAFF:
            membership.venue_ids = []
        membership.role = new_role
        if (membership.role, membership.venue_ids) == before:
            return membership
        membership.save(update_fields=["role", "venue_ids"])
        record([membership_event("membership.changed", membership, actor=actor)])
        transaction.on_commit(wake_relay)
    log.info("member_changed", membership_id=membership.public_id)
    return membership


def remove_member(
    *, actor: Actor, membership_id: UUID, organization_id: UUID | None = None
) -> None:
    """End a membership. Everybody may end their own.

    Args:
        organization_id: where the member is looked for; anywhere, if not said.

    Raises:
        NotFound: the actor does not work for the organization, or there is no such member.
        Forbidden: managers remove staff; staff, nobody.
        LastOwner: nobody else owns the organization.
    """
    with transaction.atomic():
        membership = _locked(actor, membership_id, organization_id)
        if actor.user_id != membership.user_id:
            require_right_over(
                membership.role, actor=actor, organization_id=membership.organization_id
            )
        require_another_owner(membership)
        end_membership(membership, actor=actor)
        transaction.on_commit(wake_relay)
    log.info("member_removed", membership_id=Membership.format_id(membership_id))


def end_membership(membership: Membership, *, actor: Actor) -> None:
    """Within a transaction that has locked the organization."""
    record([membership_event("membership.ended", membership, actor=actor)])
    membership.delete()
    # The admin has nothing to show to whoever works nowhere.
    if not Membership.objects.filter(user_id=membership.user_id).exists():
        User.objects.filter(pk=membership.user_id, is_superuser=False).update(is_staff=False)


def require_right_over(*roles: str, actor: Actor, organization_id: UUID) -> None:
    """Raises Forbidden unless the actor may give and take these roles."""
    if is_administrator(actor=actor):
        return
    own = role_of(actor=actor, organization_id=organization_id)
    if own == Role.OWNER or (own == Role.MANAGER and set(roles) == {Role.STAFF}):
        return
    raise Forbidden


def checked_venues(organization_id: UUID, role: Role, venue_ids: Collection[UUID]) -> list[UUID]:
    """Raises Invalid where staff cannot be limited to these, or the role to any."""
    if not venue_ids:
        return []
    if role != Role.STAFF:
        raise Invalid.field("venue_ids", "Only staff can be limited to venues.")
    if len(venue_ids) > MAX_VENUES:
        raise Invalid.field("venue_ids", f"These must not be more than {MAX_VENUES}.")
    if not are_venues_of(organization_id, venue_ids):
        raise Invalid.field("venue_ids", "One of these is not a venue of the organization.")
    return sorted(set(venue_ids))


def _locked(actor: Actor, membership_id: UUID, within: UUID | None) -> Membership:
    """A membership as it is under the lock of its organization."""
    memberships = Membership.objects.filter(pk=membership_id)
    if within is not None:
        memberships = memberships.filter(organization_id=within)
    organization_id = memberships.values_list("organization_id", flat=True).first()
    if organization_id is None:
        raise NotFound
    visible_organization(actor=actor, organization_id=organization_id)
    lock_organization(organization_id)
    membership = memberships.select_related("user").first()
    if membership is None:
        raise NotFound
    return membership

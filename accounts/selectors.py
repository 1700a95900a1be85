from collections.abc import Iterable
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from accounts.actors import Actor
from accounts.models import Membership, Organization, Role, User
from reserve.core.errors import Forbidden, NotFound, Unauthenticated


def is_member(*, actor: Actor, organization_id: UUID) -> bool:
    """Whether the actor works for the organization. The system and administrators do for all."""
    if actor.is_system:
        return True
    if actor.user_id is None:
        return False
    works_there = Membership.objects.filter(organization_id=organization_id, user=OuterRef("pk"))
    return User.objects.filter(
        Q(is_superuser=True) | Exists(works_there), pk=actor.user_id, is_active=True
    ).exists()


def works_for(user_id: UUID) -> Exists:
    """A condition on rows with an organization: the person works for it."""
    works_there = Membership.objects.filter(
        organization_id=OuterRef(OuterRef("organization_id")), user=OuterRef("pk")
    )
    return Exists(
        User.objects.filter(Q(is_superuser=True) | Exists(works_there), pk=user_id, is_active=True)
    )


def require_member(*, actor: Actor, organization_id: UUID) -> None:
    """Raises Forbidden unless the actor works for the organization."""
    if not is_member(actor=actor, organization_id=organization_id):
        raise Forbidden


def require_manager(*, actor: Actor, organization_id: UUID) -> None:
    """Raises Forbidden unless the actor owns or manages the organization, or administers all."""
    if actor.is_system:
        return
    manages = Membership.objects.filter(
        organization_id=organization_id, user=OuterRef("pk"), role__in=(Role.OWNER, Role.MANAGER)
    )
    managers = User.objects.filter(Q(is_superuser=True) | Exists(manages), is_active=True)
    if actor.user_id is None or not managers.filter(pk=actor.user_id).exists():
        raise Forbidden


def organization_ids_of(*, user: User) -> list[UUID]:
    """The organizations whose staff the person belongs to."""
    return list(user.memberships.values_list("organization_id", flat=True))


def organizations_by_id(ids: Iterable[UUID]) -> dict[UUID, Organization]:
    return Organization.objects.in_bulk(list(ids))


def current_user(*, actor: Actor) -> User:
    if actor.user_id is None:
        raise Unauthenticated
    try:
        return User.objects.get(pk=actor.user_id, is_active=True)
    except User.DoesNotExist:
        raise NotFound from None

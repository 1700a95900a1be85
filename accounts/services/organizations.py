"""Organizations and the people who work for them."""

from accounts.actors import Actor
from accounts.models import Membership, Organization, Role, User
from reserve.core.errors import Forbidden


def create_organization(*, actor: Actor, name: str, slug: str) -> Organization:
    if not actor.is_system:
        raise Forbidden
    return Organization.objects.create(name=name, slug=slug)


def add_member(*, actor: Actor, organization: Organization, user: User, role: Role) -> Membership:
    """Give a person a role in an organization, and the admin with it."""
    if not actor.is_system:
        raise Forbidden
    membership, _ = Membership.objects.update_or_create(
        organization=organization, user=user, defaults={"role": role}
    )
    if not user.is_staff:
        user.is_staff = True
        user.save(update_fields=["is_staff"])
    return membership

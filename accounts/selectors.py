"""Reading people, organizations and who works where. Suspended people are nobody."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from accounts.actors import Actor
from accounts.models import Invitation, Login, Membership, Organization, Role, User
from reserve.core.clock import now
from reserve.core.errors import Forbidden, Invalid, NotFound, Unauthenticated
from reserve.core.pages import Page, page_of, pages_by

_MANAGERS = (Role.OWNER, Role.MANAGER)

# --- Who works where ---------------------------------------------------------------


def _people(works: Exists) -> QuerySet[User]:
    """Active people of whom a condition on memberships is true; and all administrators.

    The one rule of administrators: of every organization they may do what its owners
    may, through both APIs and the admin. Nothing else asks who is one, but for what
    no organization can do: adding organizations, and suspending people.
    """
    return User.objects.filter(Q(is_superuser=True) | works, is_active=True)


def is_administrator(*, actor: Actor) -> bool:
    """Whether the actor administers the whole installation. The system does."""
    if actor.is_system:
        return True
    return (
        actor.user_id is not None
        and User.objects.filter(pk=actor.user_id, is_active=True, is_superuser=True).exists()
    )


def role_of(*, actor: Actor, organization_id: UUID) -> Role | None:
    """The actor's role in an organization, if they have one.

    Administrators and the system have none of their own: ask `is_administrator`.
    """
    if actor.user_id is None:
        return None
    memberships = Membership.objects.filter(
        organization_id=organization_id, user_id=actor.user_id, user__is_active=True
    )
    role = memberships.values_list("role", flat=True).first()
    return Role(role) if role else None


def is_member(*, actor: Actor, organization_id: UUID) -> bool:
    """Whether the actor works for the organization. The system and administrators do for all.

    Where they work in it is another question: `works_at` answers that.
    """
    if actor.is_system:
        return True
    if actor.user_id is None:
        return False
    works_there = Membership.objects.filter(organization_id=organization_id, user=OuterRef("pk"))
    return _people(Exists(works_there)).filter(pk=actor.user_id).exists()


def works_at(*, actor: Actor, organization_id: UUID, venue_id: UUID) -> bool:
    """Whether the actor works at a venue of the organization.

    Members do, but for staff that is limited to other venues. The system and
    administrators work everywhere.
    """
    if actor.is_system:
        return True
    if actor.user_id is None:
        return False
    works_there = Membership.objects.filter(
        Q(venue_ids=[]) | Q(venue_ids__contains=[venue_id]),
        organization_id=organization_id,
        user=OuterRef("pk"),
    )
    return _people(Exists(works_there)).filter(pk=actor.user_id).exists()


def works_at_condition(user_id: UUID, *, venue: str = "venue_id") -> Exists:
    """A condition on rows with an organization and a venue: the person works there.

    Args:
        venue: the field with the venue's id; `pk` on venues themselves.
    """
    works_there = Membership.objects.filter(
        Q(venue_ids=[]) | Q(venue_ids__contains=[OuterRef(OuterRef(venue))]),
        organization_id=OuterRef(OuterRef("organization_id")),
        user=OuterRef("pk"),
    )
    return Exists(_people(Exists(works_there)).filter(pk=user_id))


def require_manager(*, actor: Actor, organization_id: UUID) -> None:
    """Raises Forbidden unless the actor owns or manages the organization, or administers all."""
    if actor.is_system:
        return
    manages = Membership.objects.filter(
        organization_id=organization_id, user=OuterRef("pk"), role__in=_MANAGERS
    )
    if actor.user_id is None or not _people(Exists(manages)).filter(pk=actor.user_id).exists():
        raise Forbidden


# --- Organizations -----------------------------------------------------------------


def organizations_visible_to(actor: Actor) -> QuerySet[Organization]:
    """Those that the actor works for; all of them for administrators and the system."""
    if is_administrator(actor=actor):
        return Organization.objects.all()
    if actor.user_id is None:
        return Organization.objects.none()
    return Organization.objects.filter(
        memberships__user_id=actor.user_id, memberships__user__is_active=True
    )


def visible_organization(*, actor: Actor, organization_id: UUID) -> Organization:
    """Raises NotFound where the actor does not work for it."""
    organization = organizations_visible_to(actor).filter(pk=organization_id).first()
    if organization is None:
        raise NotFound
    return organization


def organizations_page(
    *, actor: Actor, first: int, after: str | None = None, before: str | None = None
) -> Page[Organization]:
    """A page of the organizations that the actor works for, by name.

    Raises:
        Unauthenticated: nobody is logged in.
    """
    if not actor.is_system:
        current_user(actor=actor)
    return page_of(
        organizations_visible_to(actor), order="name", first=first, after=after, before=before
    )


def members_page(
    *,
    actor: Actor,
    organization_id: UUID,
    first: int,
    after: str | None = None,
    before: str | None = None,
) -> Page[Membership]:
    """A page of those who work for an organization, by role.

    Raises:
        NotFound: the actor does not work for it.
    """
    organization = visible_organization(actor=actor, organization_id=organization_id)
    members = organization.memberships.select_related("user")
    return page_of(members, order="role", first=first, after=after, before=before)


def invitations_page(
    *,
    actor: Actor,
    organization_id: UUID,
    first: int,
    after: str | None = None,
    before: str | None = None,
) -> Page[Invitation]:
    """A page of the invitations of an organization that may still be accepted, by address.

    Raises:
        NotFound: the actor does not work for it.
        Forbidden: they do, but do not manage it.
    """
    organization = visible_organization(actor=actor, organization_id=organization_id)
    require_manager(actor=actor, organization_id=organization_id)
    waiting = _waiting_invitations().filter(organization=organization)
    return page_of(waiting, order="email", first=first, after=after, before=before)


def members_pages(
    organization_ids: Sequence[UUID], *, actor: Actor, first: int, after: str | None = None
) -> dict[UUID, Page[Membership] | Exception]:
    """`members_page` of several organizations, or why one is refused; by as many statements."""
    visible = organizations_visible_to(actor).filter(pk__in=organization_ids)
    pages = pages_by(
        Membership.objects.select_related("user"),
        parent="organization_id",
        parent_ids=set(visible.values_list("pk", flat=True)),
        order="role",
        first=first,
        after=after,
    )
    return {each: pages.get(each, NotFound()) for each in organization_ids}


def invitations_pages(
    organization_ids: Sequence[UUID], *, actor: Actor, first: int, after: str | None = None
) -> dict[UUID, Page[Invitation] | Exception]:
    """`invitations_page` of several organizations, or why one is refused."""
    visible = organizations_visible_to(actor).filter(pk__in=organization_ids)
    managed = visible
    if actor.user_id is not None and not is_administrator(actor=actor):
        managed = Organization.objects.filter(
            pk__in=organization_ids,
            memberships__user_id=actor.user_id,
            memberships__user__is_active=True,
            memberships__role__in=_MANAGERS,
        )
    pages = pages_by(
        _waiting_invitations(),
        parent="organization_id",
        parent_ids=set(managed.values_list("pk", flat=True)),
        order="email",
        first=first,
        after=after,
    )
    seen = set(visible.values_list("pk", flat=True))
    return {
        each: pages.get(each) or (Forbidden() if each in seen else NotFound())
        for each in organization_ids
    }


def visible_invitation(
    *, actor: Actor, invitation_id: UUID, organization_id: UUID | None = None
) -> Invitation:
    """One of them.

    Raises:
        NotFound: the actor does not work for its organization, or there is none any more.
        Forbidden: they do, but do not manage it.
    """
    waiting = _waiting_invitations().filter(pk=invitation_id)
    if organization_id is not None:
        waiting = waiting.filter(organization_id=organization_id)
    invitation = waiting.first()
    if invitation is None:
        raise NotFound
    visible_organization(actor=actor, organization_id=invitation.organization_id)
    require_manager(actor=actor, organization_id=invitation.organization_id)
    return invitation


def _waiting_invitations() -> QuerySet[Invitation]:
    """Those that may still be accepted."""
    return Invitation.objects.filter(accepted_at=None, revoked_at=None, expires_at__gt=now())


def works_there(pairs: Iterable[tuple[UUID | None, UUID]]) -> dict[tuple[UUID | None, UUID], bool]:
    """Of pairs of a person and an organization, whether the one works for the other.

    By two statements, however many there are. Nobody works anywhere; administrators
    work everywhere.
    """
    pairs = list(pairs)
    user_ids = {user_id for user_id, _ in pairs if user_id is not None}
    active = User.objects.filter(pk__in=user_ids, is_active=True)
    everywhere = set(active.filter(is_superuser=True).values_list("pk", flat=True))
    memberships = Membership.objects.filter(
        user__in=active, organization_id__in={organization_id for _, organization_id in pairs}
    )
    there = set(memberships.values_list("user_id", "organization_id"))
    return {pair: pair[0] in everywhere or pair in there for pair in pairs}


def sole_managed_organization_id(*, actor: Actor) -> UUID:
    """The organization that the actor owns or manages, for whoever has but one.

    Raises:
        Unauthenticated: nobody in particular asks.
        Forbidden: they manage none.
        Invalid: they manage several, or administer all, and have to name one.
    """
    if actor.user_id is None:
        raise Unauthenticated
    if is_administrator(actor=actor):
        raise Invalid.field("organization_id", "You manage all of them: say which.")
    managing = Membership.objects.filter(
        user_id=actor.user_id, user__is_active=True, role__in=_MANAGERS
    )
    found = list(managing.values_list("organization_id", flat=True)[:2])
    if not found:
        raise Forbidden
    if len(found) > 1:
        raise Invalid.field("organization_id", "You manage several: say which.")
    return found[0]


def organization_ids_of(*, user: User) -> list[UUID]:
    """The organizations whose staff the person belongs to."""
    return list(user.memberships.values_list("organization_id", flat=True))


def organizations_by_id(ids: Iterable[UUID]) -> dict[UUID, Organization]:
    return Organization.objects.in_bulk(list(ids))


# --- People ------------------------------------------------------------------------


def current_user(*, actor: Actor) -> User:
    """Raises Unauthenticated where nobody is logged in, or somebody suspended or gone."""
    user = None
    if actor.user_id is not None:
        user = User.objects.filter(pk=actor.user_id, is_active=True).first()
    if user is None:
        raise Unauthenticated
    return user


def is_verified(user_id: UUID) -> bool:
    """Whether the person has shown that their e-mail address is theirs."""
    return User.objects.filter(pk=user_id, is_active=True, email_verified_at__isnull=False).exists()


def require_administrator(*, actor: Actor) -> None:
    """Raises Forbidden unless the actor administers the whole installation. The system does."""
    if not is_administrator(actor=actor):
        raise Forbidden


# --- Logins ------------------------------------------------------------------------

MAX_LOGINS = 100
"""Open logins of one person; `open_login` keeps to it."""


def open_logins_of(user_id: UUID) -> QuerySet[Login]:
    return Login.objects.filter(user_id=user_id, revoked_at=None, expires_at__gt=now())


def logins_of(*, actor: Actor) -> list[Login]:
    """The actor's open logins, the last used first.

    Raises:
        Unauthenticated: nobody is logged in.
    """
    user = current_user(actor=actor)
    return list(open_logins_of(user.pk).order_by("-refreshed_at", "-pk")[:MAX_LOGINS])


def logins_changed_at(*, actor: Actor) -> datetime | None:
    """Since when `logins_of` answers what it does; None where there has been no login.

    Ended logins stay for a while, so that their end is among the moments.

    Raises:
        Unauthenticated: nobody is logged in.
    """
    moments = Login.objects.filter(user=current_user(actor=actor)).aggregate(
        opened=Max("created_at"),
        refreshed=Max("refreshed_at"),
        revoked=Max("revoked_at"),
        expired=Max("expires_at", filter=Q(expires_at__lte=now())),
    )
    return max(filter(None, moments.values()), default=None)


def login_of(*, actor: Actor, login_id: UUID) -> Login:
    """One of the actor's open logins.

    Raises:
        Unauthenticated: nobody is logged in.
        NotFound: it is not theirs, or has ended.
    """
    login = open_logins_of(current_user(actor=actor).pk).filter(pk=login_id).first()
    if login is None:
        raise NotFound
    return login

"""Organizations, and locking one while it is decided who works for it."""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import IntegrityError, transaction

from accounts.actors import Actor
from accounts.errors import LastOwner
from accounts.events import organization_event
from accounts.models import Membership, Organization, Role
from accounts.selectors import current_user, is_administrator
from reserve.core.errors import Forbidden, Invalid, NotFound
from reserve.core.logging import get_logger
from reserve.core.text import clean_line
from reserve.outbox.services import record
from reserve.outbox.wake import wake_relay

MAX_NAME = 200
MAX_SLUG = 64

log = get_logger(__name__)


def create_organization(*, actor: Actor, name: str, slug: str) -> Organization:
    """Add a tenant. It has no owner yet: administrators invite one.

    Raises:
        Unauthenticated: nobody is logged in.
        Forbidden: the actor does not administer the installation.
        Invalid: a value makes no sense, or the slug is taken.
    """
    if not is_administrator(actor=actor):
        current_user(actor=actor)
        raise Forbidden
    organization = Organization(
        name=clean_line(name, field="name", maximum=MAX_NAME, required=True), slug=slug
    )
    try:
        validate_slug(slug)
    except ValidationError as error:
        raise Invalid(errors={"slug": list(error.messages)}) from None
    if len(slug) > MAX_SLUG:
        raise Invalid.field("slug", f"This must not be longer than {MAX_SLUG} characters.")
    try:
        with transaction.atomic():
            organization.save(force_insert=True)
            record([organization_event("organization.created", organization, actor=actor)])
            transaction.on_commit(wake_relay)
    except IntegrityError:
        raise Invalid.field("slug", "Another organization has this short name.") from None
    log.info("organization_created", organization_id=organization.public_id)
    return organization


def lock_organization(organization_id: UUID) -> Organization:
    """Hold an organization until the commit, so that nobody else changes who works for it.

    Raises:
        NotFound: there is none.
    """
    rows = Organization.objects.select_for_update(no_key=True).filter(pk=organization_id)
    organization = rows.first()
    if organization is None:
        raise NotFound
    return organization


def require_another_owner(membership: Membership) -> None:
    """Raises LastOwner where nobody else owns the organization, which must be locked."""
    if membership.role != Role.OWNER:
        return
    owners = Membership.objects.filter(
        organization_id=membership.organization_id, role=Role.OWNER, user__is_active=True
    )
    if not owners.exclude(pk=membership.pk).exists():
        raise LastOwner

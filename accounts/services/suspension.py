"""Suspending people: they are nobody until they are let back in."""

from uuid import UUID

from django.db import transaction

from accounts.actors import Actor
from accounts.models import User
from accounts.selectors import require_administrator
from accounts.services.logins import end_logins
from reserve.core.errors import NotFound
from reserve.core.logging import get_logger

log = get_logger(__name__)


def suspend_user(*, actor: Actor, user_id: UUID) -> None:
    """Shut a person out, from the next request on, and end all their logins.

    Raises:
        Forbidden: the actor administers nothing.
        NotFound: there is no such person.
    """
    _set_active(actor, user_id, is_active=False)
    log.warning("user_suspended", user_id=User.format_id(user_id), by=actor.public_name)


def reinstate_user(*, actor: Actor, user_id: UUID) -> None:
    """Let a suspended person log in again. Raises as `suspend_user`."""
    _set_active(actor, user_id, is_active=True)
    log.warning("user_reinstated", user_id=User.format_id(user_id), by=actor.public_name)


def _set_active(actor: Actor, user_id: UUID, *, is_active: bool) -> None:
    require_administrator(actor=actor)
    with transaction.atomic():
        # Before the logins: `open_login` waits for this row.
        if not User.objects.filter(pk=user_id).update(is_active=is_active):
            raise NotFound
        if not is_active:
            end_logins(user_id=user_id)

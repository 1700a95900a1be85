"""Adding, changing and trying webhooks."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from accounts.actors import Actor
from accounts.services.organizations import lock_organization
from reserve.core.clock import now
from reserve.core.errors import Invalid
from reserve.core.logging import get_logger
from reserve.core.sealing import seal
from reserve.core.text import clean_line
from webhooks.addresses import check_url
from webhooks.errors import TooManyWebhooks
from webhooks.kinds import EVENT_TYPES, MAX_DESCRIPTION, DeliveryState, DisabledReason
from webhooks.models import Webhook, WebhookDelivery
from webhooks.selectors import managed_organization, webhook_of
from webhooks.signatures import new_secret

log = get_logger(__name__)

MAX_ENDPOINTS = 20
# For so long after a rotation messages are signed with the old secret as well.
ROTATION_TIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class WithSecret:
    """A webhook and its secret, which is told this once."""

    webhook: Webhook
    secret: str


def create_webhook(
    *,
    actor: Actor,
    organization_id: UUID,
    url: str,
    event_types: Collection[str] = (),
    description: str = "",
    enabled: bool = True,
) -> WithSecret:
    """Have an organization's events sent to an address from now on.

    Args:
        event_types: of what it is told; of everything where there are none.

    Raises:
        NotFound, Forbidden: as `managed_organization`.
        Invalid: a value makes no sense.
        TooManyWebhooks: as it says.
    """
    managed_organization(actor=actor, organization_id=organization_id)
    fields = checked_fields(url=url, event_types=event_types, description=description)
    with transaction.atomic():
        lock_organization(organization_id)
        if Webhook.objects.filter(organization_id=organization_id).count() >= MAX_ENDPOINTS:
            raise TooManyWebhooks
        webhook = Webhook(
            organization_id=organization_id, sealed_secret=seal(new_secret()), **fields
        )
        _enable(webhook, enabled)
        webhook.save(force_insert=True)
    webhook.refresh_from_db()
    log.info("webhook_created", webhook_id=webhook.public_id, actor=actor.public_name)
    return WithSecret(webhook, webhook.secret)


def update_webhook(
    *,
    actor: Actor,
    webhook_id: UUID,
    organization_id: UUID | None = None,
    enabled: bool | None = None,
    **changes: Any,
) -> Webhook:
    """Change a webhook. What is not named stays as it is.

    One that is enabled again begins anew: nothing is held against it. What waits for one
    that is disabled is not sent.

    Args:
        changes: `url`, `event_types` and `description`, as `create_webhook` takes them.

    Raises:
        NotFound, Forbidden: as `webhook_of`.
        Invalid: a value makes no sense.
    """
    webhook_of(actor=actor, webhook_id=webhook_id, organization_id=organization_id)
    fields = checked_fields(**changes)
    with transaction.atomic():
        webhook = Webhook.objects.select_for_update(no_key=True).get(pk=webhook_id)
        for name, value in fields.items():
            setattr(webhook, name, value)
        if enabled is not None and enabled != webhook.is_enabled:
            _enable(webhook, enabled)
        webhook.save()
        if not webhook.is_enabled:
            skip_what_waits(webhook)
    log.info("webhook_updated", webhook_id=webhook.public_id, actor=actor.public_name)
    return webhook


def delete_webhook(*, actor: Actor, webhook_id: UUID, organization_id: UUID | None = None) -> None:
    """Remove a webhook with the log of its deliveries.

    Raises:
        NotFound, Forbidden: as `webhook_of`.
    """
    webhook = webhook_of(actor=actor, webhook_id=webhook_id, organization_id=organization_id)
    webhook.delete()
    log.info("webhook_deleted", webhook_id=Webhook.format_id(webhook_id), actor=actor.public_name)


def rotate_secret(
    *, actor: Actor, webhook_id: UUID, organization_id: UUID | None = None
) -> WithSecret:
    """Give a webhook another secret. The old one signs as well for a day more.

    Raises:
        NotFound, Forbidden: as `webhook_of`.
    """
    webhook_of(actor=actor, webhook_id=webhook_id, organization_id=organization_id)
    with transaction.atomic():
        webhook = Webhook.objects.select_for_update(no_key=True).get(pk=webhook_id)
        webhook.sealed_previous_secret = webhook.sealed_secret
        webhook.previous_secret_until = now() + ROTATION_TIME
        webhook.sealed_secret = seal(new_secret())
        webhook.save(
            update_fields=("sealed_secret", "sealed_previous_secret", "previous_secret_until")
        )
    log.info("webhook_secret_rotated", webhook_id=webhook.public_id, actor=actor.public_name)
    return WithSecret(webhook, webhook.secret)


def skip_what_waits(webhook: Webhook) -> None:
    """End what is queued for a webhook that is disabled."""
    WebhookDelivery.objects.filter(webhook=webhook, state=DeliveryState.QUEUED).update(
        state=DeliveryState.SKIPPED, ended_at=Now()
    )


def checked_fields(**given: Any) -> dict[str, Any]:
    """Values as they are stored.

    Raises:
        Invalid: naming every field that makes no sense.
    """
    checks = {"url": _checked_url, "event_types": _checked_types, "description": _checked_text}
    fields: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for name, value in given.items():
        try:
            fields[name] = checks[name](value)
        except Invalid as refused:
            errors |= refused.details["errors"]
    if errors:
        raise Invalid(errors=errors)
    return fields


def _checked_url(url: str) -> str:
    check_url(
        url,
        allows_plain=settings.WEBHOOK_ALLOW_HTTP,
        allows_loopback=settings.WEBHOOK_ALLOW_LOOPBACK,
    )
    return url


def _checked_types(event_types: Collection[str]) -> list[str]:
    if len(event_types) > len(EVENT_TYPES):
        raise Invalid.field("event_types", "Name each type of event once.")
    if any(each not in EVENT_TYPES for each in event_types):
        raise Invalid.field("event_types", "One of these is not a type of event.")
    return [each for each in EVENT_TYPES if each in event_types]


def _checked_text(description: str) -> str:
    return clean_line(description, field="description", maximum=MAX_DESCRIPTION)


def _enable(webhook: Webhook, enabled: bool) -> None:
    webhook.is_enabled = enabled
    webhook.failing_since = None
    webhook.disabled_at = None if enabled else now()
    webhook.disabled_reason = "" if enabled else DisabledReason.BY_HAND

"""Reading the feed, webhooks and the log of their deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import DurationField, ExpressionWrapper, Min
from django.db.models.functions import Now

from accounts.actors import Actor
from accounts.models import Organization
from accounts.selectors import (
    require_manager,
    sole_managed_organization_id,
    visible_organization,
)
from reserve.core.errors import Invalid, NotFound
from reserve.core.pages import MAX_PAGE_SIZE, Page, page_of
from reserve.core.sentences import from_to
from reserve.outbox.models import Event
from webhooks.kinds import DeliveryState
from webhooks.models import FeedEntry, Webhook, WebhookDelivery


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a feed, in the order in which its events became visible."""

    events: Sequence[Event]
    has_more: bool


def managed_organization(*, actor: Actor, organization_id: UUID) -> Organization:
    """An organization whose webhooks and feed are the actor's to see and change.

    Raises:
        NotFound: the actor does not work for it.
        Forbidden: they do, but do not manage it.
    """
    organization = visible_organization(actor=actor, organization_id=organization_id)
    require_manager(actor=actor, organization_id=organization_id)
    return organization


def feed(
    *,
    actor: Actor,
    organization_id: UUID | None = None,
    after: UUID | None = None,
    first: int = MAX_PAGE_SIZE,
) -> Stretch:
    """An organization's events that follow one of them; without it, from the beginning.

    Whoever goes on from the last event of each answer misses none.

    Args:
        organization_id: may be left out by whoever manages but one.

    Raises:
        NotFound, Forbidden: as `managed_organization`.
        Unauthenticated, Forbidden, Invalid: as `sole_managed_organization_id`.
        Invalid: the event is none of this feed, or the size is out of bounds.
    """
    if not 1 <= first <= MAX_PAGE_SIZE:
        raise Invalid.field("first", from_to(1, MAX_PAGE_SIZE))
    if organization_id is None:
        organization_id = sole_managed_organization_id(actor=actor)
    else:
        managed_organization(actor=actor, organization_id=organization_id)
    entries = FeedEntry.objects.filter(organization_id=organization_id)
    if after is not None:
        position = entries.filter(event_id=after).values_list("position", flat=True).first()
        if position is None:
            raise Invalid.field("after", "This is not an event of this feed.")
        entries = entries.filter(position__gt=position)
    found = list(entries.select_related("event").order_by("position")[: first + 1])
    return Stretch([entry.event for entry in found[:first]], has_more=len(found) > first)


# --- Webhooks ------------------------------------------------------------------------


def webhooks_page(
    *,
    actor: Actor,
    organization_id: UUID,
    first: int,
    after: str | None = None,
    before: str | None = None,
) -> Page[Webhook]:
    """A page of an organization's webhooks, the oldest first.

    Raises:
        NotFound, Forbidden: as `managed_organization`.
    """
    managed_organization(actor=actor, organization_id=organization_id)
    rows = Webhook.objects.filter(organization_id=organization_id)
    return page_of(rows, order="pk", first=first, after=after, before=before, read=UUID)


def webhook_of(*, actor: Actor, webhook_id: UUID, organization_id: UUID | None = None) -> Webhook:
    """A webhook of an organization that the actor manages.

    Args:
        organization_id: of which it must be, where that is said.

    Raises:
        NotFound: there is none, or the actor does not work for its organization.
        Forbidden: they do, but do not manage it.
    """
    rows = Webhook.objects.filter(pk=webhook_id)
    if organization_id is not None:
        rows = rows.filter(organization_id=organization_id)
    webhook = rows.first()
    if webhook is None:
        raise NotFound
    managed_organization(actor=actor, organization_id=webhook.organization_id)
    return webhook


def deliveries_page(
    *,
    actor: Actor,
    webhook_id: UUID,
    organization_id: UUID | None = None,
    first: int,
    after: str | None = None,
    before: str | None = None,
) -> Page[WebhookDelivery]:
    """A page of what was sent to a webhook, the latest first; kept for a month.

    Raises:
        NotFound, Forbidden: as `webhook_of`.
    """
    webhook = webhook_of(actor=actor, webhook_id=webhook_id, organization_id=organization_id)
    return page_of(
        WebhookDelivery.objects.filter(webhook=webhook),
        order="pk",
        first=first,
        after=after,
        before=before,
        read=UUID,
        is_descending=True,
    )


def delivery_of(
    *,
    actor: Actor,
    delivery_id: UUID,
    webhook_id: UUID | None = None,
    organization_id: UUID | None = None,
) -> WebhookDelivery:
    """One of them.

    Raises:
        NotFound: there is none, or the actor does not work for its organization.
        Forbidden: they do, but do not manage it.
    """
    rows = WebhookDelivery.objects.filter(pk=delivery_id)
    if webhook_id is not None:
        rows = rows.filter(webhook_id=webhook_id)
    delivery = rows.first()
    if delivery is None:
        raise NotFound
    webhook_of(actor=actor, webhook_id=delivery.webhook_id, organization_id=organization_id)
    return delivery


# --- For those who run it ------------------------------------------------------------


def oldest_due_webhook() -> timedelta:
    """For how long the message that has waited longest could have been sent."""
    queued = WebhookDelivery.objects.filter(state=DeliveryState.QUEUED, next_attempt_at__lte=Now())
    age = ExpressionWrapper(Now() - Min("next_attempt_at"), output_field=DurationField())
    return queued.aggregate(age=age)["age"] or timedelta()

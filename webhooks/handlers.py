"""What this app does on events. Handlers take a batch and are idempotent."""

from collections.abc import Sequence

from django.db import transaction

from accounts.models import Membership, Role
from reserve.core.mail import post
from reserve.outbox.models import Event
from reserve.outbox.services import mixes_requests
from webhooks import mails
from webhooks.models import Webhook
from webhooks.services.deliveries import owe
from webhooks.services.publication import publish
from webhooks.tasks import wake_sender


@mixes_requests
def publish_events(events: Sequence[Event]) -> None:
    """Give the events their places in the feed, and write down which webhooks hear of them."""
    # Those that were recorded before the log told of times have nothing to tell.
    told = [event for event in events if "starts_at" in event.payload]
    with transaction.atomic():
        owed = owe(told)
        # Last, since publishers wait for each other until the commit.
        publish(told)
    if owed:
        wake_sender()


def tell_of_disabled_webhooks(events: Sequence[Event]) -> None:
    """Tell an organization's owners that we disabled a webhook."""
    for event in events:
        webhook = (
            Webhook.objects.filter(pk=Webhook.parse_id(event.payload["webhook"]))
            .select_related("organization")
            .first()
        )
        if webhook is None or webhook.is_enabled:
            continue
        owners = Membership.objects.filter(
            organization_id=event.organization_id, role=Role.OWNER, user__is_active=True
        )
        for owner in owners.select_related("user"):
            message = mails.webhook_disabled(event, webhook, owner.user)
            post.send(mails.mail_id(event, owner.user), message)

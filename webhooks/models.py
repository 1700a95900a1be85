from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Organization
from reserve.core.claims import Claimable
from reserve.core.ids import UlidField, UlidModel
from reserve.core.sealing import unseal
from reserve.outbox.models import Event
from webhooks.addresses import MAX_URL
from webhooks.kinds import MAX_DESCRIPTION, DeliveryState, DisabledReason


class FeedEntry(models.Model):
    """The place of an event in its organization's feed.

    Places are given after the event's commit, one batch after the other
    (`services.publication`), so that they become visible in their order.
    """

    position = models.BigAutoField(primary_key=True)
    organization_id = models.UUIDField()
    # No event goes away: the log refuses it.
    event = models.ForeignKey(Event, on_delete=models.DO_NOTHING, related_name="+", db_index=False)

    class Meta:
        ordering = ("position",)
        verbose_name_plural = "feed entries"
        constraints = (
            models.UniqueConstraint(
                fields=("organization_id", "event"), name="an_event_has_one_place_in_the_feed"
            ),
        )
        indexes = (models.Index(fields=("organization_id", "position"), name="feed_in_order"),)

    def __str__(self) -> str:
        return str(self.position)


class Webhook(UlidModel):
    """Where an organization wants to be told, and of what."""

    id = UlidField("webhook")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    url = models.CharField("URL", max_length=MAX_URL)
    description = models.CharField(max_length=MAX_DESCRIPTION, blank=True)
    event_types = ArrayField(
        models.CharField(max_length=64),
        default=list,
        blank=True,
        help_text="What it is told of; of everything where there are none.",
    )
    is_enabled = models.BooleanField(default=True)
    # It signs, so it is needed as it is; shown once, when it is made (`reserve.core.sealing`).
    sealed_secret = models.TextField(db_column="secret", editable=False)
    sealed_previous_secret = models.TextField(
        blank=True, db_column="previous_secret", editable=False
    )
    previous_secret_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now())
    failing_since = models.DateTimeField(
        null=True, help_text="Since when no message has arrived, though some were sent."
    )
    disabled_at = models.DateTimeField(null=True)
    disabled_reason = models.CharField(max_length=32, blank=True, choices=DisabledReason)

    class Meta:
        ordering = ("id",)
        verbose_name = "webhook"

    def __str__(self) -> str:
        return self.url

    @property
    def secret(self) -> str:
        """What it signs with. Raises `Unreadable` without the key that it is sealed under."""
        return unseal(self.sealed_secret)

    @property
    def previous_secret(self) -> str:
        return unseal(self.sealed_previous_secret)


class WebhookDelivery(Claimable, UlidModel):
    """One message to one webhook, from the moment it is owed."""

    id = UlidField("webhookdelivery")
    # The indexes below, and the constraint, begin with those that are looked for.
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    webhook = models.ForeignKey(
        Webhook, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    event = models.ForeignKey(
        Event,
        on_delete=models.DO_NOTHING,
        null=True,
        related_name="+",
        db_index=False,
        help_text="Nothing where the message is only to show that it arrives.",
    )
    type = models.CharField(max_length=64)
    subject_id = models.UUIDField(help_text="Those of one booking go in order.")
    sequence = models.PositiveIntegerField(help_text="Their order.")
    request_id = models.CharField(max_length=128, blank=True)

    state = models.CharField(max_length=16, choices=DeliveryState, default=DeliveryState.QUEUED)
    attempts = models.PositiveIntegerField(default=0, help_text="Since it was queued last.")
    created_at = models.DateTimeField(db_default=Now())
    queued_at = models.DateTimeField(db_default=Now(), help_text="When it was queued last.")
    ended_at = models.DateTimeField(null=True, help_text="When it arrived or was given up.")
    log = models.JSONField(default=list, help_text="The latest attempts.")

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "deliveries"
        constraints = (
            models.UniqueConstraint(
                fields=("webhook", "event"), name="a_webhook_is_told_once_of_an_event"
            ),
        )
        indexes = (
            models.Index(
                fields=("webhook", "next_attempt_at"),
                condition=Q(state=DeliveryState.QUEUED),
                name="webhook_delivery_queued",
            ),
            models.Index(
                fields=("webhook", "subject_id", "sequence"),
                condition=Q(state=DeliveryState.QUEUED),
                name="webhook_delivery_of_subject",
            ),
            models.Index(
                fields=("organization", "id"),
                condition=Q(state=DeliveryState.DEAD),
                name="webhook_delivery_dead",
            ),
            models.Index(fields=("webhook", "id"), name="webhook_delivery_by_endpoint"),
        )

    def __str__(self) -> str:
        return f"{self.type}, {self.get_state_display()}"

    @property
    def message_id(self) -> str:
        """The `webhook-id`: the event's, or of a test its own."""
        return self.public_id if self.event_id is None else Event.format_id(self.event_id)

from django.db import models
from django.db.models.functions import Now

from reserve.core.claims import Claimable
from reserve.core.ids import UlidField, UlidModel


class Event(Claimable, UlidModel):
    """A fact, recorded in the transaction that made it true.

    The facts never change (a trigger refuses it); the delivery columns say how
    far the relay has got with them.
    """

    id = UlidField("event")
    organization_id = models.UUIDField()
    name = models.CharField(max_length=64)
    subject_id = models.UUIDField(help_text="The booking or slot that it is about.")
    sequence = models.PositiveIntegerField(help_text="Position among its subject's events, from 1.")
    payload = models.JSONField()
    request_id = models.CharField(max_length=128, blank=True)
    recorded_at = models.DateTimeField(db_default=Now())

    delivered_at = models.DateTimeField(null=True)
    dead_at = models.DateTimeField(null=True, help_text="When the relay gave up.")
    last_error = models.TextField(blank=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization_id", "subject_id", "sequence"),
                name="event_sequence_is_unique",
            ),
        )
        indexes = (
            models.Index(
                fields=("next_attempt_at",),
                condition=models.Q(delivered_at=None, dead_at=None),
                name="event_undelivered",
            ),
            models.Index(
                fields=("id",),
                condition=models.Q(delivered_at=None, dead_at__isnull=False),
                name="event_dead",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.public_id}"

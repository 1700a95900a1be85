from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Login, Organization, User
from bookings.models import Booking, Guest
from notifications.kinds import Audience, Channel, Kind, Platform, Urgency
from notifications.placeholders import MAX_BODY, MAX_SUBJECT, validate_text
from reserve.core.claims import Claimable
from reserve.core.ids import UlidField, UlidModel
from venues.models import Venue


class Device(UlidModel):
    """A phone or tablet that wants to be told. Its token is the platform's name for it."""

    id = UlidField("device")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="devices")
    login = models.ForeignKey(
        Login,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        help_text="The login that registered it last; once revoked, it is told nothing.",
    )
    platform = models.CharField(max_length=16, choices=Platform)
    token = models.CharField(max_length=1024)
    endpoint = models.CharField(
        max_length=256, blank=True, help_text="Its name at the push service, once it has one."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    registered_at = models.DateTimeField(db_default=Now(), help_text="When it last said so.")

    class Meta:
        ordering = ("-registered_at",)
        constraints = (
            models.UniqueConstraint(fields=("platform", "token"), name="one_device_per_token"),
        )

    def __str__(self) -> str:
        return f"{self.get_platform_display()}, {self.user}"


class Preference(UlidModel):
    """What a person wants, where that is not what everybody gets."""

    id = UlidField("preference")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    audience = models.CharField(max_length=16, choices=Audience, help_text="As whom.")
    kind = models.CharField(max_length=32, choices=Kind)
    channel = models.CharField(max_length=16, choices=Channel)
    is_wanted = models.BooleanField()

    class Meta:
        ordering = ("user", "audience", "kind", "channel")
        constraints = (
            models.UniqueConstraint(
                fields=("user", "audience", "kind", "channel"),
                name="one_preference_per_kind_and_channel",
            ),
        )

    def __str__(self) -> str:
        return f"{self.user}: {self.kind} by {self.channel}"


class QuietHours(UlidModel):
    """When a person's devices stay silent, by the clock of their own time zone."""

    id = UlidField("quiet")
    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="+")
    begin = models.TimeField()
    end = models.TimeField(help_text="Not after the beginning: on the next day.")

    class Meta:
        ordering = ("user",)
        verbose_name_plural = "quiet hours"
        constraints = (
            models.CheckConstraint(
                condition=~Q(begin=models.F("end")), name="quiet_hours_have_a_length"
            ),
        )

    def __str__(self) -> str:
        return f"{self.user}: {self.begin:%H:%M} to {self.end:%H:%M}"


class Wording(UlidModel):
    """What an organization writes to its guests instead of our words."""

    id = UlidField("wording")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=32, choices=Kind)
    language = models.CharField(max_length=16, help_text="That of the guests who get it.")
    subject = models.CharField(
        max_length=MAX_SUBJECT, validators=[validate_text], help_text="One line."
    )
    body = models.TextField(
        max_length=MAX_BODY,
        validators=[validate_text],
        help_text="Paragraphs, with an empty line between them. Details of the booking, the link"
        " to manage it and the calendar file are added below.",
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("organization", "kind", "language")
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "kind", "language"), name="one_wording_per_language"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.language}"


class DeliveryState(models.TextChoices):
    QUEUED = "QUEUED", "Queued"
    SENT = "SENT", "Sent"
    SKIPPED = "SKIPPED", "Skipped"
    DEAD = "DEAD", "Dead"
    DISCARDED = "DISCARDED", "Discarded"


class Delivery(Claimable, UlidModel):
    """One message to one recipient by one channel, from the moment it is owed.

    The address is not here: it is read when the message is sent.
    """

    id = UlidField("delivery")
    # The indexes below, and the constraint, begin with those that are looked for.
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    venue = models.ForeignKey(
        Venue, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    booking = models.ForeignKey(
        Booking, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    occasion = models.CharField(
        max_length=64, help_text="What it is about: an event's id, or the time of a reminder."
    )
    kind = models.CharField(max_length=32, choices=Kind)
    channel = models.CharField(max_length=16, choices=Channel)
    audience = models.CharField(max_length=16, choices=Audience)
    recipient = models.CharField(max_length=64, help_text="The id of a guest, a user or a device.")
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    guest = models.ForeignKey(
        Guest, on_delete=models.CASCADE, null=True, related_name="+", db_index=False
    )
    device = models.ForeignKey(Device, on_delete=models.SET_NULL, null=True, related_name="+")
    facts = models.JSONField(help_text="What is told, as it was: times, party, reason.")
    request_id = models.CharField(max_length=128, blank=True)
    urgency = models.PositiveSmallIntegerField(choices=Urgency)

    state = models.CharField(max_length=16, choices=DeliveryState, default=DeliveryState.QUEUED)
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, help_text="When it was sent, skipped or given up.")
    provider_id = models.CharField(
        max_length=200, blank=True, help_text="The mail's Message-ID, or the push service's id."
    )
    outcome = models.CharField(
        max_length=200, blank=True, help_text="Why it was skipped, or failed last; no addresses."
    )

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "deliveries"
        constraints = (
            models.UniqueConstraint(
                fields=(
                    *("organization", "booking", "occasion"),
                    *("kind", "recipient", "channel"),
                ),
                name="an_occasion_is_told_once",
            ),
        )
        indexes = (
            # Whose turn it is, organization by organization.
            models.Index(
                fields=("urgency", "channel", "organization", "next_attempt_at"),
                condition=Q(state=DeliveryState.QUEUED),
                name="delivery_queued",
            ),
            models.Index(
                fields=("organization", "id"),
                condition=Q(state=DeliveryState.DEAD),
                name="delivery_dead",
            ),
            models.Index(fields=("organization", "id"), name="delivery_by_organization"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} by {self.get_channel_display()}"


class Reminder(models.Model):
    """That a booking's reminder for a start was made: each one once."""

    pk = models.CompositePrimaryKey("booking_id", "starts_at", "minutes")
    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="+")
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    starts_at = models.DateTimeField(help_text="The start that it reminds of.")
    minutes = models.PositiveIntegerField(help_text="How long before.")

    class Meta:
        ordering = ("booking", "starts_at", "minutes")

    def __str__(self) -> str:
        return f"{self.minutes} minutes before {self.starts_at}"


class Lane(models.Model):
    """A server that messages go to: while it fails it is left alone, by every worker."""

    name = models.CharField(max_length=80, primary_key=True)
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    paused_until = models.DateTimeField(db_default=Now())
    reason = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

from datetime import datetime, timedelta
from typing import overload
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from accounts.models import Organization
from reserve.core.ids import UlidField, UlidModel


def validate_timezone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(f"{name} is not an IANA time zone.")


class ConfirmationMode(models.TextChoices):
    AUTOMATIC = "AUTOMATIC", "Automatic: the queue confirms"
    MANUAL = "MANUAL", "Manual: staff approve or decline"


class BookingMode(models.TextChoices):
    SHARED = "SHARED", "Shared: a booking takes the seats of its party"
    EXCLUSIVE = "EXCLUSIVE", "Exclusive: a booking takes the whole slot"


class Venue(UlidModel):
    """A place with a clock of its own and rules for those who book it.

    A rule left empty falls back on the installation's setting, or binds nobody.
    """

    id = UlidField("venue")
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="venues")
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=64)
    description = models.TextField(blank=True)
    street = models.CharField(max_length=200, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=100, blank=True)
    country = models.CharField(max_length=2, blank=True, help_text="ISO 3166-1 alpha-2.")
    timezone = models.CharField(
        max_length=64, validators=[validate_timezone], help_text="IANA name, Europe/Copenhagen."
    )
    is_public = models.BooleanField(default=True, help_text="Seen and booked by everybody.")
    confirmation_mode = models.CharField(
        max_length=16, choices=ConfirmationMode, default=ConfirmationMode.AUTOMATIC
    )
    booking_horizon_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="How far ahead can be booked, in days of the venue."
    )
    minimum_notice_minutes = models.PositiveIntegerField(
        default=0, help_text="How long before its start a slot can still be booked."
    )
    hold_seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="How long a hold lasts."
    )
    minimum_party_size = models.PositiveIntegerField(default=1)
    maximum_party_size = models.PositiveIntegerField(null=True, blank=True)
    cancellation_cutoff_minutes = models.PositiveIntegerField(
        default=0, help_text="How long before the start a customer can still cancel."
    )
    open_bookings_per_customer = models.PositiveIntegerField(
        null=True, blank=True, help_text="Holds and coming bookings one customer may have."
    )
    accepts_guests = models.BooleanField(
        default=True, help_text="People without an account may book."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("organization", "slug"), name="venue_slug_is_unique"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def address(self) -> str:
        """The address on one line."""
        town = f"{self.postal_code} {self.city}".strip()
        return ", ".join(part for part in (self.street, town, self.country) if part)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @overload
    def local(self, moment: datetime) -> datetime: ...
    @overload
    def local(self, moment: None) -> None: ...
    def local(self, moment: datetime | None) -> datetime | None:
        """The same instant in the venue's offset."""
        return moment.astimezone(self.zone) if moment else None

    @property
    def booking_horizon(self) -> timedelta:
        if self.booking_horizon_days is None:
            return settings.MAX_BOOKING_ADVANCE
        return timedelta(days=self.booking_horizon_days)

    @property
    def minimum_notice(self) -> timedelta:
        return timedelta(minutes=self.minimum_notice_minutes)

    @property
    def hold_ttl(self) -> timedelta:
        if self.hold_seconds is None:
            return settings.HOLD_TTL
        return timedelta(seconds=self.hold_seconds)

    @property
    def cancellation_cutoff(self) -> timedelta:
        return timedelta(minutes=self.cancellation_cutoff_minutes)


class Resource(UlidModel):
    """What a slot is a slot of: a dining room, a court, a chair."""

    id = UlidField("resource")
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT, related_name="resources")
    name = models.CharField(max_length=200)
    booking_mode = models.CharField(max_length=16, choices=BookingMode, default=BookingMode.SHARED)
    capacity = models.PositiveIntegerField(
        validators=[MinValueValidator(1)], help_text="Seats of a slot, where its hours name none."
    )
    position = models.PositiveIntegerField(default=0, help_text="Order on a board.")

    class Meta:
        ordering = ("venue", "position", "name")
        constraints = (
            models.CheckConstraint(condition=Q(capacity__gt=0), name="resource_has_capacity"),
        )

    def __str__(self) -> str:
        return f"{self.venue}: {self.name}"

    @property
    def is_exclusive(self) -> bool:
        return self.booking_mode == BookingMode.EXCLUSIVE


class Weekday(models.IntegerChoices):
    MONDAY = 0, "Monday"
    TUESDAY = 1, "Tuesday"
    WEDNESDAY = 2, "Wednesday"
    THURSDAY = 3, "Thursday"
    FRIDAY = 4, "Friday"
    SATURDAY = 5, "Saturday"
    SUNDAY = 6, "Sunday"


class OpeningHours(UlidModel):
    """One stretch of one weekday in which a resource offers slots, by the venue's clock."""

    id = UlidField("hours")
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="opening_hours")
    weekday = models.PositiveSmallIntegerField(choices=Weekday)
    opens_at = models.TimeField()
    closes_at = models.TimeField(help_text="Not after opening: on the next day.")
    slot_minutes = models.PositiveIntegerField(
        null=True, blank=True, help_text="Length of a slot; the installation's where empty."
    )
    capacity = models.PositiveIntegerField(
        null=True, blank=True, help_text="Seats of each slot; the resource's where empty."
    )

    class Meta:
        ordering = ("resource", "weekday", "opens_at")
        verbose_name_plural = "opening hours"
        constraints = (
            models.CheckConstraint(
                condition=Q(slot_minutes__gt=0) | Q(slot_minutes=None), name="slots_take_time"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.opens_at:%H:%M} to {self.closes_at:%H:%M}"

    @property
    def slot_duration(self) -> timedelta:
        if self.slot_minutes is None:
            return settings.SLOT_DURATION
        return timedelta(minutes=self.slot_minutes)


class Closure(UlidModel):
    """Days on which a venue, or one resource of it, offers nothing."""

    id = UlidField("closure")
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    venue = models.ForeignKey(Venue, on_delete=models.CASCADE, related_name="closures")
    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, null=True, blank=True)
    first_date = models.DateField()
    last_date = models.DateField()
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("first_date",)
        constraints = (
            models.CheckConstraint(
                condition=Q(last_date__gte=F("first_date")), name="closure_ends_after_it_begins"
            ),
        )

    def __str__(self) -> str:
        return f"{self.venue}, {self.first_date} to {self.last_date}"

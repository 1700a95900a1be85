"""Venues and what is booked there."""

from datetime import datetime, timedelta
from typing import overload
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.models import Organization
from reserve.core.ids import UlidField, UlidModel
from venues.models.conditions import within
from venues.validators import (
    DAY_MINUTES,
    DAY_SECONDS,
    MAX_CAPACITY,
    MAX_DAYS,
    MAX_DESCRIPTION,
    MAX_PICTURES,
    MAX_REMINDER,
    MAX_REMINDERS,
    MAX_URL_LENGTH,
    MIN_REMINDER,
    Degrees,
    at_most,
    at_web,
    default_reminders,
    validate_line,
    validate_pictures,
    validate_reminders,
    validate_text,
    validate_timezone,
    whole,
)

_MAX_MINUTES = MAX_DAYS * DAY_MINUTES


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
    name = models.CharField(max_length=200, validators=[validate_line])
    slug = models.SlugField(max_length=64)
    description = models.TextField(blank=True, validators=[validate_text, at_most(MAX_DESCRIPTION)])
    picture_urls = ArrayField(
        models.CharField(max_length=MAX_URL_LENGTH, blank=True),
        default=list,
        blank=True,
        validators=[validate_pictures],
        help_text=f"At most {MAX_PICTURES}, by https.",
    )

    street = models.CharField(max_length=200, blank=True, validators=[validate_line])
    postal_code = models.CharField(max_length=20, blank=True, validators=[validate_line])
    city = models.CharField(max_length=100, blank=True, validators=[validate_line])
    region = models.CharField(
        max_length=100, blank=True, validators=[validate_line], help_text="State or province."
    )
    country = models.CharField(
        max_length=2, blank=True, validators=[validate_line], help_text="ISO 3166-1 alpha-2."
    )
    latitude = models.FloatField(
        null=True, blank=True, validators=[Degrees(90)], help_text="WGS 84, degrees north."
    )
    longitude = models.FloatField(
        null=True, blank=True, validators=[Degrees(180)], help_text="WGS 84, degrees east."
    )
    timezone = models.CharField(
        max_length=64, validators=[validate_timezone], help_text="IANA name, Europe/Copenhagen."
    )

    contact_email = models.EmailField(blank=True)
    contact_phone = models.CharField(max_length=32, blank=True, validators=[validate_line])
    website = models.CharField(max_length=MAX_URL_LENGTH, blank=True, validators=[at_web])

    is_public = models.BooleanField(default=True, help_text="Seen and booked by everybody.")
    confirmation_mode = models.CharField(
        max_length=16, choices=ConfirmationMode, default=ConfirmationMode.AUTOMATIC
    )
    booking_horizon_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=whole(0, MAX_DAYS),
        help_text="How far ahead can be booked, in days of the venue.",
    )
    minimum_notice_minutes = models.PositiveIntegerField(
        default=0,
        validators=whole(0, _MAX_MINUTES),
        help_text="How long before its start a slot can still be booked.",
    )
    hold_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=whole(1, DAY_SECONDS),
        help_text="How long a hold lasts.",
    )
    minimum_party_size = models.PositiveIntegerField(default=1, validators=whole(1, MAX_CAPACITY))
    maximum_party_size = models.PositiveIntegerField(
        null=True, blank=True, validators=whole(1, MAX_CAPACITY)
    )
    cancellation_cutoff_minutes = models.PositiveIntegerField(
        default=0,
        validators=whole(0, _MAX_MINUTES),
        help_text="How long before the start a customer can still cancel.",
    )
    open_bookings_per_customer = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=whole(1, MAX_CAPACITY),
        help_text="Holds and coming bookings one customer may have.",
    )
    accepts_guests = models.BooleanField(
        default=True, help_text="People without an account may book."
    )
    accepts_unverified = models.BooleanField(
        default=True,
        db_default=True,
        help_text="Accounts whose e-mail address is not verified may book.",
    )
    reminder_minutes = ArrayField(
        models.PositiveIntegerField(validators=whole(MIN_REMINDER, MAX_REMINDER)),
        default=default_reminders,
        blank=True,
        validators=[validate_reminders],
        help_text="How long before the start guests are reminded, in minutes; each time once.",
    )
    updated_at = models.DateTimeField(
        db_default=Now(),
        editable=False,
        help_text="When it, what can be booked there, its hours or its closures last changed.",
    )
    schedule_version = models.PositiveIntegerField(
        default=0,
        editable=False,
        help_text="Grows by one with every change that may move slots.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("organization", "slug"), name="venue_slug_is_unique"),
            models.CheckConstraint(
                condition=Q(latitude=None, longitude=None)
                | Q(
                    # A check that is neither true nor false passes.
                    latitude__isnull=False,
                    longitude__isnull=False,
                    latitude__range=(-90, 90),
                    longitude__range=(-180, 180),
                ),
                name="venue_position_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(minimum_party_size__range=(1, MAX_CAPACITY))
                & (
                    Q(maximum_party_size=None)
                    | Q(maximum_party_size__range=(F("minimum_party_size"), MAX_CAPACITY))
                ),
                name="venue_party_sizes_in_order",
            ),
            models.CheckConstraint(
                condition=within("booking_horizon_days", 0, MAX_DAYS),
                name="venue_horizon_in_range",
            ),
            models.CheckConstraint(
                condition=Q(minimum_notice_minutes__range=(0, _MAX_MINUTES))
                & Q(cancellation_cutoff_minutes__range=(0, _MAX_MINUTES))
                & within("hold_seconds", 1, DAY_SECONDS)
                & within("open_bookings_per_customer", 1, MAX_CAPACITY),
                name="venue_rules_in_range",
            ),
            models.CheckConstraint(
                condition=Q(picture_urls__len__lte=MAX_PICTURES), name="venue_has_few_pictures"
            ),
            models.CheckConstraint(
                condition=Q(reminder_minutes__len__lte=MAX_REMINDERS),
                name="venue_reminds_seldom",
            ),
        )
        # And two on expressions, of words and of cities: migration 0003, venues/search.py.
        indexes = (
            # Who may see it is in the index: counting reads nothing else.
            models.Index(
                fields=("name", "id"), include=("is_public", "organization"), name="venue_by_name"
            ),
            models.Index(
                fields=("latitude", "longitude"),
                condition=Q(latitude__isnull=False),
                name="venue_by_position",
            ),
        )

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        errors: dict[str, str] = {}
        if (self.latitude is None) != (self.longitude is None):
            missing = "latitude" if self.latitude is None else "longitude"
            errors[missing] = "Latitude and longitude go together."
        smallest, largest = self.minimum_party_size, self.maximum_party_size
        if smallest is not None and largest is not None and 1 <= largest < smallest:
            errors["maximum_party_size"] = "This must not be below the smallest party."
        if errors:
            raise ValidationError(errors)

    @staticmethod
    def stamp_group(venue_id: UUID) -> str:
        """The group of `reserve.core.stamps` that all changes of a venue concern."""
        return f"venue.{venue_id.hex}"

    @property
    def address(self) -> str:
        """The address on one line."""
        town = f"{self.postal_code} {self.city}".strip()
        return ", ".join(part for part in (self.street, town, self.region, self.country) if part)

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
    name = models.CharField(max_length=200, validators=[validate_line])
    booking_mode = models.CharField(max_length=16, choices=BookingMode, default=BookingMode.SHARED)
    capacity = models.PositiveIntegerField(
        validators=whole(1, MAX_CAPACITY), help_text="Seats of a slot, where its hours name none."
    )
    position = models.PositiveIntegerField(
        default=0, validators=whole(0, MAX_CAPACITY), help_text="Order on a board."
    )

    class Meta:
        ordering = ("venue", "position", "name")
        constraints = (
            models.CheckConstraint(condition=Q(capacity__gt=0), name="resource_has_capacity"),
            models.CheckConstraint(
                condition=Q(capacity__lte=MAX_CAPACITY), name="resource_capacity_in_range"
            ),
        )

    def __str__(self) -> str:
        return f"{self.venue}: {self.name}"

    @property
    def is_exclusive(self) -> bool:
        return self.booking_mode == BookingMode.EXCLUSIVE

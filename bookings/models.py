from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Func, Q, Value

from accounts.models import Organization, User
from bookings.states import SEATED, BookingStatus, SlotStatus, slot_status
from reserve.core.ids import UlidField, UlidModel
from venues.models import Resource, Venue


def phone_number_of(column: str) -> Func:
    """Of a column with phone numbers as people write them, the digits without zeros in front."""
    digits = Func(F(column), Value("[^0-9]"), Value(""), Value("g"), function="regexp_replace")
    return Func(digits, Value("0"), function="ltrim", output_field=models.CharField())


class Guest(UlidModel):
    """A person as one organization knows them, with or without an account.

    The index `guest_by_words`, which migration 0005 adds by SQL, finds them by their
    words (`bookings.selectors.search`).
    """

    id = UlidField("guest")
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="guests")
    account = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True)
    name = models.CharField(max_length=200)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=32, blank=True)
    locale = models.CharField(max_length=16, default="en", help_text="BCP 47 language tag.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "account"),
                condition=Q(account__isnull=False),
                name="one_guest_per_account",
            ),
        )
        indexes = (
            models.Index(fields=("organization", "email"), name="guest_by_email"),
            models.Index(fields=("organization", "phone"), name="guest_by_phone"),
            models.Index("organization", phone_number_of("phone"), name="guest_by_phone_number"),
        )

    def __str__(self) -> str:
        return self.name


class Slot(UlidModel):
    """A stretch of time on a resource, with seats.

    `reserved` is written by the desk alone, under the slot's row lock; lapsed
    holds are part of it until somebody gives their seats back.

    No two open slots of a resource overlap: the exclusion constraint
    `slots_do_not_overlap`, which migration 0004 adds by SQL. No index and no
    condition of one names `reserved`, so that a booking's update of a slot stays
    within its page and touches no index.
    """

    id = UlidField("slot")
    # Each begins an index with the time already.
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT, related_name="slots", db_index=False)
    resource = models.ForeignKey(
        Resource, on_delete=models.PROTECT, related_name="slots", db_index=False
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    capacity = models.PositiveIntegerField()
    reserved = models.PositiveIntegerField(default=0)
    is_closed = models.BooleanField(default=False, help_text="By staff, or withdrawn.")
    is_withdrawn = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Closed because the schedule does not offer it any more.",
    )
    is_added_by_hand = models.BooleanField(
        default=False, db_default=False, help_text="By staff; the schedule leaves it alone."
    )
    has_own_capacity = models.BooleanField(
        default=False, db_default=False, help_text="Staff set its capacity; the schedule does not."
    )
    version = models.PositiveBigIntegerField(
        default=0, help_text="Grows by one with every change of seats, capacity or closure."
    )
    next_lapse_at = models.DateTimeField(
        null=True, help_text="Not later than the first instant at which a hold on it lapses."
    )

    class Meta:
        ordering = ("starts_at", "resource")
        constraints = (
            models.CheckConstraint(
                condition=Q(reserved__gte=0, reserved__lte=F("capacity")),
                name="slot_is_never_oversold",
            ),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="slot_takes_time"),
            models.CheckConstraint(
                condition=Q(is_closed=True) | Q(is_withdrawn=False), name="slot_withdrawn_is_closed"
            ),
        )
        indexes = (
            models.Index(fields=("venue", "starts_at"), name="slot_by_venue_and_time"),
            models.Index(fields=("resource", "starts_at"), name="slot_by_resource_and_time"),
            # The lists of those who work at all venues of an organization.
            models.Index(fields=("organization", "starts_at"), name="slot_by_tenant_and_time"),
            models.Index(
                fields=("next_lapse_at",),
                condition=Q(next_lapse_at__isnull=False),
                name="slot_by_next_lapse",
            ),
        )

    # Of whoever reads it: how many bookings they have open where the venue limits that.
    open_bookings_of_reader = 0

    def __str__(self) -> str:
        return f"{self.resource}, {self.venue.local(self.starts_at):%Y-%m-%d %H:%M}"

    @property
    def remaining(self) -> int:
        return self.capacity - self.reserved

    def status_at(self, now: datetime) -> SlotStatus:
        return slot_status(
            starts_at=self.starts_at,
            is_closed=self.is_closed,
            remaining=self.remaining,
            now=now,
        )


class Publication(UlidModel):
    """How far a venue's slots are published, and by which time-zone data and default length."""

    id = UlidField("publication")
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    venue = models.OneToOneField(Venue, on_delete=models.CASCADE, related_name="publication")
    published_until = models.DateField(
        null=True, help_text="The last day, by the venue's calendar; included."
    )
    timezone = models.CharField(max_length=64, blank=True)
    offsets = models.JSONField(
        default=list,
        help_text="What the zone's distance from UTC was taken to be: pairs of the instant from"
        " which it holds (Unix time) and the distance, both in seconds.",
    )
    unreported_moves = models.JSONField(
        default=list,
        db_default=Value([], models.JSONField()),
        help_text="What updates of the time-zone data moved, until `check_timezones` has told it:"
        " objects with timezone, first_date, seconds (how much later in UTC), slots, bookings.",
    )
    default_slot_minutes = models.PositiveIntegerField(
        null=True,
        help_text="The installation's length, which hours without one of their own were"
        " published by; empty before it was recorded.",
    )
    conflict_count = models.PositiveIntegerField(
        default=0, help_text="Slots that seats in use, or staff, keep from following the schedule."
    )
    requested_at = models.DateTimeField(
        null=True, help_text="When the schedule was said to have changed, until that is published."
    )
    claimed_until = models.DateTimeField(
        null=True, help_text="Somebody is about to publish it; an end that passes frees it."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("venue",)
        indexes = (
            models.Index(
                fields=("requested_at",),
                condition=Q(requested_at__isnull=False),
                name="publication_requested",
            ),
        )

    def __str__(self) -> str:
        return f"{self.venue}, until {self.published_until}"


class Booking(UlidModel):
    """Seats taken, on one slot or on consecutive slots of one resource.

    A hold is a booking in status HELD.
    """

    id = UlidField("booking")
    # Each begins an index already.
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    venue = models.ForeignKey(
        Venue, on_delete=models.PROTECT, related_name="bookings", db_index=False
    )
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(
        User,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="bookings",
        db_index=False,
    )
    guest = models.ForeignKey(
        Guest, on_delete=models.PROTECT, related_name="bookings", db_index=False
    )
    slots = models.ManyToManyField(Slot, through="BookingSlot", related_name="bookings")
    status = models.CharField(max_length=16, choices=BookingStatus)
    guest_count = models.PositiveIntegerField(help_text="Size of the party.")
    seats = models.PositiveIntegerField(help_text="Seats taken on each of its slots.")
    notes = models.TextField(blank=True)
    confirmation_code = models.CharField(max_length=8, unique=True)
    manage_token_hash = models.BinaryField(
        max_length=32,
        null=True,
        editable=False,
        help_text="SHA-256 of the secret that its guest without an account holds.",
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    hold_expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(help_text="Events recorded of it so far.")

    class Meta:
        ordering = ("-starts_at",)
        constraints = (
            models.CheckConstraint(
                condition=Q(guest_count__gt=0, seats__gt=0), name="booking_has_a_party"
            ),
            models.CheckConstraint(
                condition=~Q(status=BookingStatus.HELD) | Q(hold_expires_at__isnull=False),
                name="hold_has_an_end",
            ),
        )
        indexes = (
            models.Index(fields=("venue", "starts_at"), name="booking_by_venue_and_time"),
            # The lists of those who work at all venues of an organization.
            models.Index(fields=("organization", "starts_at"), name="booking_by_tenant_and_time"),
            models.Index(fields=("customer", "created_at", "id"), name="booking_of_customer"),
            # Whether a guest is known to a venue is told by the index alone.
            models.Index(fields=("guest", "venue"), name="booking_by_guest_and_venue"),
            models.Index(
                fields=("hold_expires_at",),
                condition=Q(status=BookingStatus.HELD),
                name="booking_by_lapse",
            ),
            models.Index(
                fields=("starts_at",),
                condition=Q(status=BookingStatus.PENDING),
                name="booking_unanswered",
            ),
        )

    # The slots, where whoever changed the booking has them at hand.
    slots_at_hand: list[Slot] | None = None
    # Told once, to whoever booked without an account; never stored as it is.
    manage_token: str | None = None

    def __str__(self) -> str:
        return self.confirmation_code

    def has_lapsed_at(self, now: datetime) -> bool:
        return (
            self.status == BookingStatus.HELD
            and self.hold_expires_at is not None
            and self.hold_expires_at <= now
        )

    def status_at(self, now: datetime) -> BookingStatus:
        """The status as everybody should see it: a lapsed hold is EXPIRED, swept or not."""
        return BookingStatus.EXPIRED if self.has_lapsed_at(now) else BookingStatus(self.status)

    @property
    def uses_seats(self) -> bool:
        return self.status in SEATED

    @property
    def duration(self) -> timedelta:
        return self.ends_at - self.starts_at


def know_place(row: Slot | Booking, *, venue: Venue, resource: Resource) -> None:
    """Give a row the venue and resource that its ids name.

    To assign them would set the ids once more, and look at routers: a batch has hundreds.
    """
    type(row).venue.field.set_cached_value(row, venue)
    type(row).resource.field.set_cached_value(row, resource)


class IdempotencyKey(UlidModel):
    """A call that succeeded, so that its repetition is answered with the same booking.

    Scoped to the caller, who may have bookings with several organizations.
    """

    id = UlidField("key")
    caller = models.CharField(max_length=80)
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32, help_text="SHA-256 of what was asked for.")
    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("created_at",)
        constraints = (models.UniqueConstraint(fields=("caller", "key"), name="one_call_per_key"),)
        indexes = (models.Index(fields=("created_at",), name="idempotency_key_by_age"),)

    def __str__(self) -> str:
        return self.key


class BookingSlot(models.Model):
    """A booking takes its seats on this slot. The rows stay when the seats go back."""

    pk = models.CompositePrimaryKey("booking_id", "slot_id")
    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="slot_links")
    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, related_name="booking_links")
    # Checked on the booking already; here it is the future sharding key.
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )

    class Meta:
        ordering = ("booking", "slot")

    def __str__(self) -> str:
        return f"{self.booking_id} on {self.slot_id}"


class LedgerCheck(UlidModel):
    """What one check of the whole ledger found."""

    id = UlidField("check")
    started_at = models.DateTimeField()
    seconds = models.FloatField(help_text="How long it took.")
    slots = models.PositiveBigIntegerField()
    bookings = models.PositiveBigIntegerField()
    events = models.PositiveBigIntegerField()
    problem_count = models.PositiveBigIntegerField()
    problems = models.JSONField(default=list, help_text="The first of them, with their figures.")

    class Meta:
        ordering = ("-started_at",)

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}: {self.problem_count} problems"
